"""A replay that is killed at random points ends with the tables of one that was not."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.storage.schema import runs
from tests.daemon.replays import START, dump, write_config, write_prices

FOREWARN = Path(sys.executable).with_name("forewarn")
KILLS = 20
LOOK_S = 0.005


async def start_replay(folder: Path, url: str) -> Process:
    return await asyncio.create_subprocess_exec(
        FOREWARN,
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
        stdout=PIPE,
        stderr=DEVNULL,
    )


async def finish_replay(folder: Path, url: str) -> dict[str, object]:
    process = await start_replay(folder, url)
    output, _ = await process.communicate()
    assert process.returncode == 0
    summary: dict[str, object] = json.loads(output)
    return {key: value for key, value in summary.items() if key != "seconds"}


async def ledger_rows(store: Database) -> int:
    async with store.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(runs))).scalar_one())


async def kill_at(folder: Path, url: str, store: Database, rows: int) -> int:
    """Start the replay, kill it once the ledger holds that many rows, return how it ended."""
    process = await start_replay(folder, url)
    while process.returncode is None and await ledger_rows(store) < rows:
        await asyncio.wait([asyncio.create_task(process.wait())], timeout=LOOK_S)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.communicate()
    return process.returncode or 0


@pytest.mark.timeout(600)
async def test_twenty_kills_leave_the_tables_of_an_undisturbed_run(
    new_url: Callable[[], str], tmp_path: Path
) -> None:
    write_config(tmp_path)
    write_prices(tmp_path)
    undisturbed_url, killed_url = new_url(), new_url()
    undisturbed, killed = Database(undisturbed_url), Database(killed_url)
    try:
        await upgrade(undisturbed)
        await upgrade(killed)
        expected = await finish_replay(tmp_path, undisturbed_url)
        total = await ledger_rows(undisturbed)
        points = sorted(random.Random(20081015).sample(range(1, total), KILLS))
        ends = [await kill_at(tmp_path, killed_url, killed, rows) for rows in points]
        assert ends.count(-signal.SIGKILL) == KILLS
        assert await finish_replay(tmp_path, killed_url) == expected
        left, right = await dump(killed), await dump(undisturbed)
        assert left.keys() == right.keys()
        for table in left:
            assert left[table] == right[table], table
        assert left["outbox"], "the alerts of the replay went through the outbox"
    finally:
        await undisturbed.aclose()
        await killed.aclose()
