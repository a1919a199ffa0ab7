"""The observer: what a running daemon writes down about itself and reads back for its monitors."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from alerts.message import Severity
from daemon.clock import ReplayClock
from daemon.due import Due
from daemon.live.observer import Observer
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore
from daemon.storage.parcel import Status
from daemon.storage.runs import RunStore
from daemon.storage.schema import calls, outbox
from market.provider import PermanentProviderError, ProviderTimeoutError
from monitors.live import Live, Outcome
from tests.daemon.replays import dump

NOW = datetime(2024, 3, 7, 22, 0, tzinfo=UTC)
SESSION = date(2024, 3, 7)
DUE = Due(SESSION, NOW - timedelta(minutes=30), NOW - timedelta(hours=1), NOW + timedelta(hours=16))


class Watched:
    """An observer whose clock is in the test's hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ReplayClock(NOW)
        self.observer = Observer(database, self.clock, ("yahoo", "file"), ("slack",), keep_days=100)

    async def ask(self, *, takes_s: float = 0.0, error: Exception | None = None, empty: bool = False) -> None:
        async with self.observer.asking("yahoo", SESSION) as asked:
            self.clock.advance(self.clock.now() + timedelta(seconds=takes_s))
            if error is not None:
                raise error
            if empty:
                asked.outcome = Outcome.EMPTY

    async def ran(self, job: str, session: date, due_at: datetime, finished: datetime) -> None:
        async with self.database.write() as connection:
            runs = RunStore(connection)
            await runs.record(job, due_at, session, {}, started=finished, finished=finished)

    async def live(self) -> Live:
        async with self.database.read() as connection:
            return await self.observer.live(connection, DUE)

    async def kept(self) -> list[tuple[str, str, str]]:
        async with self.database.read() as connection:
            query = select(calls.c.kind, calls.c.name, calls.c.outcome).order_by(calls.c.began_wall_at)
            return [tuple(row) for row in await connection.execute(query)]


@pytest.fixture
def watched(database: Database) -> Watched:
    return Watched(database)


async def test_every_call_is_written_down_with_its_seconds_and_how_it_ended(watched: Watched) -> None:
    await watched.ask(takes_s=2.5)
    await watched.ask(empty=True)
    with pytest.raises(PermanentProviderError):
        await watched.ask(takes_s=1.0, error=PermanentProviderError("no such file"))
    for late in (TimeoutError(), ProviderTimeoutError("no answer")):
        with pytest.raises(type(late)):
            await watched.ask(error=late)
    found = (await watched.live()).calls
    assert [call.outcome for call in found] == [
        Outcome.OK,
        Outcome.EMPTY,
        Outcome.FAILED,
        Outcome.TIMEOUT,
        Outcome.TIMEOUT,
    ]
    assert found[0].seconds == pytest.approx(2.5, abs=1e-3)
    assert (found[0].began_s, found[0].session) == (NOW.timestamp(), SESSION)


async def test_a_call_that_is_cancelled_leaves_nothing_behind(watched: Watched) -> None:
    with pytest.raises(asyncio.CancelledError):
        async with watched.observer.asking("yahoo", SESSION):
            raise asyncio.CancelledError
    assert await watched.kept() == []


async def test_a_step_that_fails_is_written_down_and_fails_all_the_same(watched: Watched) -> None:
    with pytest.raises(ZeroDivisionError):
        async with watched.observer.running("monitor", SESSION):
            raise ZeroDivisionError
    async with watched.observer.running("judge", SESSION):
        pass
    assert await watched.kept() == [("step", "monitor", "failed")]


async def test_a_session_stumbled_once_however_often_its_steps_failed(watched: Watched) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with watched.observer.running("monitor", SESSION):
                raise ZeroDivisionError
    old = SESSION - timedelta(days=200)
    await watched.ran("forecast", SESSION, DUE.due_at, NOW)
    await watched.ran("forecast", old, DUE.due_at - timedelta(days=200), NOW)
    found = await watched.live()
    assert (found.sessions, found.stumbled) == (1, 1)


async def test_the_forecasts_lateness_runs_from_the_due_instant_to_the_ledgers_row(watched: Watched) -> None:
    await watched.ran("forecast", SESSION - timedelta(days=1), DUE.due_at - timedelta(days=1), NOW)
    await watched.ran("forecast", SESSION, DUE.due_at, NOW + timedelta(minutes=5))
    found = await watched.live()
    assert found.forecast_s - found.due_s == 35 * 60


async def test_a_stores_first_session_was_due_before_anything_ran_and_is_not_late(watched: Watched) -> None:
    await watched.ran("forecast", SESSION, DUE.due_at, NOW)
    assert math.isnan((await watched.live()).due_s)


async def test_messages_are_read_as_delivered_given_up_or_on_their_way(watched: Watched) -> None:
    ended = {"a": (Status.SENT, NOW + timedelta(seconds=3)), "b": (Status.FAILED, None)}
    async with watched.database.write() as connection:
        store = OutboxStore(connection)
        for group in ("a", "b", "c"):
            await store.add(group, 1, {}, Severity.WARNING, ["slack"], at=NOW, wall=NOW)
        for group, (status, at) in ended.items():
            row = update(outbox).where(outbox.c.group_ == group)
            await connection.execute(row.values(status=status.value, sent_wall_at=at))
    sent = (await watched.live()).sent
    assert [message.delivered_s - message.written_s for message in sent[:2]] == [3.0, math.inf]
    assert math.isnan(sent[2].delivered_s)


async def test_old_calls_are_forgotten_and_the_newest_kept(watched: Watched) -> None:
    await watched.ask()
    watched.clock.advance(NOW + timedelta(days=101))
    await watched.ask(empty=True)
    async with watched.database.write() as connection:
        await watched.observer.forget(connection)
    assert await watched.kept() == [("provider", "yahoo", "empty")]


async def test_the_monitors_look_back_ninety_days_only(watched: Watched) -> None:
    await watched.ask()
    watched.clock.advance(NOW + timedelta(days=91))
    assert (await watched.live()).calls == ()
    assert len(await watched.kept()) == 1


async def test_only_the_machines_own_time_tells_two_calls_apart(watched: Watched) -> None:
    for _ in range(3):
        await watched.ask()
    rows = (await dump(watched.database))["calls"]
    assert rows == [("provider", "yahoo", SESSION, "ok")] * 3
