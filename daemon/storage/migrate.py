"""Migrating: bring a store to the schema this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import migrations
from daemon.storage.database import Database, DatabaseError


async def upgrade(database: Database) -> None:
    """Bring the store to the newest schema; nothing happens where it is there already.

    Raises:
        DatabaseError: The database cannot be reached or its schema is newer than this version.
    """
    async with database.write() as connection:
        await connection.run_sync(_upgrade, database.name)


def _upgrade(connection: Connection, name: str) -> None:
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = _revision(connection)
    if found is not None and found not in known:
        raise DatabaseError(f"{name} has schema {found}, which is newer than this version; update Forewarn")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config
