"""The sessions of a live daemon: which are due, what they wait for, and what a start finds undone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

import structlog

from alerts.compose import compose_gate
from alerts.message import Severity
from daemon.clock import Clock
from daemon.configuration.settings import Settings
from daemon.due import Due, due_of
from daemon.judge import ACTOR, gate_detail
from daemon.live.feed import Feed, FeedError
from daemon.live.overlap import holes, overlap
from daemon.post import post
from daemon.session import STEPS, Pipeline
from daemon.storage.audit import AuditStore
from daemon.storage.bars import SessionBars
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.runs import RunStore
from market.exchange import Exchange, load_exchange
from trading.gate import distrust

T = TypeVar("T")

TOLD_EVERY: Final = 100
"""Sessions of history between two lines of the log."""

log = structlog.get_logger("sessions")


class Sessions:
    """Knows which sessions are due and runs them in order."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        pipeline: Pipeline,
        feed: Feed,
        exchange: Exchange,
        channels: tuple[tuple[str, Severity], ...],
    ) -> None:
        self._channels = channels
        self._database = database
        self._settings = settings
        self._clock = clock
        self._pipeline = pipeline
        self._feed = feed
        self._exchange = exchange

    def next_due_at(self) -> datetime:
        """Return when the next session is due, aware UTC."""
        newest = self._newest_due()
        return due_of(self._exchange, self._exchange.next(newest), self._settings.schedule).due_at

    async def start(self) -> None:
        """At a start: what was ACTIVE is UNKNOWN until the sessions missed meanwhile have been judged."""
        async with self._database.read() as connection:
            judged = await RunStore(connection).last_session("judge")
        missed = [day for day in await self._pending() if judged is None or day > judged]
        if not missed:
            return
        now = self._clock.now()
        reason = f"started with {len(missed)} sessions not judged yet, the first of {missed[0]}"
        async with self._database.write() as connection:
            store = GateStore(connection)
            before = await store.hold(now)
            after = distrust(before, reason, at=now, actor=ACTOR)
            if after is not before:
                await store.move(before, after, session=None)
                detail = gate_detail(before, after)
                await AuditStore(connection).add(now, ACTOR, f"gate.{after.state}", detail)
                told = compose_gate(
                    now.date(), f"Trading is {after.state}", reason, Severity.INFO, epoch=after.epoch
                )
                await post(connection, (told,), self._settings.routing(self._channels), now, now)

    async def restore(self) -> None:
        """Rebuild the pipeline's memory: a commit failed, or its answer was lost."""
        await self._pipeline.restore()

    async def run_due(self, stop: asyncio.Event) -> int:
        """Run every session that is due and not complete in the ledger. Returns how many were run.

        Raises:
            FeedError: A session's prices are not there yet; the sessions before it have been run.
        """
        if self._exchange.known_end - self._clock.now().date() < timedelta(days=90):
            self._exchange = await asyncio.to_thread(load_exchange, self._settings.market.calendar)
        await self._fill_history(stop)
        ran = 0
        for session in await self._pending():
            if stop.is_set():
                break
            due = due_of(self._exchange, session, self._settings.schedule)
            day = await _unless(stop, self._bars(due))
            if day is None or not await self._run(stop, due, day):
                break
            log.info("session done", session=str(session))
            ran += 1
        if not stop.is_set():
            await _unless(stop, self._fill_holes())
        return ran

    async def _fill_holes(self) -> None:
        """Ask once more for kept sessions that never came: once for each newest session that is due.

        Their bars are known from now on and serve later sessions; what was forecast without them stays.
        """
        newest = self._newest_due()
        if not holes(self._pipeline.memory, newest):
            return
        async with self._database.read() as connection:
            if "fill" in await RunStore(connection).done(newest):
                return
        try:
            changes = await self._feed.late(overlap(self._pipeline.memory, newest))
        except FeedError as error:
            log.warning("sessions without bars could not be asked for again", reason=str(error))
            return
        await self._pipeline.fill(due_of(self._exchange, newest, self._settings.schedule), changes)

    async def _fill_history(self, stop: asyncio.Event) -> None:
        """On a new store: keep the bars and features of the sessions before the first to be forecast."""
        async with self._database.read() as connection:
            if await RunStore(connection).first_session("forecast") is not None:
                return
            first = await RunStore(connection).first_session("ingest")
            known = await RunStore(connection).last_session("features")
        before = self._sessions_before(self._newest_due(), first)
        missing = tuple(day for day in before if known is None or day > known)
        days = await self._history(stop, missing)
        told = 0
        async with self._pipeline.expecting(days):
            for count, day in enumerate(days, start=1):
                due = due_of(self._exchange, day.session, self._settings.schedule)
                if not await self._run(stop, due, day, warm_up=True):
                    return
                told += self._pipeline.is_told(day.session)
                if count % TOLD_EVERY == 0 or count == len(days):
                    log.info(
                        "keeping history",
                        session=str(day.session),
                        kept=count,
                        of=len(days),
                        told_outside=told,
                    )

    async def _history(self, stop: asyncio.Event, missing: tuple[date, ...]) -> tuple[SessionBars, ...]:
        """Return the bars of sessions without features: of the first one perhaps those kept already.

        A death, or a store that failed, between the two steps of a session leaves such a one.
        """
        kept = tuple(day for one in missing if (day := self._pipeline.bars_of(one)) is not None)
        new = missing[len(kept) :]
        if not new:
            return kept
        log.info("fetching history", first=str(new[0]), last=str(new[-1]), sessions=len(new))
        came = await _unless(stop, self._feed.history(new, overlap(self._pipeline.memory, new[0])))
        return () if came is None else (*kept, *came)

    async def _run(self, stop: asyncio.Event, due: Due, day: SessionBars, *, warm_up: bool = False) -> bool:
        """Run a session, and return whether it ran: once a stop is asked for, none begins."""
        await _unless(stop, self._pipeline.prepare(day))
        if stop.is_set():
            return False
        await self._pipeline.run(due, day, warm_up=warm_up)
        return True

    async def _pending(self) -> tuple[date, ...]:
        """Return the due sessions whose last step is not in the ledger, oldest first."""
        async with self._database.read() as connection:
            store = RunStore(connection)
            first, complete = await store.first_session("forecast"), await store.last_session(STEPS[-1])
        newest = self._newest_due()
        if first is None:
            return (newest,)
        days = self._exchange.sessions(first, newest)
        return tuple(day for day in days if complete is None or day > complete)

    async def _bars(self, due: Due) -> SessionBars:
        """Return a session's bars, complete enough or late enough to go on without the rest."""
        if (known := self._pipeline.bars_of(due.session)) is not None:
            return known
        deadline = due.due_at + timedelta(minutes=self._settings.schedule.data_deadline_minutes)
        late = self._clock.now() >= deadline
        kept = overlap(self._pipeline.memory, due.session)
        try:
            day = await self._feed.session(due.session, kept)
        except FeedError:
            if not late:
                raise
            day = SessionBars.unknown(due.session, len(self._pipeline.memory.tickers))
        if day.missing > self._settings.monitors.max_missing and not late:
            raise FeedError(f"{day.missing:.0%} of the bars of {due.session} are missing so far")
        return day

    def _newest_due(self) -> date:
        now = self._clock.now()
        day = now.astimezone(UTC).date() + timedelta(days=1)
        while True:
            day = self._exchange.previous(day)
            if due_of(self._exchange, day, self._settings.schedule).due_at <= now:
                return day

    def _sessions_before(self, session: date, first: date | None) -> tuple[date, ...]:
        """Return the history before a session: from the first that is kept, or as much as is configured."""
        count = self._settings.market.history_sessions
        days = self._exchange.sessions(first or session - timedelta(days=count * 2), session)
        before = tuple(day for day in days if day < session)
        return before if first else before[-count:]


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what the work brings, or None once the stop is asked for."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        for one in (task, stopped):
            one.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
