from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.web.server import Server, ServerError
from tests.daemon.status_store import open_store, settings_with


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    store = await open_store(f"sqlite:///{tmp_path}/server.db")
    yield store
    await store.aclose()


async def test_a_port_in_use_is_named_with_its_fix(
    server: Server, database: Database, health: Health, clock: ReplayClock
) -> None:
    host, port = server.address
    second = Server(database, health, clock, settings_with(port), version="1")
    with pytest.raises(ServerError) as caught:
        await second.start()
    assert str(caught.value) == (
        f"{host}:{port} is in use by another process; set server.port or --port; 0 picks a free one"
    )
    await second.stop()


async def test_an_address_of_another_machine_is_refused(
    database: Database, health: Health, clock: ReplayClock
) -> None:
    server = Server(database, health, clock, settings_with(0, "192.0.2.1"), version="1")
    with pytest.raises(ServerError, match=r"cannot listen on 192\.0\.2\.1:0: .*set server\.host"):
        await server.start()


async def test_a_stopped_server_has_no_address_and_frees_its_port(
    database: Database, health: Health, clock: ReplayClock
) -> None:
    server = Server(database, health, clock, settings_with(0), version="1")
    with pytest.raises(ServerError, match="does not listen"):
        _ = server.address
    await server.start()
    port = server.address[1]
    await server.stop()
    await server.stop()
    again = Server(database, health, clock, settings_with(port), version="1")
    await again.start()
    assert again.address == ("127.0.0.1", port)
    await again.stop()


async def test_an_open_connection_does_not_hold_up_the_stop(
    database: Database, health: Health, clock: ReplayClock
) -> None:
    server = Server(database, health, clock, settings_with(0), version="1")
    await server.start()
    _, writer = await asyncio.open_connection(*server.address)
    async with asyncio.timeout(5):
        await server.stop()
    writer.close()
    await writer.wait_closed()
