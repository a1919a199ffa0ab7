"""Live: the pipeline after each close, delivery and the status page, until the process is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

import structlog
from rich.console import Console

from alerts.channels.channel import Channel
from alerts.channels.console import ConsoleChannel
from alerts.message import Severity
from daemon.alarm import Alarm
from daemon.clock import Clock, SystemClock
from daemon.compute import Compute
from daemon.config import Settings
from daemon.delivery import Delivery
from daemon.due import Due, due_of
from daemon.feed import Feed, FeedError, make_feed
from daemon.health import Health
from daemon.instance import Instance
from daemon.judge import ACTOR, gate_detail
from daemon.server import Server
from daemon.session import STEPS, Pipeline
from daemon.storage.audit import AuditStore
from daemon.storage.bars import SessionBars
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.migrate import require_newest, upgrade
from daemon.storage.origin import OriginStore
from daemon.storage.runs import RunStore
from market.exchange import Exchange, load_exchange
from trading.gate import distrust

DRAIN_S: Final = 5.0
"""Seconds a stop waits for messages that are being sent."""

DELIVERY_PAUSE_S: Final = 5.0
"""Seconds between two looks into the outbox when nothing wakes it."""

log = structlog.get_logger("live")


async def run_live(settings: Settings, database: Database) -> None:
    """Run until SIGTERM or SIGINT, then stop gracefully.

    Raises:
        DatabaseError: The store cannot be used, or a Postgres schema is behind.
        OriginError: The store holds a replay.
        InstanceError: Another process works on it.
        ServerError: The status page's port is in use.
    """
    clock = SystemClock()
    health = Health(clock)
    compute = Compute.of(settings.executor.kind, settings.executor.workers)
    channels = make_channels(settings)
    try:
        await (upgrade(database) if database.is_sqlite else require_newest(database))
        async with Instance(database):
            async with database.write() as connection:
                wanted = {"kind": "live", "calendar": settings.market.calendar}
                await OriginStore(connection).claim(wanted, database.name)
            exchange = await asyncio.to_thread(load_exchange, settings.market.calendar)
            tickers = tuple(sorted(settings.market.tickers))
            levels = tuple((channel.name, least) for channel, least in channels)
            pipeline = Pipeline(database, settings, clock, compute, tickers, levels)
            await pipeline.restore()
            delivery = Delivery(database, tuple(channel for channel, _ in channels), settings.delivery, clock)
            await delivery.recover()
            sessions = Sessions(database, settings, clock, pipeline, make_feed(settings.market), exchange)
            await sessions.start()
            server = Server(database, health, clock, settings, version=version("forewarn"))
            await server.start()
            log.info("started", store=database.name, page="http://{}:{}/".format(*server.address))
            try:
                await _until_told(settings, sessions, delivery, health)
            finally:
                await server.stop()
                await delivery.aclose()
    finally:
        compute.close()
        await database.aclose()
    log.info("stopped")


async def _until_told(settings: Settings, sessions: Sessions, delivery: Delivery, health: Health) -> None:
    stop, wake = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    check_s = settings.schedule.check_seconds
    async with asyncio.TaskGroup() as group:
        group.create_task(_schedule_loop(sessions, wake, stop, health, check_s), name="schedule")
        group.create_task(_delivery_loop(delivery, wake, stop, health), name="delivery")


async def _schedule_loop(
    sessions: Sessions, wake: asyncio.Event, stop: asyncio.Event, health: Health, check_s: float
) -> None:
    """Run what is due, set the alarm for what comes next, and look again every minute."""
    with Alarm(check_s) as alarm:
        while not stop.is_set():
            alarm.clear()
            try:
                ran = await sessions.run_due(stop)
                note = f"ran {ran} sessions, next at {sessions.next_due_at():%Y-%m-%d %H:%M} UTC"
            except FeedError as error:
                note = str(error)
                log.warning("session waits for its prices", reason=note)
            wake.set()
            health.stamp("schedule", within_s=5 * check_s + 600.0, note=note)
            alarm.set_for(sessions.next_due_at())
            await _first(alarm.rung(), stop.wait())


async def _delivery_loop(
    delivery: Delivery, wake: asyncio.Event, stop: asyncio.Event, health: Health
) -> None:
    """Send what waits, whenever a session wrote something, and every few seconds for retries."""
    while not stop.is_set():
        wake.clear()
        sent = await delivery.drain()
        health.stamp("delivery", within_s=300.0, note=f"sent {sent} messages")
        await _first(wake.wait(), stop.wait(), timeout_s=DELIVERY_PAUSE_S)
    try:
        async with asyncio.timeout(DRAIN_S):
            await delivery.drain()
    except TimeoutError:
        log.warning("messages wait in the outbox for the next start")


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
    ) -> None:
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
        missed = await self._pending()
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

    async def run_due(self, stop: asyncio.Event) -> int:
        """Run every session that is due and not complete in the ledger. Returns how many were run.

        Raises:
            FeedError: A session's prices are not there yet; the sessions before it have been run.
        """
        if self._exchange.known_end - self._clock.now().date() < timedelta(days=90):
            self._exchange = await asyncio.to_thread(load_exchange, self._settings.market.calendar)
        await self._fill_history()
        ran = 0
        for session in await self._pending():
            if stop.is_set():
                break
            due = due_of(self._exchange, session, self._settings.schedule)
            await self._pipeline.run(due, await self._bars(due))
            log.info("session done", session=str(session))
            ran += 1
        return ran

    async def _fill_history(self) -> None:
        """On a new store: keep the bars and features of the sessions before the first to be forecast."""
        async with self._database.read() as connection:
            if await RunStore(connection).last_session("judge") is not None:
                return
            known = await RunStore(connection).last_session("features")
        newest = self._newest_due()
        before = self._sessions_before(newest, self._settings.market.history_sessions)
        missing = tuple(day for day in before if known is None or day > known)
        if not missing:
            return
        log.info("fetching history", first=str(missing[0]), last=str(missing[-1]))
        for day in await self._feed.history(missing):
            due = due_of(self._exchange, day.session, self._settings.schedule)
            await self._pipeline.run(due, day, warm_up=True)

    async def _pending(self) -> tuple[date, ...]:
        """Return the due sessions whose last step is not in the ledger, oldest first."""
        async with self._database.read() as connection:
            complete = await RunStore(connection).last_session(STEPS[-1])
        newest = self._newest_due()
        if complete is None:
            return (newest,)
        return tuple(day for day in self._exchange.sessions(complete, newest) if day > complete)

    async def _bars(self, due: Due) -> SessionBars:
        """Return a session's bars, complete enough or late enough to go on without the rest."""
        if (kept := self._pipeline.bars_of(due.session)) is not None:
            return kept
        deadline = due.due_at + timedelta(minutes=self._settings.schedule.data_deadline_minutes)
        late = self._clock.now() >= deadline
        try:
            day = await self._feed.session(due.session, self._pipeline.last_bars())
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

    def _sessions_before(self, session: date, count: int) -> tuple[date, ...]:
        days = self._exchange.sessions(session - timedelta(days=count * 2), session)
        return tuple(day for day in days if day < session)[-count:]


def make_channels(settings: Settings) -> tuple[tuple[Channel, Severity], ...]:
    """Build the enabled channels with the least severity each is told of."""
    wanted = settings.channels
    found: list[tuple[Channel, Severity]] = []
    if wanted.console.enabled:
        found.append((ConsoleChannel(console=Console(highlight=False)), wanted.console.min_severity))
    if wanted.slack.enabled and settings.slack_webhook_url is not None:
        from alerts.channels.slack_webhook import SlackWebhookChannel  # noqa: PLC0415 - only where it is used

        slack = SlackWebhookChannel(url=settings.slack_webhook_url, timeout_s=wanted.slack.timeout_seconds)
        found.append((slack, wanted.slack.min_severity))
    if wanted.email.enabled:
        from alerts.channels.email import EmailChannel, TlsMode  # noqa: PLC0415 - only where it is used

        email = EmailChannel(
            host=wanted.email.host,
            port=wanted.email.port,
            sender=wanted.email.sender,
            recipients=wanted.email.recipients,
            tls=TlsMode(wanted.email.tls),
            username=wanted.email.username,
            password=settings.smtp_password,
            timeout_s=wanted.email.timeout_seconds,
        )
        found.append((email, wanted.email.min_severity))
    return tuple(found)


async def _first(*waits: Coroutine[Any, Any, object], timeout_s: float | None = None) -> None:
    """Wait for the first of several coroutines and cancel the others."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
