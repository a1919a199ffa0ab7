"""Which sessions are due: catch-up after a stop, late prices, and orders decided too late."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.config import Settings
from daemon.due import due_of
from daemon.feed import Feed, FeedError
from daemon.live import Sessions
from daemon.session import Pipeline
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.runs import RunStore
from daemon.storage.schema import runs
from market.exchange import Exchange
from market.panel import Panel
from market.price_file import read_prices
from market.provider import Fetched, TransientProviderError
from market.sample import SAMPLE_PATH
from tests.daemon.replays import short_settings
from trading.gate import GateState

FIRST = date(2004, 6, 1)


class SampleProvider:
    """Tells the sample history up to a session, as a provider that has published so far."""

    def __init__(self) -> None:
        panel = read_prices(SAMPLE_PATH)
        self.panel = panel.columns(tuple(t for t in panel.tickers if t != "GOOG"))
        self.published = date.max
        self.down = False

    def fetch(self, tickers: object, start: date, end: date) -> Fetched:
        if self.down:
            raise TransientProviderError("the provider is down")
        stop = min(end, self.published)
        rows = [i for i, day in enumerate(self.panel.sessions) if start <= day <= stop]
        if not rows:
            return Fetched(self._empty(), ())
        return Fetched(self.panel.rows(rows[0], rows[-1] + 1), ())

    def _empty(self) -> Panel:
        return self.panel.rows(0, 0)


class Desk:
    """A live daemon's session half, with the clock in the test's hand."""

    def __init__(self, database: Database, settings: Settings, exchange: Exchange) -> None:
        market = settings.market.model_copy(update={"history_sessions": 320})
        self.settings = settings.model_copy(update={"market": market})
        self.exchange = exchange
        self.database = database
        self.provider = SampleProvider()
        self.clock = ReplayClock(due_of(exchange, FIRST, settings.schedule).due_at)
        self.restart()

    def restart(self) -> None:
        tickers = self.provider.panel.tickers
        compute = Compute(None)
        self.pipeline = Pipeline(self.database, self.settings, self.clock, compute, tickers, ())
        feed = Feed(self.provider, tickers)
        self.sessions = Sessions(self.database, self.settings, self.clock, self.pipeline, feed, self.exchange)

    def at(self, session: date, *, minutes: int = 0) -> None:
        due_at = due_of(self.exchange, session, self.settings.schedule).due_at
        self.clock.advance(due_at + timedelta(minutes=minutes))

    async def look(self) -> int:
        return await self.sessions.run_due(asyncio.Event())

    async def results(self, job: str) -> dict[date, dict[str, object]]:
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(runs.c.session, runs.c.result).where(runs.c.job == job).order_by(runs.c.session)
            )
            return {row.session: row.result for row in rows}

    async def gate(self) -> GateState:
        async with self.database.read() as connection:
            found = await GateStore(connection).read()
        assert found is not None
        return found.state


@pytest.fixture
async def desk(database: Database, exchange: Exchange, tmp_path: Path) -> Desk:
    desk = Desk(database, short_settings(tmp_path), exchange)
    await desk.pipeline.restore()
    assert await desk.look() == 1
    return desk


async def test_a_new_store_keeps_history_and_judges_the_newest_session_only(desk: Desk) -> None:
    assert list(await desk.results("judge")) == [FIRST]
    assert len(await desk.results("features")) == 321
    assert await desk.gate() is GateState.ACTIVE
    assert await desk.look() == 0


async def test_missed_sessions_are_caught_up_in_order_and_their_late_orders_never_trade(desk: Desk) -> None:
    missed = desk.exchange.sessions(FIRST + timedelta(days=1), date(2004, 6, 8))
    desk.at(missed[-1])
    desk.restart()
    await desk.pipeline.restore()
    await desk.sessions.start()
    assert await desk.gate() is GateState.UNKNOWN
    assert await desk.look() == len(missed)
    assert await desk.gate() is GateState.ACTIVE
    orders = await desk.results("order")
    assert [orders[day]["late"] for day in missed] == [True] * (len(missed) - 1) + [False]
    assert all(orders[day]["orders"] == 0 for day in missed[:-1])


async def test_a_session_waits_for_its_prices_and_then_runs(desk: Desk) -> None:
    session = desk.exchange.next(FIRST)
    desk.provider.published = FIRST
    desk.at(session)
    with pytest.raises(FeedError, match="100% of the bars of 2004-06-02 are missing so far"):
        await desk.look()
    desk.provider.published = session
    assert await desk.look() == 1
    assert await desk.gate() is GateState.ACTIVE


async def test_without_prices_until_the_deadline_the_gate_is_unknown(desk: Desk) -> None:
    session = desk.exchange.next(FIRST)
    desk.provider.down = True
    desk.at(session)
    with pytest.raises(FeedError, match="the provider is down"):
        await desk.look()
    assert await desk.gate() is GateState.ACTIVE
    desk.at(session, minutes=desk.settings.schedule.data_deadline_minutes)
    assert await desk.look() == 1
    assert await desk.gate() is GateState.UNKNOWN
    desk.provider.down = False
    desk.at(desk.exchange.next(session))
    assert await desk.look() == 1
    assert await desk.gate() is GateState.ACTIVE


async def test_a_start_that_missed_nothing_keeps_the_gate(desk: Desk) -> None:
    desk.restart()
    await desk.pipeline.restore()
    await desk.sessions.start()
    assert await desk.gate() is GateState.ACTIVE


async def test_the_next_alarm_is_the_next_sessions_close_and_a_margin(desk: Desk) -> None:
    assert desk.sessions.next_due_at() == datetime.fromisoformat("2004-06-02T20:30:00+00:00")
    async with desk.database.read() as connection:
        assert await RunStore(connection).last_session("order") == FIRST
