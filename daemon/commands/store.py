"""The store's side of a command: run something on the configured store, and print what it answers."""

from __future__ import annotations

import asyncio
import json as json_format
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from daemon.configuration.config import load_settings
from daemon.storage.database import Database
from daemon.storage.schema_version import require_newest

T = TypeVar("T")


def run_on_store(config: Path | None, database: str | None, act: Callable[[Database], Awaitable[T]]) -> T:
    """Open the store, check its schema, act, and close it.

    Args:
        config: A TOML file; None takes the defaults.
        database: URL of the store; None takes the configured one.
        act: What to do with it.

    Raises:
        ConfigError: The configuration is at fault.
        DatabaseError: The store cannot be used, or has another schema.
    """

    async def go() -> T:
        store = Database(database or load_settings(config).database.url)
        try:
            await require_newest(store)
            return await act(store)
        finally:
            await store.aclose()

    return asyncio.run(go())


def wide_console(*, markup: bool = True) -> Console:
    """Return a console for tables, 160 columns wide where nobody sees how wide it is.

    Args:
        markup: Whether text in square brackets is a style; not where a person or a file gave the text.
    """
    console = Console(highlight=False, markup=markup)
    return console if console.is_terminal else Console(highlight=False, markup=markup, width=160)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own."""
    sys.stdout.write(json_format.dumps(value) + "\n")
