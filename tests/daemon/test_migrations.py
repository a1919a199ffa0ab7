from collections.abc import Callable

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from daemon.storage.database import Database
from daemon.storage.migrate import _config, upgrade
from daemon.storage.schema import metadata
from daemon.storage.schema_version import newest_version, require_newest


async def test_the_migrated_schema_is_the_one_the_code_describes(database: Database) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_upgrading_twice_changes_nothing(database: Database) -> None:
    await upgrade(database)
    await require_newest(database)


def test_the_newest_version_is_the_last_migration() -> None:
    assert newest_version() == ScriptDirectory.from_config(_config()).get_current_head()


async def test_messages_written_before_delivery_knew_keys_keep_their_place(
    new_url: Callable[[], str],
) -> None:
    store = Database(new_url(), durable=False)

    def to_first(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    async with store.write() as connection:
        await connection.run_sync(to_first)
        await connection.execute(
            text(
                "INSERT INTO outbox (group_, revision, channel, severity, message, created_at, status, "
                "attempts, reference, error, due_wall_at) VALUES ('a', 3, 'slack', 2, '{}', "
                "'2024-01-02 21:30:00+00:00', 'pending', 0, '', '', '2024-01-02 21:30:00+00:00')"
            )
        )
    await upgrade(store)
    async with store.read() as connection:
        row = (await connection.execute(text("SELECT * FROM outbox"))).one()
    assert (row.key, row.status, row.fallback_of, row.fallback_wall_from) == ("a/3", "pending", "", None)
    assert str(row.written_wall_at).startswith("2024-01-02 21:30:00")
    await store.aclose()
