"""The instance: one daemon a store. Whoever holds it may act; a second one is refused."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from daemon.storage.database import Database

ANSWER_S: Final = 5.0
"""Seconds within which the database has to answer about the lock."""


class InstanceError(Exception):
    """Another process works on the store."""


class Instance:
    """Held from a start to a stop: a file lock beside a SQLite file, an advisory lock in Postgres.

    Both vanish with the process, however it dies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: IO[str] | None = None
        self._connection: AsyncConnection | None = None

    async def __aenter__(self) -> Instance:
        """Take the lock.

        Raises:
            InstanceError: Another process holds it.
        """
        if self._database.path is not None:
            self._lock_file(Path(f"{self._database.path}.lock"))
        elif not self._database.is_sqlite:
            await self._lock_postgres()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
        if self._connection is not None:
            await self._connection.close()
            await self._connection.engine.dispose()

    async def renew(self) -> None:
        """After the store did not answer for a while: make sure that we still hold the lock, or take it anew.

        Raises:
            InstanceError: Another process took it meanwhile.
        """
        if self._connection is None:
            return  # a lock on a file outlives everything but the process
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._connection.execute(text("SELECT 1"))
        except (DBAPIError, OSError, TimeoutError):
            with contextlib.suppress(DBAPIError, OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await self._connection.invalidate()
                    await self._connection.engine.dispose()
            await self._lock_postgres()

    def _lock_file(self, path: Path) -> None:
        handle = path.open("w", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            raise InstanceError(self._refusal()) from None
        self._file = handle

    async def _lock_postgres(self) -> None:
        engine = create_async_engine(self._database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        connection = await engine.connect()
        key = zlib.crc32(b"forewarn")
        held = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})
        if not held.scalar():
            await connection.close()
            await engine.dispose()
            raise InstanceError(self._refusal())
        self._connection = connection

    def _refusal(self) -> str:
        return f"another forewarn works on {self._database.name}; stop it first, or name another --database"
