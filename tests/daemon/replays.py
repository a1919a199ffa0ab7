"""A short replay of real history, and the tables it leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.configuration.config import load_settings
from daemon.configuration.settings import Settings
from daemon.replay import History, make_history, replay
from daemon.storage.database import Database
from daemon.storage.schema import metadata
from market.exchange import Exchange
from market.price_file import read_prices
from market.sample import SAMPLE_PATH
from tests.conftest import Kept

START = date(2004, 3, 1)
END = date(2004, 8, 31)

CONFIG = """
[market.sectors]
IBM = "Computers"
MSFT = "Software"
[forecast]
train_sessions = 120
min_train_sessions = 40
refit_sessions = 30
[monitors]
window_sessions = 10
[rules."psi_above_0.2"]
severity = "warning"
[rules.drawdown_10pct]
threshold = 0.015
clear = 0.005
[rules.drawdown_15pct]
threshold = 0.02
clear = 0.005
[replay]
operator_sessions = 7
"""
"""Small windows and a tight halt, so that half a year holds fits, trades, alerts, halts and lifts."""


def write_config(folder: Path, executor: str = "process") -> Path:
    """Write the test's configuration."""
    path = folder / "config.toml"
    path.write_text(f'{CONFIG}[executor]\nkind = "{executor}"\n')
    return path


def write_prices(folder: Path) -> Path:
    """Write the part of the sample history that the replay reads."""
    path = folder / "prices.parquet"
    table = pq.read_table(SAMPLE_PATH)
    keep = [day <= END for day in table.column("date").to_pylist()]
    pq.write_table(table.filter(keep), path)
    return path


def short_settings(folder: Path, *, kind: str = "inline") -> Settings:
    """Read the test's configuration for one kind of executor."""
    settings = load_settings(write_config(folder))
    chosen = settings.executor.model_copy(update={"kind": kind})
    return settings.model_copy(update={"executor": chosen})


def short_history(exchange: Exchange, start: date = START) -> History:
    """Return the history that `forewarn replay` makes of the prices above."""
    panel = read_prices(SAMPLE_PATH)
    kept = panel.rows(0, sum(day <= END for day in panel.sessions))
    return make_history(kept, exchange, "sample", start=start)


async def replay_short(
    database: Database, settings: Settings, exchange: Exchange, start: date = START
) -> None:
    """Replay it."""
    history = short_history(exchange, start)
    await replay(history, exchange, settings, database, (), lambda done, total, session: None)


def replayed_at(kept: Kept, kind: str, new_url: Callable[[], str], folder: Path, exchange: Exchange) -> str:
    """Return the URL of a store with that replay; only copies of it may be changed."""

    async def fill(url: str) -> None:
        store = Database(url, durable=False)
        await replay_short(store, short_settings(folder), exchange)
        await store.aclose()

    return kept.url("replayed", kind, new_url, fill)


Tables = dict[str, list[tuple[Any, ...]]]


async def dump(database: Database) -> Tables:
    """Return every row of every table, columns of the machine's own time aside, ordered by key."""
    async with database.read() as connection:
        return {table.name: await _rows(connection, table.name) for table in metadata.sorted_tables}


async def _rows(connection: AsyncConnection, name: str) -> list[tuple[Any, ...]]:
    table = metadata.tables[name]
    columns = [column for column in table.columns if "wall" not in column.name]
    found = await connection.execute(select(*columns).order_by(*table.primary_key.columns))
    return [tuple(row) for row in found]
