from collections.abc import AsyncIterator

import pytest

from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.web.server import Server
from market.exchange import Exchange, load_exchange
from tests.daemon.status_store import clock_at, settings_with


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    return load_exchange("XNYS")


@pytest.fixture
def clock() -> ReplayClock:
    return clock_at()


@pytest.fixture
def health(clock: ReplayClock) -> Health:
    return Health(clock)


@pytest.fixture
async def server(database: Database, health: Health, clock: ReplayClock) -> AsyncIterator[Server]:
    running = Server(database, health, clock, settings_with(0), version="1.2.3")
    await running.start()
    yield running
    await running.stop()
