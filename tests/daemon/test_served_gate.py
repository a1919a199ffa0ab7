"""What is served of an ACTIVE gate: nothing from the first write that fails until one is proved to work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.live.outage import STORE, Outage
from daemon.live.probe import Probe
from daemon.storage import database as database_module
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.web import metrics_page, status
from daemon.web.server import Server
from tests.daemon.status_store import NOW, open_store
from tests.faults.test_store_faults import locked
from trading.gate import GateState

Read = Callable[..., Awaitable[Any]]
FULL = OperationalError("INSERT", {}, Exception("database or disk is full"))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    store = await open_store(f"sqlite:///{tmp_path}/store.db")
    async with store.write() as connection:
        gate = await GateStore(connection).hold(NOW)
        await GateStore(connection).move(gate, replace(gate, state=GateState.ACTIVE, epoch=1), session=None)
    yield store
    await store.aclose()


@pytest.fixture
async def probe(database: Database, clock: ReplayClock, health: Health) -> Probe:
    async def renew() -> None:
        return None

    outage = Outage(health)
    database.failed = outage.hear
    found = Probe(database, clock, health, outage, renew)
    assert await found.look()
    return found


async def served(server: Server) -> set[str]:
    """Return the gate's state wherever it is served."""
    async with aiohttp.ClientSession(server.url) as visitor:
        async with visitor.get("/status") as response:
            answered = json.loads(await response.text())["gate"]["state"]
        async with visitor.get("/") as response:
            page = (await response.text()).partition("<title>")[2].partition(" ")[0]
        async with visitor.get("/metrics") as response:
            lines = (await response.text()).splitlines()
    metric = next(line for line in lines if line.startswith("forewarn_gate_state{") and line.endswith(" 1.0"))
    return {answered, page, metric.partition('state="')[2].partition('"')[0]}


async def fail(database: Database, error: Exception = FULL) -> None:
    """Let a write fail whose writer says nothing about it."""
    with suppress(type(error)):
        async with database.write():
            raise error


async def test_from_the_first_failed_write_until_one_is_proved_no_active_is_served(
    server: Server, database: Database, probe: Probe
) -> None:
    assert await served(server) == {"ACTIVE"}
    await fail(database)
    assert await served(server) == {"UNKNOWN"}
    async with database.write():  # a write of somebody else is no proof: it may have written nothing
        pass
    assert await served(server) == {"UNKNOWN"}
    assert await probe.look()
    assert await served(server) == {"ACTIVE"}


async def test_a_mistake_of_our_own_says_nothing_about_the_store(
    server: Server, database: Database, probe: Probe
) -> None:
    await fail(database, IntegrityError("INSERT", {}, Exception("UNIQUE")))
    assert await served(server) == {"ACTIVE"}


async def test_a_store_that_another_process_locks_is_noticed_while_the_write_still_waits(
    server: Server, database: Database, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LATE_S", 0.02)
    assert database.path is not None
    with locked(Path(database.path)):
        looking = asyncio.create_task(probe.look())
        await asyncio.sleep(0.1)
        assert not looking.done()
        assert await served(server) == {"UNKNOWN"}
    assert not await looking, "it began before the failure and proves nothing after it"
    assert await probe.look()
    assert await served(server) == {"ACTIVE"}


def failing_first(database: Database, read: Read) -> Read:
    """Return a reader before whose reading a write fails."""

    async def read_late(*args: Any) -> Any:  # noqa: ANN401 - whatever is read
        await fail(database)
        return await read(*args)

    return read_late


async def test_a_failure_during_a_read_counts_for_what_is_being_answered(
    server: Server, database: Database, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (metrics_page, status):
        monkeypatch.setattr(module, "_outbox", failing_first(database, module._outbox))
    assert await served(server) == {"UNKNOWN"}


def test_a_failure_meanwhile_is_not_forgotten_when_an_older_write_succeeds(health: Health) -> None:
    outage = Outage(health)
    outage.hear(FULL)
    began = outage.failures
    outage.hear(FULL)
    assert not outage.end(since=began)
    assert health.doubt(STORE) == "database or disk is full"
    assert outage.end(since=outage.failures)
