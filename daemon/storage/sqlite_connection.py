"""A SQLite connection that crosses to its thread once a statement.

aiosqlite crosses for each of cursor, execute, fetchall and close; every crossing costs two thread switches,
and they are most of what a small statement costs. Our rows fit in memory, so one crossing does it all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Self

import aiosqlite


class SqliteConnection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors fetch what they select at once."""

    def cursor(self) -> SqliteCursor:  # type: ignore[override]
        """Return a cursor without crossing to the thread."""
        return SqliteCursor(self)

    async def cross(self, function: Any, *args: object) -> Any:  # noqa: ANN401 - whatever the function returns
        """Run a function on the connection's thread."""
        return await self._execute(function, *args)  # type: ignore[no-untyped-call]


class SqliteCursor:
    """The part of a cursor that SQLAlchemy's asyncio dialect uses."""

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        """Do nothing: the cursor opens with its first statement."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing: the cursor closed with its last statement."""

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Run a statement and fetch its rows."""
        await self._connection.cross(self._run, sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Run a statement once for each row of parameters."""
        await self._connection.cross(self._run, sqlite3.Cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return the rows of the last statement."""
        return self._rows

    async def close(self) -> None:
        """Forget the rows."""
        self._rows = ()

    def _run(self, how: Any, sql: str, parameters: object) -> None:  # noqa: ANN401 - a method of sqlite3.Cursor
        cursor = self._connection._conn.cursor()
        try:
            how(cursor, sql, parameters)
            self.description, self.rowcount = cursor.description, cursor.rowcount
            self.lastrowid = cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else ()
        finally:
            cursor.close()


def open_sqlite(path: str, **options: Any) -> SqliteConnection:  # noqa: ANN401 - options of sqlite3.connect
    """Return a connection to be awaited, as SQLAlchemy's `async_creator_fn` asks."""
    connection = SqliteConnection(lambda: sqlite3.connect(path, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # a connection left open must not keep the process alive
    return connection
