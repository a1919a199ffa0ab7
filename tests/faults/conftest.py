from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from tests.conftest import postgres_server


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated, empty SQLite store that survives a power cut."""
    store = Database(f"sqlite:///{tmp_path}/store.db")
    await upgrade(store)
    yield store
    await store.aclose()


@pytest.fixture
def stoppable_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Postgres server of one's own, to be stopped and started again."""
    with postgres_server(tmp_path_factory.mktemp("runtime")) as server:
        yield server
