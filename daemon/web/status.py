"""The status: everything the page and `GET /status` show, read from the store in one transaction."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import AlertState
from alerts.rule import Rule
from alerts.silence import Silence
from daemon.clock import Clock
from daemon.live.health import Health, LoopHealth
from daemon.live.outage import STORE
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.models import ModelStore
from daemon.storage.moves import MoveStore
from daemon.storage.origin import OriginStore
from daemon.storage.outbox import Status as Delivery
from daemon.storage.readings import ReadingStore
from daemon.storage.regimes import RegimeStore
from daemon.storage.runs import RunStore
from daemon.storage.schema import forecasts, gate_transitions, outbox, readings, sessions
from daemon.storage.silences import SilenceStore
from daemon.summary import Summary, summarise
from daemon.web.status_alerts import SHOWN, OpenAlert, read_alerts, recently_over
from daemon.web.status_curve import EquityPoint, read_curve
from forecaster.forecast import Direction
from monitors.reading import Reading, State
from trading.gate import GLOBAL, Gate, GateState

RECENT_MOVES: Final = 10


@dataclass(frozen=True, slots=True)
class GateStatus:
    """The gate as shown; UNKNOWN without a `since` where none is saved or none can be read."""

    state: GateState
    latched: bool
    epoch: int
    since: datetime | None
    rule: str
    reason: str
    actor: str

    @classmethod
    def of(cls, gate: Gate | None) -> GateStatus:
        """Show a saved gate."""
        if gate is None:
            return cls.unknown("no session has been judged yet")
        return cls(gate.state, gate.latched, gate.epoch, gate.since, gate.rule, gate.reason, gate.actor)

    def doubted(self, reason: str) -> GateStatus:
        """Show what a saved gate is worth while the store cannot be relied on: never ACTIVE.

        Args:
            reason: Why it cannot; "" where it can. What is stricter than UNKNOWN stays.
        """
        if not reason or self.state is not GateState.ACTIVE:
            return self
        return replace(self, state=GateState.UNKNOWN, reason=f"the store cannot be relied on: {reason}")

    @classmethod
    def unknown(cls, reason: str) -> GateStatus:
        """Show that nothing is known, and why."""
        return cls(GateState.UNKNOWN, False, 0, None, "", reason, "forewarn")


@dataclass(frozen=True, slots=True)
class GateMove:
    """One transition of the gate; `session` is None for a person's command, `at` is aware UTC."""

    epoch: int
    at: datetime
    session: date | None
    before: GateState
    after: GateState
    rule: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """The newest session: the last one judged, or the last one stored while none is.

    Attributes:
        session: The session.
        judged: Whether its monitors have spoken and the gate was judged.
        calendar: Whose session it is.
        closed_at: The exchange's close, aware UTC.
        bars: Bars that came.
        missing: Bars that did not.
        forecasts: How many by direction: `up`, `down`, `no_call`.
        readings: How many by state: `ok`, `warn`, `breach`, `no_data`.
        regime: The market's regime at its close; "" where no session has one.
        regime_since: The first session of that spell; None likewise.
        model: The version in use; None before the first fit.
        model_fitted_on: The session at whose close it was fitted; None likewise.
        model_strength: How much of what its signals lean to it believes; 0 for none of it, None likewise.
    """

    session: date
    judged: bool
    calendar: str
    closed_at: datetime
    bars: int
    missing: int
    forecasts: dict[str, int]
    readings: dict[str, int]
    regime: str = ""
    regime_since: date | None = None
    model: int | None = None
    model_fitted_on: date | None = None
    model_strength: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown.

    Attributes:
        at: When it was read, aware UTC.
        version: Forewarn's version.
        database: The database without its password.
        kind: `live`, `replay`, or `new` where the store belongs to nothing yet.
        origin: What the store belongs to.
        gate: The global gate as it counts now: not ACTIVE while the store cannot be relied on.
        moves: Its newest transitions, newest first.
        session: The newest session; None in an empty store.
        alerts: What fires, then what has no data, then what is pending; of each the most urgent first.
        resolved: What fired and is over since a few days, the newest first.
        silences: The silences that run or are to come, the newest first.
        readings: The newest session's readings, by metric and subject.
        equity: Both books, oldest first, thinned to at most `status_curve.MAX_POINTS`.
        summary: Totals, pauses and drawdowns over the whole history.
        outbox: How many messages by delivery status.
        loops: The process's loops.
    """

    at: datetime
    version: str
    database: str
    kind: str
    origin: dict[str, str]
    gate: GateStatus
    moves: tuple[GateMove, ...]
    session: SessionFacts | None
    alerts: tuple[OpenAlert, ...]
    resolved: tuple[OpenAlert, ...]
    silences: tuple[Silence, ...]
    readings: tuple[Reading, ...]
    equity: tuple[EquityPoint, ...]
    summary: Summary
    outbox: dict[str, int]
    loops: tuple[LoopHealth, ...]

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more: a replay all of whose loops have ended."""
        ended = [math.isinf(loop.within_s) for loop in self.loops]
        return self.kind == "replay" and bool(ended) and all(ended)

    @property
    def firing(self) -> tuple[OpenAlert, ...]:
        """The alerts that fire."""
        return tuple(alert for alert in self.alerts if alert.state is AlertState.FIRING)

    @property
    def waiting(self) -> tuple[OpenAlert, ...]:
        """The alerts that are open and do not fire."""
        return tuple(alert for alert in self.alerts if alert.state is not AlertState.FIRING)

    def to_json(self) -> dict[str, Any]:
        """Return the object `GET /status` answers; an unknown number is null."""
        plain: dict[str, Any] = to_plain(self)
        for pause in plain["summary"]["pauses"]:
            pause["from"], pause["to"] = pause.pop("start"), pause.pop("end")
        return plain


async def read_status(
    database: Database, health: Health, clock: Clock, *, version: str, rules: Iterable[Rule] = ()
) -> Status:
    """Read everything in one reading transaction.

    Args:
        database: The store, migrated; it may be empty.
        health: The loops' progress stamps.
        clock: What time it is.
        version: Forewarn's version.
        rules: The rules in force: they know an alert's severity and words.

    Raises:
        DatabaseError: The database cannot be reached.
        SQLAlchemyError: It cannot be read.
    """
    async with database.read() as connection:
        judged = await RunStore(connection).last_session("judge")
        newest = judged or (await connection.execute(select(func.max(sessions.c.session)))).scalar()
        origin = await OriginStore(connection).read()
        made = await _newest_readings(connection)
        listed = await read_alerts(connection, {rule.name: rule for rule in rules})
        saved = GateStatus.of(await GateStore(connection).read())
        status = Status(
            at=clock.now(),
            version=version,
            database=database.name,
            kind=origin.get("kind", "new"),
            origin=origin,
            gate=saved,
            moves=await _moves(connection),
            session=await _session(connection, newest, judged=judged is not None) if newest else None,
            alerts=tuple(alert for alert in listed if alert.state in SHOWN),
            resolved=recently_over(listed, newest) if newest else (),
            silences=await SilenceStore(connection).running(clock.now()),
            readings=made,
            equity=await read_curve(connection),
            summary=await summarise(connection),
            outbox=await _outbox(connection),
            loops=health.loops(),
        )
    return replace(status, gate=saved.doubted(health.doubt(STORE)))  # last, for what failed meanwhile


def to_plain(value: Any) -> Any:  # noqa: ANN401 - any value of a status
    """Return a value as JSON knows it: dates in ISO 8601, enums by value, NaN and infinity as None."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


async def _session(connection: AsyncConnection, session: date, *, judged: bool) -> SessionFacts:
    row = (await connection.execute(select(sessions).where(sessions.c.session == session))).one()
    called = await _counts(connection, forecasts.c.direction, forecasts.c.session == session)
    states = await _counts(connection, readings.c.state, readings.c.session == session)
    regime = await RegimeStore(connection).spell(session)
    last = await MoveStore(connection).last()
    model = await ModelStore(connection).get(last.version) if last else None
    return SessionFacts(
        session=session,
        judged=judged,
        calendar=row.calendar,
        closed_at=row.closed_at,
        bars=row.bars,
        missing=row.missing,
        forecasts={one.value: called.get(one.value, 0) for one in Direction},
        readings={one.value: states.get(one.value, 0) for one in State},
        regime=regime[0] if regime else "",
        regime_since=regime[1] if regime else None,
        model=model.version if model else None,
        model_fitted_on=model.fitted_on if model else None,
        model_strength=model.strength if model else None,
    )


async def _moves(connection: AsyncConnection) -> tuple[GateMove, ...]:
    columns = [gate_transitions.c[field.name] for field in fields(GateMove)]
    newest = select(*columns).where(gate_transitions.c.scope == GLOBAL)
    found = await connection.execute(newest.order_by(gate_transitions.c.epoch.desc()).limit(RECENT_MOVES))
    return tuple(
        GateMove(**{**row._mapping, "before": GateState(row.before), "after": GateState(row.after)})
        for row in found
    )


async def _newest_readings(connection: AsyncConnection) -> tuple[Reading, ...]:
    newest = (await connection.execute(select(func.max(readings.c.session)))).scalar()
    return await ReadingStore(connection).of(newest) if newest else ()


async def _outbox(connection: AsyncConnection) -> dict[str, int]:
    found = await _counts(connection, outbox.c.status)
    return {status.value: found.get(status.value, 0) for status in Delivery}


async def _counts(connection: AsyncConnection, column: Any, *where: Any) -> dict[str, int]:  # noqa: ANN401
    found = await connection.execute(select(column, func.count()).where(*where).group_by(column))
    return {row[0]: row[1] for row in found}
