"""The schema's version: whether a store has the one this version needs. Alembic is not loaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

import migrations
from daemon.storage.database import Database, DatabaseError

_KEPT: Final = table("alembic_version", column("version_num"))


async def require_newest(database: Database) -> None:
    """Check that the store has the schema this version needs.

    Raises:
        DatabaseError: It has not; the text names the command that upgrades it.
    """
    async with database.read() as connection:
        found = await connection.run_sync(_version)
    if found != newest_version():
        raise DatabaseError(
            f"{database.name} has schema {found or 'none'}, this version needs {newest_version()}; "
            "run `forewarn db upgrade` with the same --database"
        )


def newest_version() -> str:
    """Return the version this version needs: the number that the newest migration's file begins with."""
    scripts = Path(migrations.__file__).parent / "versions"
    return max(script.name for script in scripts.glob("[0-9]*.py")).split("_")[0]


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_KEPT.name):
        return None
    found: str | None = connection.execute(select(_KEPT.c.version_num)).scalar()
    return found
