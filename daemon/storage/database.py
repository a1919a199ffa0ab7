"""The database: one engine, one way to write, one way to read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, StaticPool

from daemon.storage.sqlite_connection import open_sqlite

BUSY_TIMEOUT_S = 30.0
"""Seconds a SQLite statement waits for another process's lock."""

CONNECT_S = 5.0
"""Seconds to wait for a Postgres server that does not answer."""

COMMAND_S = 60.0
"""Seconds a Postgres statement may take; one that takes longer is given up."""

LATE_S = 1.0
"""Seconds a writing transaction may wait to begin before that is said to whoever listens."""

UNREACHABLE = (OSError, DBAPIError)


class DatabaseError(Exception):
    """The database cannot be used; the text names it (without its password) and the fix."""


class Database:
    """A SQLite file, SQLite in memory, or a Postgres database.

    SQLite has exactly one writing connection; every writing transaction takes the write lock when it begins,
    so that no reader is ever upgraded and no transaction fails half way for want of a lock.

    Attributes:
        failed: Is told of every write that fails, in that instant, and of one that cannot begin in time.
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """Open nothing yet; the first transaction connects.

        Args:
            url: As `sqlite:///forewarn.db`, `sqlite://` (in memory) or `postgresql://user:password@host/name`.
            durable: Whether a commit survives a power cut. A replay, which can be repeated, gives that up for
                speed; it survives the death of the process either way.

        Raises:
            DatabaseError: The URL is not one of these.
        """
        self._url = _parse(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._in_memory = self._is_sqlite and self._url.database in (None, "", ":memory:")
        self._durable = durable
        self._writer = self._engine(read_only=False)
        self._reader = self._writer if self._in_memory else self._reading_engine()
        self._lock = asyncio.Lock()
        self._was_there = False
        self.failed: Callable[[Exception], None] = lambda error: None

    @property
    def name(self) -> str:
        """The URL without its password and its query, which may hold one too."""
        plain = self._url.set(drivername=self._url.get_backend_name(), query={})
        return plain.render_as_string(hide_password=True)

    @property
    def url(self) -> URL:
        """The URL with its password: for opening connections only, never for a log."""
        return self._url

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite."""
        return self._is_sqlite

    @property
    def path(self) -> str | None:
        """The SQLite file; None in memory and on Postgres."""
        return None if self._in_memory or not self._is_sqlite else self._url.database

    def is_missing(self) -> bool:
        """Tell whether it is a SQLite file that does not exist; opening it would create an empty one."""
        return self.path is not None and not Path(self.path).exists()

    def __repr__(self) -> str:
        return f"Database({self.name!r})"

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open the one writing transaction: committed at the end of the block, rolled back on any error.

        Raises:
            DatabaseError: The database cannot be reached, or its SQLite file is gone since it was opened.
        """
        try:
            if self._was_there and self.is_missing():  # what a deleted file is given is lost without an error
                raise DatabaseError(f"cannot write {self.name}: its file is gone; bring it back, or restart")
            async with self._lock, self._begin_to_write() as connection:
                self._was_there = True
                yield connection
        except Exception as error:
            self.failed(error)
            raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a reading transaction: a consistent snapshot, never blocked by the writer.

        Raises:
            DatabaseError: The database cannot be reached, or the SQLite file does not exist.
        """
        if self._in_memory:
            async with self.write() as connection:
                yield connection
            return
        if self.is_missing():
            raise DatabaseError(f"cannot read {self.name}: there is no such store; check --database")
        async with self._begin(self._reader) as connection:
            yield connection

    async def aclose(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        if self._is_sqlite and not self._in_memory:
            await self._reader.dispose()

    @asynccontextmanager
    async def _begin_to_write(self) -> AsyncIterator[AsyncConnection]:
        late = DatabaseError(f"cannot write {self.name}: it is locked, or does not answer")
        alarm = asyncio.get_running_loop().call_later(LATE_S, lambda: self.failed(late))
        try:
            async with self._begin(self._writer) as connection:
                alarm.cancel()
                yield connection
        finally:
            alarm.cancel()

    @asynccontextmanager
    async def _begin(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                connection = await engine.connect()
                stack.push_async_callback(_close, connection)
                await stack.enter_async_context(connection.begin())
            except UNREACHABLE as error:
                raise DatabaseError(
                    f"cannot use {self.name}: {_cause(error)}; check the URL, the server and who else writes"
                ) from None
            yield connection

    def _reading_engine(self) -> AsyncEngine:
        if self._is_sqlite:
            return self._engine(read_only=True)
        # one snapshot for all statements of a reading transaction
        return self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def _engine(self, *, read_only: bool) -> AsyncEngine:
        if not self._is_sqlite:
            commit = "on" if self._durable else "off"
            return create_async_engine(
                self._url,
                pool_size=5,
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={
                    "timeout": CONNECT_S,
                    "command_timeout": COMMAND_S,
                    "server_settings": {"synchronous_commit": commit},
                },
            )
        engine = create_async_engine(
            self._url,
            poolclass=StaticPool if self._in_memory else AsyncAdaptedQueuePool,
            connect_args={"timeout": BUSY_TIMEOUT_S, "async_creator_fn": open_sqlite},
            pool_reset_on_return=None,  # `_begin` always ends what it begins
            **({} if self._in_memory else {"pool_size": 2 if read_only else 1, "max_overflow": 0}),
        )
        synchronous = "FULL" if self._durable else "NORMAL"
        event.listen(engine.sync_engine, "connect", _configure(synchronous, read_only=read_only))
        event.listen(engine.sync_engine, "begin", _begin_deferred if read_only else _begin_immediate)
        return engine


def number(value: float | None) -> float | None:
    """Return a float as SQL keeps it: NaN is NULL."""
    return None if value is None or math.isnan(value) else float(value)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError(
            "database url is not one; write sqlite:///forewarn.db or postgresql://user@host/name"
        ) from None
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    backend = parsed.drivername.split("+")[0]
    if backend not in drivers:
        raise DatabaseError(f"database url names {backend!r}; the store is sqlite or postgresql")
    return parsed.set(drivername=drivers[backend])


def _configure(synchronous: str, *, read_only: bool) -> Any:  # noqa: ANN401 - an event hook
    def configure(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own type
        connection.isolation_level = None  # transactions begin where we say so, not where sqlite3 guesses
        cursor = connection.cursor()
        pragmas = ["foreign_keys=ON", f"busy_timeout={int(BUSY_TIMEOUT_S * 1000)}"]
        pragmas += (
            ["query_only=ON", "schema_version"]
            if read_only
            else ["journal_mode=WAL", f"synchronous={synchronous}"]
        )
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return configure


def _begin_immediate(connection: Any) -> None:  # noqa: ANN401 - an event hook
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Any) -> None:  # noqa: ANN401 - an event hook
    connection.exec_driver_sql("BEGIN")


async def _close(connection: AsyncConnection) -> None:
    await asyncio.shield(connection.close())


def _cause(error: BaseException) -> str:
    inner = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(inner).splitlines()[0] if str(inner) else type(inner).__name__
