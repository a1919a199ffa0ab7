"""A store in which readings are judged session by session, for the tests of the judge and its shell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from alerts.alert import Alert
from alerts.message import Message, Severity
from alerts.route import Route, Routing
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.silence import Window
from daemon.judge import Judge, Verdict
from daemon.storage.alerts import AlertStore
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.readings import ReadingStore
from daemon.storage.runs import RunStore
from daemon.storage.schema import alert_transitions, audit, outbox
from daemon.storage.stored_message import read_message
from daemon.today import Today
from forecaster.forecast import Direction, Forecast
from monitors.reading import Reading, State
from tests.alerts.cases import DAY, EVERYBODY, reading
from trading.gate import Gate

CALL = Forecast("AAA", Direction.UP, 0.6, 0.6, 0.0, 0.0, (), "because", 1.0)


def fresh(session: date) -> Reading:
    """Return the reading that says every price came."""
    return Reading(session, "execution", "bars_missing_rate", "universe", 0.0, 40, 0.05, State.OK)


@dataclass
class Court:
    """A judge and its store."""

    database: Database
    rules: tuple[Rule, ...]
    channels: tuple[tuple[str, Severity], ...] = EVERYBODY
    routes: tuple[Route, ...] = ()
    windows: tuple[Window, ...] = ()
    session: date = DAY
    now: datetime = field(default=datetime(2024, 1, 2, 21, 30, tzinfo=UTC))

    @property
    def judge(self) -> Judge:
        """A judge that has just been started."""
        routing = Routing(self.channels, self.routes)
        return Judge(Rulebook(self.rules), routing, 0.2, self.windows)

    async def hear(self, *readings: Reading, **values: float) -> Verdict:
        """Judge the next whole session: `psi` of each subject, and other readings."""
        self.session += timedelta(days=1)
        self.now += timedelta(days=1)
        made = [reading(value, self.session, subject=name) for name, value in values.items()]
        today = Today(self.session, (CALL,))
        today.readings = (*made, *readings, fresh(self.session))
        async with self.database.write() as connection:
            await ReadingStore(connection).add(today.readings)
            verdict = await self.judge.session(connection, today, self.now, self.now)
            await RunStore(connection).record(
                "judge", self.now, self.session, {}, started=self.now, finished=self.now
            )
            return verdict

    async def part(self, **values: float) -> Verdict:
        """Judge a part of the present session."""
        made = tuple(reading(value, self.session, subject=name) for name, value in values.items())
        async with self.database.write() as connection:
            return await self.judge.readings(connection, made, self.now, self.now)

    async def tick(self, **span: float) -> Verdict | None:
        """Let time pass, and tell what it made due."""
        self.now += timedelta(**span)
        async with self.database.write() as connection:
            return await self.judge.tick(connection, self.now, self.now)

    async def messages(self) -> list[tuple[str, Message]]:
        """Return (channel, message) of every row of the outbox, by group, revision and channel."""
        order = (outbox.c.group_, outbox.c.revision, outbox.c.channel)
        rows = await self.rows(select(outbox).order_by(*order))
        return [(row.channel, read_message(row.message)) for row in rows]

    async def transitions(self) -> list[tuple[str, str, str]]:
        """Return (fingerprint, state, reason) of every transition."""
        table = alert_transitions
        rows = await self.rows(select(table).order_by(table.c.at, table.c.fingerprint, table.c.move))
        return [(row.fingerprint, row.after, row.reason) for row in rows]

    async def deeds(self) -> list[tuple[str, str]]:
        """Return (actor, action) of every row of the audit trail."""
        return [(row.actor, row.action) for row in await self.rows(select(audit).order_by(audit.c.seq))]

    async def alerts(self) -> dict[str, Alert]:
        """Return the stored alerts."""
        async with self.database.read() as connection:
            return await AlertStore(connection).all()

    async def gate(self) -> Gate:
        """Return the stored gate."""
        async with self.database.read() as connection:
            gate = await GateStore(connection).read()
        assert gate is not None
        return gate

    async def rows(self, query: Any) -> list[Any]:  # noqa: ANN401 - a select
        """Return what a query finds."""
        async with self.database.read() as connection:
            return list((await connection.execute(query)).all())
