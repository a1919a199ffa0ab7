"""A replay that is killed at random points ends with the tables of one that was not."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from daemon.storage.database import Database
from daemon.storage.schema import runs
from tests.daemon.nursery import Child, Nursery, nursery
from tests.daemon.replays import START, dump, write_config, write_prices

pytestmark = pytest.mark.no_cover  # it repeats what other tests count

KILLS = {"sqlite": 20, "postgres": 8}
LOOK_S = 0.005


def start_replay(nest: Nursery, folder: Path, url: str) -> Child:
    return nest.start(
        "replay",
        "--prices",
        folder / "prices.parquet",
        "--config",
        folder / "config.toml",
        "--start",
        START.isoformat(),
        "--database",
        url,
        "--json",
        output=folder / "summary.json",
    )


def finish_replay(nest: Nursery, folder: Path, url: str) -> dict[str, object]:
    child = start_replay(nest, folder, url)
    assert child.wait() == 0
    summary: dict[str, object] = json.loads(child.output.read_text())
    return {key: value for key, value in summary.items() if key != "seconds"}


async def ledger_rows(store: Database) -> int:
    async with store.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(runs))).scalar_one())


async def kill_at(nest: Nursery, folder: Path, url: str, store: Database, rows: int) -> int:
    """Start the replay, kill it once the ledger holds that many rows, return how it ended."""
    child = start_replay(nest, folder, url)
    while child.is_running() and await ledger_rows(store) < rows:
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=LOOK_S)
    return child.kill()


@pytest.mark.timeout(600)
async def test_kills_leave_the_tables_of_an_undisturbed_run(
    kind: str, migrated_url: Callable[[], str], tmp_path: Path
) -> None:
    write_config(tmp_path, executor="thread")
    write_prices(tmp_path)
    undisturbed_url, killed_url = migrated_url(), migrated_url()
    undisturbed, killed = Database(undisturbed_url), Database(killed_url)
    try:
        with nursery() as nest:
            expected = await asyncio.to_thread(finish_replay, nest, tmp_path, undisturbed_url)
            total = await ledger_rows(undisturbed)
            points = sorted(random.Random(20081015).sample(range(1, total), KILLS[kind]))
            ends = [await kill_at(nest, tmp_path, killed_url, killed, rows) for rows in points]
            assert ends.count(-signal.SIGKILL) == len(points)
            assert await asyncio.to_thread(finish_replay, nest, tmp_path, killed_url) == expected
        left, right = await dump(killed), await dump(undisturbed)
        assert left.keys() == right.keys()
        for table in left:
            assert left[table] == right[table], table
        assert left["outbox"], "the alerts of the replay went through the outbox"
    finally:
        await undisturbed.aclose()
        await killed.aclose()
