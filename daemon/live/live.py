"""Live: the pipeline after each close, delivery and the status page, until the process is told to stop."""

from __future__ import annotations

import asyncio
import signal
from importlib.metadata import version

import structlog

from daemon.clock import SystemClock
from daemon.compute import Compute
from daemon.configuration.provider_settings import TOKENS
from daemon.configuration.settings import Settings
from daemon.decisions import heard_by, log_decisions
from daemon.delivery.channel_checks import checking
from daemon.delivery.channels import make_channels
from daemon.delivery.delivery import Delivery
from daemon.live.feed import make_feed
from daemon.live.health import Health
from daemon.live.instance import Instance
from daemon.live.loops import Loops
from daemon.live.observer import Observer
from daemon.live.outage import STORE, Outage
from daemon.live.probe import Probe
from daemon.live.providers import provider_names
from daemon.live.sessions import Sessions
from daemon.live.slack_buttons_loop import listening, make_slack_buttons
from daemon.outside_desk import asked_outside, make_outside
from daemon.session import Pipeline
from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.storage.origin import OriginStore
from daemon.storage.schema_version import require_newest
from daemon.web.server import Server
from daemon.web.tallies import Tallies
from market.exchange import load_exchange
from market.guard import Request

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
    health.fail(STORE, "nothing has been written since the start")
    outage = Outage(health)
    database.failed = outage.hear
    compute = Compute.of(settings.executor.kind, settings.executor.workers)
    channels = make_channels(settings)
    tallies = Tallies()
    server = Server(database, health, clock, settings, version=version("forewarn"), tallies=tallies)
    try:
        await server.start()  # first: a port in use must change nothing
        await (upgrade(database) if database.is_sqlite else require_newest(database))
        async with Instance(database) as instance:
            async with database.write() as connection:
                wanted = {"kind": "live", "calendar": settings.market.calendar}
                await OriginStore(connection).claim(wanted, database.name)
                store_id = await OriginStore(connection).identity()
            exchange = await asyncio.to_thread(load_exchange, settings.market.calendar)
            levels = tuple((channel.name, least) for channel, least in channels)
            asked = tuple(channel for channel, _ in channels)
            observer = Observer(
                database,
                clock,
                provider_names(settings.market),
                tuple(channel.name for channel in asked),
                keep_days=settings.monitors.keep_calls_days,
                beside=asked_outside(settings.market),
            )
            requests: list[Request] = []
            outside = await asyncio.to_thread(
                make_outside,
                settings.market,
                exchange,
                live=True,
                told=requests.append,
                token=settings.secrets.get(TOKENS["eodhd"]),
            )
            pipeline = Pipeline(
                database, settings, clock, compute, settings.market.asked(), levels, observer, outside
            )
            await pipeline.restore()
            pipeline.decided = decided = heard_by(log_decisions, tallies.decided)
            delivery = Delivery(
                database,
                asked,
                settings.delivery,
                clock,
                levels=dict(levels),
                outage=outage,
                store=store_id,
                tally=tallies.sent,
            )
            tallies.breakers = delivery.breakers
            await delivery.recover()
            sessions = Sessions(
                database,
                settings,
                clock,
                pipeline,
                make_feed(settings, observer, requests),
                exchange,
                levels,
            )
            await sessions.start()
            probe = Probe(database, clock, health, outage, instance.renew)
            await probe.look()
            loops = Loops(
                database,
                clock,
                health,
                outage,
                probe,
                sessions,
                pipeline.judge,
                delivery,
                check_s=settings.schedule.check_seconds,
                tick_s=settings.alerts.tick_seconds,
                decided=decided,
                lagged=tallies.lagged,
            )
            server.ingest.open(pipeline.judge, delivery.wake, decided)
            log.info("started", store=database.name, page="http://{}:{}/".format(*server.address))
            buttons = make_slack_buttons(settings, asked, database, clock, health, delivery.wake, store_id)
            try:
                async with checking(asked, health, delivery.distrust), listening(buttons):
                    await _until_told(loops)
            finally:
                await delivery.aclose()
    finally:
        await server.stop()
        compute.close()
        await database.aclose()
    log.info("stopped")


async def _until_told(loops: Loops) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await loops.run(stop)
