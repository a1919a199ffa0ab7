from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated, empty SQLite store that survives a power cut."""
    store = Database(f"sqlite:///{tmp_path}/store.db")
    await upgrade(store)
    yield store
    await store.aclose()
