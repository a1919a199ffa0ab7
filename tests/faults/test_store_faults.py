"""The store is full, locked or gone while alerts stream in: the process lives on and tells nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from tests.faults.deliveries import until_sent
from tests.faults.disk import full, small_disk
from tests.faults.feed import Feed
from tests.faults.nemesis import Nemesis
from tests.faults.receivers import Receivers
from tests.faults.test_kills import check
from tests.faults.waiting import until
from tests.faults.worker import Spec

HEALTHY_S = 10.0
"""Seconds after the end of a fault within which the next alert is judged and kept."""


@asynccontextmanager
async def streaming(url: str, folder: Path) -> AsyncIterator[tuple[Nemesis, Feed]]:
    """Let alerts stream through a worker; at the end check that all of them were told, and none twice."""
    store = Database(url)
    await upgrade(store)
    try:
        async with Receivers() as receivers, Feed(per_s=6.0) as feed:
            spec = Spec(url, feed.port, feed.rules, **receivers.places())
            async with Nemesis(spec, folder / "worker.log", seed=1) as nemesis:
                feed.begin()
                await nemesis.start()
                await acknowledged(feed, 6)
                yield nemesis, feed
                feed.end()
                await acknowledged(feed, feed.acked + 1, HEALTHY_S)
                await feed.settle(60)
                await until_sent(store, 60)
                feed.hang_up()
                assert await nemesis.wait() == 0, "one life saw it all"
                assert feed.lives == 1
            copies = await check(store, receivers, feed)
            assert max(copies.values()) <= 1
    finally:
        await store.aclose()


async def acknowledged(feed: Feed, lines: int, within_s: float = 30.0) -> None:
    """Wait until so many lines are acknowledged."""
    await until(lambda: feed.acked >= lines, within_s)


async def stands_still(feed: Feed, for_s: float) -> None:
    """Check that nothing is acknowledged from now on, once what was under way has ended."""
    await asyncio.sleep(1.0)
    before = feed.acked
    await asyncio.sleep(for_s)
    assert feed.acked == before


async def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        path = disk / "store.db"
        async with streaming(f"sqlite:///{path}", tmp_path) as (_, feed):
            with full(disk, path):
                await stands_still(feed, 2.0)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock of a SQLite file, as another process that hangs."""
    with closing(sqlite3.connect(path, timeout=5.0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_locked_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with streaming(f"sqlite:///{path}", tmp_path) as (_, feed):
        with locked(path):
            await stands_still(feed, 2.0)


async def test_a_postgres_that_is_stopped_and_started_again(
    tmp_path: Path,
    stoppable_postgres: Any,  # noqa: ANN401 - the package has no types
) -> None:
    async with streaming(stoppable_postgres.get_uri(), tmp_path) as (_, feed):
        await asyncio.to_thread(stoppable_postgres.stop)
        await stands_still(feed, 2.0)
        await asyncio.to_thread(stoppable_postgres.ensure_postgres_running)


async def test_a_frozen_process_goes_on_where_it_stood(tmp_path: Path) -> None:
    async with streaming(f"sqlite:///{tmp_path}/store.db", tmp_path) as (nemesis, feed):
        nemesis.freeze()
        await stands_still(feed, 2.0)
        nemesis.thaw()
