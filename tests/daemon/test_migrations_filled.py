"""A store that holds rows, on each database: from every earlier version to the newest one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import Connection

from daemon.storage.database import Database
from daemon.storage.migrate import _config, upgrade
from daemon.storage.schema import UtcDateTime, metadata
from daemon.storage.schema_version import require_newest
from market.exchange import Exchange
from tests.conftest import Kept
from tests.daemon.replays import dump, replayed_at

REVISIONS = [one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()]
"""Newest first."""

VALUES: dict[type, object] = {
    Boolean: True,
    Integer: 3,
    Float: 0.25,
    Date: date(2024, 3, 6),
    UtcDateTime: datetime(2024, 3, 6, 21, 30, tzinfo=UTC),
    JSON: {"made": [1, 2.5]},
    String: "made",
    Text: "made",
}
"""One of each kind of column."""

ANOTHER_FORECASTER = "0006"
"""Before it models were of another kind: it takes them out, and what forecasts tell of their features."""

Columns = dict[str, set[str]]
Rows = dict[str, list[str]]


@pytest.fixture
async def filled(
    kept: Kept,
    kind: str,
    new_url: Callable[[], str],
    copy_url: Callable[[str], str],
    exchange: Exchange,
    tmp_path: Path,
) -> AsyncIterator[Database]:
    """A store that half a year of replay has filled; where it left a table empty there is a made row."""
    store = Database(copy_url(replayed_at(kept, kind, new_url, tmp_path, exchange)), durable=False)
    async with store.write() as connection:
        for table in metadata.sorted_tables:
            if (await connection.execute(select(table).limit(1))).first() is None:
                await connection.execute(insert(table), [made(table)])
    yield store
    await store.aclose()


def made(table: Table) -> dict[str, object]:
    return {
        column.name: next(value for kind, value in VALUES.items() if isinstance(column.type, kind))
        for column in table.columns
    }


async def take_back(store: Database, revision: str) -> None:
    """Bring a store to an earlier version; what that cannot hold is lost."""

    def downgrade(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    async with store.write() as connection:
        await connection.run_sync(downgrade)


async def columns_of(store: Database) -> Columns:
    def read(connection: Connection) -> Columns:
        found = inspect(connection)
        names = set(found.get_table_names()) - {"alembic_version"}
        return {name: {str(column["name"]) for column in found.get_columns(name)} for name in names}

    async with store.read() as connection:
        return await connection.run_sync(read)


async def rows_of(store: Database, columns: Columns) -> Rows:
    """Return every row as the database itself holds it, in an order of its own."""

    def read(connection: Connection) -> Rows:
        out = {}
        for name, wanted in columns.items():
            table = Table(name, MetaData(), autoload_with=connection)
            found = connection.execute(select(*(table.c[one] for one in sorted(wanted))))
            out[name] = sorted(repr(tuple(row)) for row in found)
        return out

    async with store.read() as connection:
        return await connection.run_sync(read)


@pytest.mark.parametrize("revision", REVISIONS[1:])
async def test_a_filled_store_of_an_earlier_version_keeps_every_row_and_can_be_read(
    filled: Database, revision: str
) -> None:
    await take_back(filled, revision)
    newest = {table.name: set(table.columns.keys()) for table in metadata.sorted_tables}
    shared = {name: one & newest[name] for name, one in (await columns_of(filled)).items() if name in newest}
    if revision < ANOTHER_FORECASTER:
        shared["forecasts"].discard("contributions")
    before = await rows_of(filled, shared)
    assert all(before.values())
    if revision < ANOTHER_FORECASTER:
        before["models"] = []
    await upgrade(filled)
    await require_newest(filled)
    after = await rows_of(filled, shared)
    assert {name for name, rows in after.items() if rows != before[name]} == set()
    tables = await dump(filled)  # as the code reads it, the columns that were added among them
    assert {name: len(tables[name]) for name in before} == {name: len(rows) for name, rows in before.items()}


async def test_from_0007_on_a_migration_takes_nothing_and_adds_what_is_empty(filled: Database) -> None:
    expected = await dump(filled)
    assert len(expected["outside"]) == 1
    await take_back(filled, "0007")
    assert "outside" not in await columns_of(filled)
    await upgrade(filled)
    assert await dump(filled) == expected | {"outside": []}
