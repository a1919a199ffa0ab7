"""`forewarn model rollback`: alone, so that no library of numbers is loaded for it."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path

from daemon.commands.store import run_on_store
from daemon.model_rollback import rollback
from daemon.storage.database import Database
from daemon.storage.moves import Move


def rollback_model(
    version: int | None, config: Path | None, database: str | None, *, reason: str, by: str | None
) -> None:
    """Go back to a version that was in use before.

    Raises:
        VerbError: It is refused.
    """

    async def act(store: Database) -> Move:
        async with store.write() as connection:
            return await rollback(
                connection, version, reason=reason, actor=by or getpass.getuser(), at=datetime.now(UTC)
            )

    tell(run_on_store(config, database, act))


def tell(move: Move) -> None:
    """Say that another model is in use from here on."""
    sys.stdout.write(
        f"Model {move.version} is in use instead of {move.before}; a running daemon takes it over with its "
        "next forecasts.\n"
    )
