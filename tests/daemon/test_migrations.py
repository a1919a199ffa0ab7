from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from daemon.storage.database import Database
from daemon.storage.migrate import require_newest, upgrade
from daemon.storage.schema import metadata


async def test_the_migrated_schema_is_the_one_the_code_describes(database: Database) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_upgrading_twice_changes_nothing(database: Database) -> None:
    await upgrade(database)
    await require_newest(database)
