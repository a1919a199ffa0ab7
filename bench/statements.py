"""Small SQL statements: our one crossing to SQLite's thread, against aiosqlite's four."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bench.timing import Row, compare
from daemon.storage.database import Database

STATEMENTS = 200


def rows() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        ours = Database(f"sqlite:///{folder}/a.db", durable=False)
        plain = create_async_engine(f"sqlite+aiosqlite:///{folder}/b.db")

        async def many(connection: AsyncConnection) -> None:
            for _ in range(STATEMENTS):
                await connection.execute(text("SELECT 1"))

        async def by_ours() -> None:
            async with ours.write() as connection:
                await many(connection)

        async def by_plain() -> None:
            async with plain.connect() as connection:
                await many(connection)

        async def close() -> None:
            await ours.aclose()
            await plain.dispose()

        def run(work: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], int]:
            def counted() -> int:
                runner.run(work())
                return STATEMENTS

            return counted

        row = compare(f"{STATEMENTS} small selects", run(by_ours), "SQLAlchemy on aiosqlite", run(by_plain))
        runner.run(close())
        return [row]
