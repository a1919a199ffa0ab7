"""A live daemon's session half over the sample history, with the clock in the test's hand."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from sqlalchemy import select

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.configuration.settings import Settings
from daemon.due import due_of
from daemon.feature_set import NOTHING
from daemon.live.feed import Feed
from daemon.live.observer import Observer
from daemon.live.sessions import Sessions
from daemon.session import Pipeline
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.schema import runs
from market.exchange import Exchange
from market.outside import Outside
from market.panel import Panel
from market.price_file import read_prices
from market.provider import Fetched, TransientProviderError
from market.provider_chain import Source
from market.sample import SAMPLE_PATH
from market.splits import Splits
from trading.gate import GateState

FIRST = date(2004, 6, 1)


class SampleProvider:
    """Tells the sample history up to a session, as a provider that has published so far."""

    def __init__(self) -> None:
        panel = read_prices(SAMPLE_PATH)
        self.panel = panel.columns(tuple(t for t in panel.tickers if t != "GOOG"))
        self.published = date.max
        self.down = False
        self.splits: Splits = {}

    async def fetch(self, tickers: object, start: date, end: date) -> Fetched:
        if self.down:
            raise TransientProviderError("the provider is down")
        stop = min(end, self.published)
        rows = [i for i, day in enumerate(self.panel.sessions) if start <= day <= stop]
        if not rows:
            return Fetched(self._empty(), ())
        return Fetched(self.panel.rows(rows[0], rows[-1] + 1), (), splits=self.splits)

    def _empty(self) -> Panel:
        return self.panel.rows(0, 0)


class Desk:
    """A live daemon's session half, with the clock in the test's hand."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        exchange: Exchange,
        outside: Outside = NOTHING,
        *,
        history: int = 320,
    ) -> None:
        market = settings.market.model_copy(update={"history_sessions": history})
        self.settings = settings.model_copy(update={"market": market})
        self.exchange = exchange
        self.database = database
        self.outside = outside
        self.provider = SampleProvider()
        self.clock = ReplayClock(due_of(exchange, FIRST, settings.schedule).due_at)
        self.restart()

    def restart(self) -> None:
        tickers = self.provider.panel.tickers
        compute = Compute(None)
        observer = Observer(self.database, self.clock, ("sample",), (), keep_days=100)
        self.pipeline = Pipeline(
            self.database, self.settings, self.clock, compute, tickers, (), observer, self.outside
        )
        feed = Feed((Source("sample", self.provider),), tickers)
        self.sessions = Sessions(
            self.database, self.settings, self.clock, self.pipeline, feed, self.exchange, ()
        )

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
