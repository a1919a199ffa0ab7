"""One market session, once.

    ingest -> features -> forecast -> settle -> monitor -> judge -> order      (delivery follows)

Each step computes first, then commits its rows together with its row in the ledger, then extends the memory.
A step whose row is in the ledger has happened and is not repeated, so a process may die between two lines.
Orders come last: no order is written from a session whose monitors have not spoken and whose gate has not
been judged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.message import Severity
from alerts.rulebook import Rulebook
from daemon.books import Books
from daemon.clock import Clock, SystemClock
from daemon.compute import Compute
from daemon.configuration.settings import Settings
from daemon.due import Due
from daemon.facts import make_facts, watch_settings
from daemon.feature_set import NOTHING, FeatureSet
from daemon.forecast_desk import ForecastDesk
from daemon.judge import Decision, Judge
from daemon.live.observer import Observer
from daemon.memory import Memory
from daemon.outside_desk import OutsideDesk
from daemon.price_series import to_forecast
from daemon.storage.audit import AuditStore
from daemon.storage.bars import BarStore, SessionBars
from daemon.storage.database import Database
from daemon.storage.features import FeatureStore
from daemon.storage.forecasts import ForecastStore
from daemon.storage.readings import ReadingStore
from daemon.storage.regimes import RegimeStore
from daemon.storage.runs import RunStore
from daemon.today import Resolved, Settled, Today
from forecaster.features import feature_matrix
from forecaster.forecast import Direction, Forecast
from forecaster.ranks import centred_ranks
from forecaster.regime import Observation, observe, step
from market.outside import Outside
from market.panel import FloatArray, Panel
from market.revisions import Revision
from monitors.live import Live
from monitors.watch import WatchState, watch
from trading.sizing import View

WARM_UP = ("ingest", "features")
STEPS = (*WARM_UP, "forecast", "settle", "monitor", "judge", "order")
SPARE_SESSIONS = 30
"""Sessions kept and read beyond the longest lookback, for those in which nothing was known."""

VOLATILITY = "volatility_21"


class Pipeline:
    """Runs sessions against a store. Sessions are given in order, by one pipeline a store."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        compute: Compute,
        tickers: tuple[str, ...],
        channels: tuple[tuple[str, Severity], ...],
        observer: Observer | None = None,
        outside: Outside = NOTHING,
    ) -> None:
        """Wire the pipeline; nothing is read until `restore`.

        Args:
            database: The store, migrated.
            settings: The configuration.
            clock: What time it is.
            compute: Where functions that use the processor run.
            tickers: Every ticker whose bars are kept; those that start with `^` are never traded.
            channels: (name, least severity) of the channels that messages are written for.
            observer: What watches the running daemon itself; None in a replay, which has nothing to watch.
            outside: Where what daily bars do not hold is told.
        """
        self._observer = observer
        self._database = database
        self._settings = settings
        self._clock = clock
        self._compute = compute
        self._wall = SystemClock()
        forecast_ = settings.forecast
        kept = tuple(sorted(tickers))
        universe = to_forecast(kept)
        features = FeatureSet.of(settings.market, kept, universe, outside)
        depth = (
            features.lookback
            + forecast_.train_sessions
            + forecast_.refit_sessions
            + forecast_.horizon_sessions
            + SPARE_SESSIONS
        )
        self._set = features
        self.memory = Memory(kept, universe, depth, forecast_.horizon_sessions, forecast_.target, features)
        self.judge = Judge(
            Rulebook(settings.rule_set()),
            settings.routing(channels),
            settings.monitors.max_missing,
            settings.windows(),
        )
        self.decided: Callable[[Sequence[Decision]], None] = lambda decisions: None
        self._books = Books.of(settings.trading, forecast_)
        self._watch = WatchState.start()
        self._limits = watch_settings(settings)
        self._desk = ForecastDesk(self.memory, database, compute, settings)
        self._outside = OutsideDesk(outside, self.memory, database, live=observer is not None)

    async def restore(self) -> None:
        """Rebuild the memory from the store."""
        await self.memory.restore(self._database)
        async with self._database.read() as connection:
            saved = await ReadingStore(connection).state("watch")
            settled = await RunStore(connection).last_session("settle")
            await self._desk.take_over(connection, settled)
        self._watch = WatchState.from_dict(saved) if saved else WatchState.start()

    def bars_of(self, session: date) -> SessionBars | None:
        """Return a session's bars if they are kept."""
        if session not in self.memory.sessions:
            return None
        return SessionBars(session, self.memory.bars[self.memory.sessions.index(session)])

    def is_told(self, session: date) -> bool:
        """Whether anything was told from outside by a kept session's close."""
        told = self.memory.outside.get(session)
        return told is not None and bool(np.isfinite(told).any())

    def expecting(self, days: Sequence[SessionBars]) -> AbstractAsyncContextManager[None]:
        """Stand around keeping a history; days that are kept already are at its beginning.

        Each day that is not kept yet asks for what was told of the session before it.
        """
        new = [day for day in days if day.session not in self.memory.sessions]
        if not new:
            return nullcontext()
        return self._outside.expecting(
            (*self.memory.sessions[-1:], *(day.session for day in new[:-1])), new[0].splits
        )

    async def prepare(self, day: SessionBars) -> None:
        """Wait for what a session needs beside its bars; to break this off loses nothing.

        A session whose bars are kept has been given it, and its own is not told before the next one.
        """
        if day.session not in self.memory.sessions:
            await self._outside.prepare(day.splits)

    async def fill(self, due: Due, changes: tuple[Revision, ...]) -> None:
        """Keep what came late or was corrected, known from now on; sessions that have run stay as they are.

        Args:
            due: The newest session that is due; it is filled once.
            changes: Of kept sessions.
        """

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            return {"bars": await self._revise(connection, changes)}

        await self._commit("fill", due, write)
        await self._desk.revise(changes)

    async def run(self, due: Due, day: SessionBars, *, warm_up: bool = False) -> int:
        """Run the steps of one session that the ledger does not hold yet.

        Args:
            due: The session.
            day: Its bars, in the order of the memory's tickers.
            warm_up: Only keep its bars and features: it lies before the first session to forecast.

        Returns:
            How many messages it wrote to the outbox.
        """
        done, today = await self._recall(due.session)
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "ingest": lambda: self._ingest(due, day),
            "features": lambda: self._features(due),
            "forecast": lambda: self._forecast(due, today),
            "settle": lambda: self._settle(due, today),
            "monitor": lambda: self._monitor(due, today),
            "judge": lambda: self._judge_session(due, today),
            "order": lambda: self._order(due, today),
        }
        for name in WARM_UP if warm_up else STEPS:
            if name not in done:
                async with self._observer.running(name, due.session) if self._observer else nullcontext():
                    await steps[name]()
        return today.posted

    async def _recall(self, session: date) -> tuple[frozenset[str], Today]:
        """Return the steps that have run and what they brought; nothing has where the bars are not kept."""
        if session not in self.memory.sessions:
            return frozenset(), Today(session)
        async with self._database.read() as connection:
            done = await RunStore(connection).done(session)
            return done, await Today.recall(connection, session, done)

    async def _ingest(self, due: Due, day: SessionBars) -> None:
        told = await self._outside.look(day.splits)

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            now = self._clock.now()
            revised = await self._revise(connection, day.revisions)
            written = await BarStore(connection).add(
                day,
                self.memory.tickers,
                calendar=self._settings.market.calendar,
                closed_at=due.closed_at,
                known_at=now,
            )
            if told:
                await self._outside.keep(connection, due.session, told, now)
            return {"bars": written, "revised": revised, "quarantined": list(day.quarantined)}

        await self._commit("ingest", due, write)
        await self._desk.revise(day.revisions)
        self.memory.append(day, told.shares if told else None)

    async def _revise(self, connection: AsyncConnection, changes: tuple[Revision, ...]) -> int:
        """Write corrected and late bars and the outcomes that follow from them; return how many changed."""
        changed = await BarStore(connection).revise(changes, self._clock.now())
        universe, target = self.memory.universe, self.memory.target
        for session, found in self.memory.rederived(changes).items():
            await ForecastStore(connection).correct(session, universe, found, found.came(target))
        return changed

    async def _features(self, due: Due) -> None:
        count, universe = self._set.lookback + SPARE_SESSIONS, self.memory.universe
        panel, shares = self.memory.panel(count), self.memory.shares(count)
        matrix, ranks, seen = await self._compute.run(compute_features, panel, shares, universe, self._set)
        market, regime = step(self.memory.market, seen)

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            await FeatureStore(connection).add(due.session, universe, matrix, self._set.fingerprint)
            await RegimeStore(connection).add(due.session, seen, regime)
            return {"known": round(float((~np.isnan(matrix)).mean()), 6), "regime": regime.name}

        await self._commit("features", due, write)
        self.memory.features[due.session] = matrix
        self.memory.ranks[due.session] = ranks
        self.memory.follow(due.session, market, regime)

    async def _forecast(self, due: Due, today: Today) -> None:
        """Forecast with the model in use; fit or judge another one where that is due."""
        async with self._database.read() as connection:
            await self._desk.look(connection, due.session)
        change = await self._desk.change(due.session, self._clock.now())
        made = await self._desk.forecasts(due.session, change)
        if change.unfitted and self._observer:
            await self._observer.failed("fit", due.session)

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            await self._desk.keep(connection, change)
            if change.champion:
                store, horizon = ForecastStore(connection), self.memory.horizon
                await store.add(due.session, change.champion.version, horizon, made)
            calls = sum(one.direction is not Direction.NO_CALL for one in made)
            noted = {"unfitted": change.unfitted} if change.unfitted else {}
            return {"forecasts": len(made), "calls": calls, **noted}

        await self._commit("forecast", due, write)
        today.forecasts = made
        await self._desk.follow(due.session, change)

    async def _settle(self, due: Due, today: Today) -> None:
        """Fill yesterday's orders at this open, mark both books at this close, resolve outcomes."""
        opens, closes = self.memory.prices(due.session, "open"), self.memory.prices(due.session, "close")
        sessions = (self.memory.before(due.session), due.session)
        book, decisions = await self._desk.entered(due.session)

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            settled = await self._books.settle(connection, sessions, opens, closes, self._clock.now())
            resolved = await self._resolve(connection, due.session)
            today.settled = replace(settled, resolved=resolved)
            for decision in decisions:
                await AuditStore(connection).add(
                    self._clock.now(), "forewarn", f"calibration.{decision.verdict}", asdict(decision)
                )
            return {
                "orders": settled.orders,
                "failed": settled.failed,
                "anew": settled.anew,
                "return": settled.return_,
                "outcomes": len(resolved),
            }

        await self._commit("settle", due, write)
        self.memory.book = book

    async def _resolve(self, connection: AsyncConnection, session: date) -> tuple[Resolved, ...]:
        """Write the outcomes that this session's open brings; return them beside what was stated."""
        resolved = self.memory.resolved_by(session)
        found = self.memory.outcome(resolved) if resolved else None
        store = ForecastStore(connection)
        made = await store.of(resolved) if resolved and found else ()
        if resolved is None or found is None or not made:
            return ()
        came = found.came(self.memory.target)
        await store.resolve(resolved, session, self.memory.universe, found, came)
        outcome = dict(zip(self.memory.universe, came.tolist(), strict=True))
        known = (
            Resolved(
                one.ticker, one.probability, outcome[one.ticker], one.direction is Direction.UP, one.regime
            )
            for one in made
        )
        return tuple(one for one in known if not np.isnan((one.probability, one.outcome)).any())

    async def _monitor(self, due: Due, today: Today) -> None:
        state = self._watch.restarted() if _settled(today).anew else self._watch
        live = await self._live(due)
        facts = make_facts(self.memory, self._settings, due.session, _settled(today), live)
        after, readings = await self._compute.run(watch, state, facts, self._limits)

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            store = ReadingStore(connection)
            await store.add(readings)
            await store.save_state("watch", due.session, after.to_dict())
            if self._observer:
                await self._observer.forget(connection)
            return {"readings": len(readings)}

        await self._commit("monitor", due, write)
        self._watch = after
        today.readings = tuple(sorted(readings, key=lambda one: (one.metric, one.subject)))

    async def _live(self, due: Due) -> Live | None:
        if self._observer is None:
            return None
        async with self._database.read() as connection:
            return await self._observer.live(connection, due)

    async def _judge_session(self, due: Due, today: Today) -> None:
        decisions: tuple[Decision, ...] = ()

        async def write(connection: AsyncConnection) -> dict[str, Any]:
            nonlocal decisions
            verdict = await self.judge.session(connection, today, self._clock.now(), self._wall.now())
            today.posted, decisions = len(verdict.messages), verdict.decisions
            return {"transitions": verdict.transitions, "gate": verdict.gate.state.value}

        await self._commit("judge", due, write)
        self.decided(decisions)

    async def _order(self, due: Due, today: Today) -> None:
        async def write(connection: AsyncConnection) -> dict[str, Any]:
            now = self._clock.now()
            if now >= due.next_open_at:
                return {"orders": 0, "late": True}  # decided too late for the open it is meant for
            views = self._views(today.forecasts, due.session)
            made = await self._books.order(connection, due.session, _settled(today), views, now)
            return {"orders": made, "late": False}

        await self._commit("order", due, write)

    def _views(self, made: tuple[Forecast, ...], session: date) -> tuple[View, ...]:
        closes = self.memory.prices(session, "close")
        column = self._set.names.index(VOLATILITY)
        sigma = dict(zip(self.memory.universe, self.memory.features[session][:, column], strict=True))
        return tuple(
            View(
                ticker=one.ticker,
                long=one.direction is Direction.UP,
                confidence=one.confidence,
                lean=one.lean,
                volatility=float(sigma[one.ticker]),
                close=closes.get(one.ticker, float("nan")),
            )
            for one in made
        )

    async def _commit(
        self, job: str, due: Due, write: Callable[[AsyncConnection], Awaitable[dict[str, Any]]]
    ) -> None:
        """Commit a step's rows and its row in the ledger in one transaction."""
        started = self._wall.now()
        async with self._database.write() as connection:
            result = await write(connection)
            await RunStore(connection).record(
                job, due.due_at, due.session, result, started=started, finished=self._wall.now()
            )


def compute_features(
    panel: Panel, shares: FloatArray, universe: tuple[str, ...], features: FeatureSet
) -> tuple[FloatArray, FloatArray, Observation]:
    """Return the newest session's features, their centred ranks and what its close says about the market.

    Features and ranks have the shape (universe, features).
    """
    window = features.window(panel, universe, shares)
    matrix = feature_matrix(window, features.features)
    return matrix, centred_ranks(matrix), observe(window)


def _settled(today: Today) -> Settled:
    if today.settled is None:
        raise RuntimeError(f"session {today.session}: a later step ran before the books were settled")
    return today.settled
