"""Live: the pipeline after each close, delivery and the status page, until the process is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any, Final, TypeVar

import structlog
from rich.console import Console

from alerts.channels.channel import Channel
from alerts.channels.console import ConsoleChannel
from alerts.message import Severity
from daemon.alarm import Alarm
from daemon.clock import SystemClock
from daemon.compute import Compute
from daemon.delivery import Delivery
from daemon.feed import FeedError, make_feed
from daemon.health import Health
from daemon.instance import Instance
from daemon.server import Server
from daemon.session import Pipeline
from daemon.sessions import Sessions
from daemon.settings import Settings
from daemon.storage.database import Database
from daemon.storage.migrate import require_newest, upgrade
from daemon.storage.origin import OriginStore
from market.exchange import load_exchange

T = TypeVar("T")

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
    server = Server(database, health, clock, settings, version=version("forewarn"))
    try:
        await server.start()  # first: a port in use must change nothing
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
            feed = make_feed(settings.market)
            sessions = Sessions(database, settings, clock, pipeline, feed, exchange, levels)
            await sessions.start()
            log.info("started", store=database.name, page="http://{}:{}/".format(*server.address))
            try:
                await _until_told(settings, sessions, delivery, health)
            finally:
                await delivery.aclose()
    finally:
        await server.stop()
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


def channel_levels(settings: Settings) -> tuple[tuple[str, Severity], ...]:
    """Return the enabled channels by name, each with the least severity it is told of."""
    wanted = settings.channels
    named = (("console", wanted.console), ("slack", wanted.slack), ("email", wanted.email))
    return tuple((name, channel.min_severity) for name, channel in named if channel.enabled)


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
