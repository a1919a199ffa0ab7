"""`forewarn db`: the store's schema."""

from __future__ import annotations

import typer

from daemon.cli.options import ConfigOption, DatabaseOption

db = typer.Typer(help="The store's schema.", no_args_is_help=True)


@db.command("upgrade")
def db_upgrade(config: ConfigOption = None, database: DatabaseOption = None) -> None:
    """Bring the store to the schema this version needs."""
    from daemon.commands import process

    process.db_upgrade(config, database)
