from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from daemon.storage.database import Database
from market.exchange import Exchange
from tests.conftest import Kept, migrate
from tests.daemon.replays import short_settings
from tests.daemon.sessions.desk import Desk


@pytest.fixture
async def desk(
    kept: Kept,
    kind: str,
    new_url: Callable[[], str],
    copy_url: Callable[[str], str],
    exchange: Exchange,
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    """A desk that has kept its history and run its first session."""
    settings = short_settings(tmp_path)

    async def run_first(url: str) -> None:
        await migrate(url)
        store = Database(url, durable=False)
        desk = Desk(store, settings, exchange)
        await desk.pipeline.restore()
        assert await desk.look() == 1
        await store.aclose()

    database = Database(copy_url(kept.url("first session", kind, new_url, run_first)), durable=False)
    desk = Desk(database, settings, exchange)
    await desk.pipeline.restore()
    yield desk
    await database.aclose()
