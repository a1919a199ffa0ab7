"""The daemon itself on a store that is locked, full or gone: it lives on and serves no ACTIVE gate."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from market.exchange import load_exchange
from tests.daemon.test_live import (
    CONFIG,
    FOREWARN,
    page_of,
    recent_sessions,
    stop,
    until_judged,
    write_recent_prices,
)
from tests.faults.disk import full, small_disk
from tests.faults.test_store_faults import FULL_S, GONE_S, HEALTHY_S, Say, lasting, locked
from tests.stand_ins.webhook import SECRET, WebhookStandIn

NOTICED_S = 6.0
"""Seconds within which a store that fails is noticed: a heartbeat is tried every 3, and may wait for 1."""

WEBHOOK = """
[channels.webhook]
enabled = true
min_severity = "info"
url = "{url}"
"""


@asynccontextmanager
async def daemon(folder: Path, url: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the daemon; its page is told."""
    environment = {**os.environ, "FOREWARN_WEBHOOK_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        FOREWARN, "run", "--config", folder / "config.toml", "--database", url,
        stdout=DEVNULL, stderr=PIPE, env=environment,
    )  # fmt: skip
    drain: asyncio.Task[bytes] | None = None
    try:
        page = await page_of(process)
        assert process.stderr is not None
        drain = asyncio.create_task(process.stderr.read())
        yield process, page
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if drain is not None:
            await drain


async def gate_of(page: str) -> dict[str, Any]:
    """Return the gate as the daemon serves it."""
    async with aiohttp.ClientSession() as visitor, visitor.get(page + "status") as response:
        found: dict[str, Any] = json.loads(await response.text()).get("gate") or {"state": "UNKNOWN"}
    return found


async def until_gate(page: str, *, active: bool, within_s: float) -> float:
    """Wait until the gate is served as ACTIVE, or as something else. Returns after how many seconds."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    async with asyncio.timeout(within_s):
        while True:
            if ((await gate_of(page))["state"] == "ACTIVE") is active:
                break
            await asyncio.sleep(0.2)
    return loop.time() - begun_s


@asynccontextmanager
async def judged(folder: Path, url: str, say: Say) -> AsyncIterator[tuple[Process, str]]:
    """Run a daemon until it has judged the newest session and serves an ACTIVE gate; at the end it stops."""
    days = recent_sessions(load_exchange("XNYS"), 324)
    write_recent_prices(folder, days)
    async with WebhookStandIn() as webhook:
        config = CONFIG.format(folder=folder) + WEBHOOK.format(url=webhook.url)
        (folder / "config.toml").write_text(config)
        async with daemon(folder, url) as (process, page):
            await until_judged(page, days[-1])
            await until_gate(page, active=True, within_s=HEALTHY_S)
            yield process, page
            after_s = await until_gate(page, active=True, within_s=HEALTHY_S)
            say("active_after_s", round(after_s, 2))
            assert process.returncode is None
            assert await stop(process) == 0
    assert webhook.taken
    assert not webhook.repeats


async def stays_closed(page: str, for_s: float, say: Say) -> None:
    """Check that the gate stops being served as ACTIVE and is not served so again while the fault lasts."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + for_s
    say("noticed_after_s", round(await until_gate(page, active=False, within_s=NOTICED_S), 2))
    while loop.time() < end_s:
        assert (await gate_of(page))["state"] != "ACTIVE"
        await asyncio.sleep(0.2)


@lasting((GONE_S, FULL_S), (4.0, 4.0))
async def test_the_daemon_serves_no_active_gate_while_its_store_is_locked_or_full(
    tmp_path: Path, fault_s: tuple[float, float], record_property: Say
) -> None:
    locked_s, full_s = fault_s
    with small_disk(tmp_path / "disk") as disk:
        store = disk / "store.db"
        async with judged(tmp_path, f"sqlite:///{store}", record_property) as (_, page):
            with locked(store):
                await stays_closed(page, locked_s, record_property)
            await until_gate(page, active=True, within_s=HEALTHY_S)
            with full(disk, store):
                await stays_closed(page, full_s, record_property)


@lasting(GONE_S, 4.0)
async def test_the_daemon_outlives_a_postgres_that_is_stopped_and_started_again(
    tmp_path: Path,
    stoppable_postgres: Any,  # noqa: ANN401 - the package has no types
    fault_s: float,
    record_property: Say,
) -> None:
    url = stoppable_postgres.get_uri()
    database = Database(url)
    await upgrade(database)
    await database.aclose()
    async with judged(tmp_path, url, record_property) as (process, page):
        await asyncio.to_thread(stoppable_postgres.stop)
        await stays_closed(page, fault_s, record_property)
        assert process.returncode is None
        await asyncio.to_thread(stoppable_postgres.ensure_postgres_running)
