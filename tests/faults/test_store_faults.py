"""The store is full, locked or gone while alerts stream in: the process lives on and tells nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

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

Say = Callable[[str, object], None]

HEALTHY_S = 10.0
"""Seconds after the end of a fault within which the next alert is judged and kept."""
SETTLED_S = 600.0
"""Seconds for all that came during a fault: 22,000 alerts in ten minutes."""
FULL_S, GONE_S = 300.0, 600.0
"""Seconds for which a disk is full, and a database locked or gone, in a soak."""


def lasting(long_s: object, short_s: object) -> pytest.MarkDecorator:
    """Run a test with a short fault, and in a soak with one that truly lasts."""
    soak = pytest.param(long_s, marks=[pytest.mark.soak, pytest.mark.timeout(2400)], id="lasting")
    return pytest.mark.parametrize("fault_s", [pytest.param(short_s, id="short"), soak])


@asynccontextmanager
async def streaming(url: str, folder: Path, say: Say) -> AsyncIterator[tuple[Nemesis, Feed]]:
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
                over_s = asyncio.get_running_loop().time()
                await acknowledged(feed, feed.acked + 1, HEALTHY_S)
                say("healthy_after_s", round(asyncio.get_running_loop().time() - over_s, 2))
                feed.end()
                await feed.settle(SETTLED_S)
                await until_sent(store, SETTLED_S)
                feed.hang_up()
                assert await nemesis.wait() == 0, "one life saw it all"
                assert feed.lives == 1
            copies = await check(store, receivers, feed)
            say("copies", copies)
            say("alerts", len(feed.begun))
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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock of a SQLite file, as another process that hangs."""
    with closing(sqlite3.connect(path, timeout=5.0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@lasting(FULL_S, 2.0)
async def test_a_full_disk(tmp_path: Path, fault_s: float, record_property: Say) -> None:
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "store.db"
        async with streaming(f"sqlite:///{path}", tmp_path, record_property) as (_, feed):
            with full(disk, path):
                await stands_still(feed, fault_s)


@lasting(GONE_S, 2.0)
async def test_a_locked_database(tmp_path: Path, fault_s: float, record_property: Say) -> None:
    path = tmp_path / "store.db"
    async with streaming(f"sqlite:///{path}", tmp_path, record_property) as (_, feed):
        with locked(path):
            await stands_still(feed, fault_s)


@lasting(GONE_S, 2.0)
async def test_a_postgres_that_is_stopped_and_started_again(
    tmp_path: Path,
    stoppable_postgres: Any,  # noqa: ANN401 - the package has no types
    fault_s: float,
    record_property: Say,
) -> None:
    url = stoppable_postgres.get_uri()
    async with streaming(url, tmp_path, record_property) as (_, feed):
        await asyncio.to_thread(stoppable_postgres.stop)
        await stands_still(feed, fault_s)
        await asyncio.to_thread(stoppable_postgres.ensure_postgres_running)


async def test_a_frozen_process_goes_on_where_it_stood(tmp_path: Path, record_property: Say) -> None:
    async with streaming(f"sqlite:///{tmp_path}/store.db", tmp_path, record_property) as (nemesis, feed):
        nemesis.freeze()
        await stands_still(feed, 2.0)
        nemesis.thaw()
