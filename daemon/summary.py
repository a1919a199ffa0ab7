"""The summary: what a history of sessions came to, read from the store alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.compose import amount
from daemon.storage.schema import (
    accounts,
    alert_transitions,
    forecasts,
    gate_transitions,
    models,
    outbox,
    readings,
    runs,
    trades,
)
from daemon.storage.trading import PAPER, UNGATED
from trading.gate import GLOBAL, GateState


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the gate was not ACTIVE, after it first was; a person's lift ends it.

    Attributes:
        start: The session whose judgement closed it.
        end: The session in which it was lifted or judged open again; None while it is closed.
        rule: The rule that closed it; `no_fresh_data` or `person` where none did.
        strictest: The strictest state in between.
        reason: Why, in words; where the alert had begun to fire before, with when and at what value.
        sessions: Sessions judged while it was closed.
        lifted_by: Who lifted a latched halt, or "".
    """

    start: date
    end: date | None
    rule: str
    strictest: GateState
    reason: str
    sessions: int
    lifted_by: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened.

    Attributes:
        sessions: Sessions judged.
        first: The first of them, None where there is none.
        last: The last of them.
        models: Models fitted.
        forecasts: Forecasts with a direction.
        trades: Closed trades.
        readings: Readings taken.
        fired: Alerts that began to fire.
        resolved: Alerts that were resolved.
        by_year: (year, alerts fired, pauses begun) for every year.
        told_by_year: (year, messages written to the outbox) for every year.
        pauses: Every pause, oldest first.
        left_out: Bars that could not be right and were left out, in words, oldest first.
        equity: Equity of the paper account at the last close, USD.
        equity_ungated: The same with the gate held open.
        max_drawdown: Largest loss from a running peak of the equity, a fraction.
        max_drawdown_ungated: The same with the gate held open.
    """

    sessions: int
    first: date | None
    last: date | None
    models: int
    forecasts: int
    trades: int
    readings: int
    fired: int
    resolved: int
    by_year: tuple[tuple[int, int, int], ...]
    told_by_year: tuple[tuple[int, int], ...]
    pauses: tuple[Pause, ...]
    left_out: tuple[str, ...]
    equity: float
    equity_ungated: float
    max_drawdown: float
    max_drawdown_ungated: float

    @property
    def note(self) -> str:
        """Say that nothing was forecast, and why; "" where something was."""
        if self.forecasts:
            return ""
        why = "no forecast had a direction"
        if not self.models:
            why = "too few sessions with outcomes to fit a model, see forecast.min_train_sessions"
        noun = "session" if self.sessions == 1 else "sessions"
        return f"Nothing was forecast in {self.sessions:,} {noun}, and the account is untouched: {why}"

    def to_json(self, seconds: float) -> dict[str, Any]:
        """Return the one object that `--json` prints."""
        return {
            "sessions": self.sessions,
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "forecasts": self.forecasts,
            "trades": self.trades,
            "note": self.note,
            "readings": self.readings,
            "alerts": {"fired": self.fired, "resolved": self.resolved},
            "pauses": [
                {
                    "from": pause.start.isoformat(),
                    "to": pause.end.isoformat() if pause.end else None,
                    "rule": pause.rule,
                    "strictest": pause.strictest.value,
                    "sessions": pause.sessions,
                    "lifted_by": pause.lifted_by,
                }
                for pause in self.pauses
            ],
            "left_out": list(self.left_out),
            "by_year": [
                {"year": year, "alerts_fired": fired, "messages": told, "pauses": paused}
                for (year, fired, paused), (_, told) in zip(self.by_year, self.told_by_year, strict=True)
            ],
            "equity": round(self.equity, 2),
            "equity_ungated": round(self.equity_ungated, 2),
            "max_drawdown": round(self.max_drawdown, 6),
            "max_drawdown_ungated": round(self.max_drawdown_ungated, 6),
            "seconds": round(seconds, 2),
        }


async def summarise(connection: AsyncConnection) -> Summary:
    """Read the whole history of a store."""
    judged = list(
        (
            await connection.execute(
                select(runs.c.session).where(runs.c.job == "judge").order_by(runs.c.session)
            )
        ).scalars()
    )
    pauses = tuple([await _with_firing(connection, one) for one in await _pauses(connection, judged)])
    moves = (await connection.execute(select(alert_transitions.c.session, alert_transitions.c.after))).all()
    fired = [row.session.year for row in moves if row.after == "firing"]
    sent = select(outbox.c.created_at, outbox.c.group_, outbox.c.revision).distinct()
    told = [row.created_at.year for row in await connection.execute(sent)]
    years = sorted({day.year for day in judged})
    paper, ungated = await equity_curve(connection, PAPER), await equity_curve(connection, UNGATED)
    called = forecasts.c.direction != "no_call"
    return Summary(
        sessions=len(judged),
        first=judged[0] if judged else None,
        last=judged[-1] if judged else None,
        models=await _count(connection, select(func.count()).select_from(models)),
        forecasts=await _count(connection, select(func.count()).select_from(forecasts).where(called)),
        trades=await _count(connection, select(func.count()).select_from(trades)),
        readings=await _count(connection, select(func.count()).select_from(readings)),
        fired=len(fired),
        resolved=sum(row.after == "resolved" for row in moves),
        by_year=tuple(
            (year, fired.count(year), sum(pause.start.year == year for pause in pauses)) for year in years
        ),
        told_by_year=tuple((year, told.count(year)) for year in years),
        pauses=pauses,
        left_out=await _left_out(connection),
        equity=paper[-1][1] if paper else 0.0,
        equity_ungated=ungated[-1][1] if ungated else 0.0,
        max_drawdown=_max_drawdown(paper),
        max_drawdown_ungated=_max_drawdown(ungated),
    )


async def equity_curve(connection: AsyncConnection, book: str) -> list[tuple[date, float]]:
    """Return (session, equity in USD) of a book, oldest first."""
    query = (
        select(accounts.c.session, accounts.c.equity)
        .where(accounts.c.book == book)
        .order_by(accounts.c.session)
    )
    return [(row.session, row.equity) for row in await connection.execute(query)]


async def _left_out(connection: AsyncConnection) -> tuple[str, ...]:
    ingested = select(runs.c.result).where(runs.c.job == "ingest").order_by(runs.c.session)
    return tuple(
        words
        for result in (await connection.execute(ingested)).scalars()
        for words in result.get("quarantined", ())
    )


async def _pauses(connection: AsyncConnection, judged: list[date]) -> tuple[Pause, ...]:
    query = (
        select(gate_transitions).where(gate_transitions.c.scope == GLOBAL).order_by(gate_transitions.c.epoch)
    )
    found: list[Pause] = []
    opened = False
    current: list[Any] = []
    for row in await connection.execute(query):
        lift = row.after == GateState.UNKNOWN and row.actor != "forewarn"
        if row.after == GateState.ACTIVE or lift:
            if current:
                found.append(_pause(current, row, judged))
            opened, current = True, []
        elif opened:
            current.append(row)
    if current:
        found.append(_pause(current, None, judged))
    return tuple(found)


def _pause(rows: list[Any], ended: Any, judged: list[date]) -> Pause:  # noqa: ANN401 - rows of gate_transitions
    first = rows[0]
    start = first.session or first.at.date()
    end = (ended.session or ended.at.date()) if ended is not None else None
    fallback = "person" if first.actor != "forewarn" else "no_fresh_data"
    return Pause(
        start=start,
        end=end,
        rule=first.rule or fallback,
        strictest=max((GateState(row.after) for row in rows), key=lambda state: state.strictness),
        reason=first.reason,
        sessions=sum(start <= day and (end is None or day < end) for day in judged),
        lifted_by=ended.actor if ended is not None and ended.actor != "forewarn" else "",
    )


async def _with_firing(connection: AsyncConnection, pause: Pause) -> Pause:
    """Add what fired a pause that begins later: a lift ends one pause, the same alert may begin the next."""
    query = (
        select(alert_transitions)
        .where(
            alert_transitions.c.rule == pause.rule,
            alert_transitions.c.after == "firing",
            alert_transitions.c.session <= pause.start,
        )
        .order_by(alert_transitions.c.session.desc(), alert_transitions.c.fingerprint)
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    if row is None or row.session == pause.start or row.value is None:
        return pause
    of_it = select(readings.c.metric).where(
        readings.c.session == row.session,
        readings.c.subject == row.subject,
        readings.c.value == row.value,
    )
    metric = (await connection.execute(of_it.limit(1))).scalar() or ""
    told = f"{pause.reason}; it has fired since {row.session}, then at {amount(metric, row.value)}"
    return replace(pause, reason=told)


async def _count(connection: AsyncConnection, query: Any) -> int:  # noqa: ANN401 - a select of one number
    return int((await connection.execute(query)).scalar() or 0)


def _max_drawdown(curve: list[tuple[date, float]]) -> float:
    if not curve:
        return 0.0
    equity = np.array([value for _, value in curve])
    return float(np.max(1.0 - equity / np.maximum.accumulate(equity)))
