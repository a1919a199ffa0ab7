"""The commands behind the command line, each a few steps over the daemon's parts."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json as json_format
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from alerts.channels.channel import Channel
from alerts.channels.console import ConsoleChannel
from alerts.compose import compose_gate
from alerts.message import Severity
from daemon.clock import SystemClock
from daemon.commands.terminal import STATE_STYLE, print_summary, replay_progress
from daemon.configuration.config import load_settings
from daemon.configuration.settings import Settings
from daemon.delivery.channels import channel_levels
from daemon.live.health import Health
from daemon.live.live import run_live
from daemon.log import configure_log
from daemon.person import lift, pause
from daemon.post import post
from daemon.replay import History, make_history, replay
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.migrate import upgrade
from daemon.storage.schema_version import require_newest
from daemon.summary import Summary, summarise
from daemon.web.server import Server
from market.exchange import Exchange, load_exchange
from market.price_file import read_bars, read_prices
from market.sample import SAMPLE_PATH
from trading.gate import Gate, GateState

DEMO_START: Final = date(2006, 1, 3)
DEMO_END: Final = date(2010, 12, 31)


def demo(config: Path | None, database: str | None, *, serve: bool, json: bool, port: int | None) -> None:
    """Replay the sample history."""
    settings = load_settings(config)
    exchange = load_exchange(settings.market.calendar)
    panel = read_prices(SAMPLE_PATH)
    history = make_history(panel, exchange, "sample history", start=DEMO_START, end=DEMO_END)
    _replay(history, exchange, settings, database, serve=serve, json=json, port=port)


def replay_file(
    prices: Path,
    span: tuple[date | None, date | None],
    config: Path | None,
    database: str | None,
    *,
    serve: bool,
    json: bool,
    port: int | None,
) -> None:
    """Replay a file of prices."""
    settings = load_settings(config)
    panel, unusable = read_bars(prices, today=datetime.now(UTC).date())
    exchange = load_exchange(settings.market.calendar)
    history = make_history(panel, exchange, str(prices), start=span[0], end=span[1], unusable=unusable)
    _replay(history, exchange, settings, database, serve=serve, json=json, port=port)


def run(config: Path | None, database: str | None, *, port: int | None) -> None:
    """Run the daemon until it is told to stop."""
    settings = _with_port(load_settings(config), port)
    configure_log(json=not sys.stderr.isatty())
    asyncio.run(run_live(settings, Database(database or settings.database.url)))


def trading_status(config: Path | None, database: str | None, *, json: bool) -> None:
    """Print the gate."""
    gate = asyncio.run(_with_store(config, database, _read_gate))
    if json:
        _print_json(_gate_json(gate))
    elif gate is None:
        Console().print("Trading is UNKNOWN: no session has been judged yet")
    else:
        _print_gate(gate)


def trading_command(
    state: str, config: Path | None, database: str | None, *, reason: str, epoch: int | None, by: str | None
) -> None:
    """Move the gate because a person says so."""
    actor, now, wanted = by or getpass.getuser(), datetime.now(UTC), GateState(state)
    settings = load_settings(config)
    routing = settings.routing(channel_levels(settings))

    async def move(store: Database) -> Gate:
        async with store.write() as connection:
            if wanted is GateState.UNKNOWN:
                gate = await lift(connection, epoch=epoch, at=now, reason=reason, actor=actor)
            else:
                gate = await pause(connection, wanted, epoch=epoch, at=now, reason=reason, actor=actor)
            title = f"{actor} moved trading to {gate.state}"
            done = f"Trading is {gate.state} (epoch {gate.epoch}): {gate.reason}"
            told = compose_gate(now.date(), title, done, Severity.WARNING, epoch=gate.epoch)
            await post(connection, (told,), routing, now, now)
            return gate

    _print_gate(asyncio.run(_with_store(config, database, move)))


def db_upgrade(config: Path | None, database: str | None) -> None:
    """Bring the store to the newest schema."""

    async def go() -> None:
        store = Database(database or load_settings(config).database.url)
        try:
            await upgrade(store)
        finally:
            await store.aclose()

    asyncio.run(go())
    Console().print("The store has the newest schema.")


def _replay(
    history: History,
    exchange: Exchange,
    settings: Settings,
    database: str | None,
    *,
    serve: bool,
    json: bool,
    port: int | None,
) -> None:
    with contextlib.ExitStack() as stack:
        if database is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="forewarn-"))
            database = f"sqlite:///{folder}/replay.db"
        # A replay computes in a thread: it has the machine to itself and nobody waits for its event loop.
        threaded = settings.executor.model_copy(update={"kind": "thread"})
        settings = _with_port(settings.model_copy(update={"executor": threaded}), port)
        try:
            asyncio.run(_replay_and_serve(history, exchange, settings, database, serve=serve, json=json))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _replay_and_serve(
    history: History, exchange: Exchange, settings: Settings, url: str, *, serve: bool, json: bool
) -> None:
    started = time.perf_counter()
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    console = Console(stderr=json, highlight=False)
    store = Database(url, durable=False)
    health = Health(SystemClock())
    try:
        async with contextlib.AsyncExitStack() as stack:
            if serve:  # first, so that a port in use is known before the replay, and the page lives during it
                server = await stack.enter_async_context(_serving(settings, store, health))
            channels: tuple[Channel, ...] = ()
            if settings.channels.console.enabled:
                channels = (ConsoleChannel(console=console),)
            with replay_progress(console, quiet=json) as progress:
                await replay(history, exchange, settings, store, channels, progress)
            health.stamp("replay", within_s=float("inf"), note="finished")
            async with store.read() as connection:
                summary = await summarise(connection)
            _tell(console, summary, history.name, time.perf_counter() - started, json=json)
            if serve:
                host, port = server.address
                console.print(f"\nStatus page: http://{host}:{port}/  (Ctrl-C stops)")
                await _until_stopped()
    finally:
        await store.aclose()


@contextlib.asynccontextmanager
async def _serving(settings: Settings, store: Database, health: Health) -> AsyncIterator[Server]:
    server = Server(store, health, SystemClock(), settings, version=version("forewarn"))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _tell(console: Console, summary: Summary, name: str, seconds: float, *, json: bool) -> None:
    if json:
        _print_json(summary.to_json(seconds))
    else:
        print_summary(console, summary, name, seconds)


async def _with_store(config: Path | None, database: str | None, act: Any) -> Any:  # noqa: ANN401 - its result
    store = Database(database or load_settings(config).database.url)
    try:
        await require_newest(store)
        return await act(store)
    finally:
        await store.aclose()


async def _read_gate(store: Database) -> Gate | None:
    async with store.read() as connection:
        return await GateStore(connection).read()


def _print_gate(gate: Gate) -> None:
    latched = ", latched: only a person lifts it" if gate.latched else ""
    console = Console(highlight=False)
    console.print(f"Trading is [{STATE_STYLE[gate.state]}]{gate.state}[/] (epoch {gate.epoch}{latched})")
    console.print(f"since {gate.since:%Y-%m-%d %H:%M} UTC by {gate.actor}: {gate.reason}", markup=False)


def _gate_json(gate: Gate | None) -> dict[str, Any]:
    if gate is None:
        return {"scope": "global", "state": "UNKNOWN", "latched": False, "epoch": 0, "since": None}
    return {
        "scope": gate.scope,
        "state": gate.state.value,
        "latched": gate.latched,
        "epoch": gate.epoch,
        "since": gate.since.isoformat(),
        "rule": gate.rule,
        "reason": gate.reason,
        "actor": gate.actor,
    }


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json_format.dumps(value) + "\n")


def _with_port(settings: Settings, port: int | None) -> Settings:
    if port is None:
        return settings
    return settings.model_copy(update={"server": settings.server.model_copy(update={"port": port})})
