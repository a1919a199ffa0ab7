"""The daemon as it runs on a server: a real process on a real store, told to stop by a real signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daemon.configuration.config import load_settings
from daemon.live.live import run_live
from daemon.log import configure_log
from daemon.storage.database import Database
from market.exchange import Exchange
from market.price_file import read_prices
from market.sample import SAMPLE_PATH
from tests.daemon.replays import dump

FOREWARN = Path(sys.executable).with_name("forewarn")

CONFIG = """
[market]
provider = "file"
prices_file = "{folder}/prices.parquet"
tickers = ["AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC"]
history_sessions = 320
[forecast]
train_sessions = 120
min_train_sessions = 40
[monitors]
window_sessions = 10
[schedule]
check_seconds = 0.2
[server]
port = 0
[executor]
kind = "thread"
"""


def recent_sessions(exchange: Exchange, count: int) -> tuple[date, ...]:
    """Return the newest sessions whose close is at least an hour ago, oldest first."""
    today = datetime.now(UTC).date()
    days = exchange.sessions(today - timedelta(days=2 * count + 20), today)
    closed = [day for day in days if exchange.close_at(day) < datetime.now(UTC) - timedelta(hours=1)]
    return tuple(closed[-count:])


def write_recent_prices(folder: Path, days: tuple[date, ...]) -> None:
    """Write real bars under the newest sessions' dates: the daemon only lives in the present."""
    panel = read_prices(SAMPLE_PATH).rows(600, 600 + len(days))
    tickers = [ticker for ticker in panel.tickers if ticker != "^IXIC"]
    panel = panel.columns(tuple(tickers))
    columns: dict[str, list[Any]] = {
        "date": [day for day in days for _ in tickers],
        "ticker": tickers * len(days),
    }
    for field in ("open", "high", "low", "close", "adj_close", "volume"):
        columns[field] = getattr(panel, field).ravel().tolist()
    pq.write_table(pa.table(columns), folder / "new.parquet")
    (folder / "new.parquet").replace(folder / "prices.parquet")


@asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[tuple[Process, str]]:
    """Start the daemon, wait until it says where its page is, and end it."""
    process = await asyncio.create_subprocess_exec(
        FOREWARN, "run", "--config", folder / "config.toml", "--database", url, stdout=DEVNULL, stderr=PIPE
    )
    try:
        yield process, await page_of(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def page_of(process: Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while line := await process.stderr.readline():
            told = json.loads(line)
            if told["event"] == "started":
                return str(told["page"])
    raise AssertionError("the daemon ended before it started")


async def until_judged(page: str, session: date) -> dict[str, Any]:
    """Ask the status page until it tells the session."""
    async with aiohttp.ClientSession() as visitor, asyncio.timeout(120):
        while True:
            async with visitor.get(page + "status") as response:
                status: dict[str, Any] = await response.json()
            if status["summary"]["last"] == session.isoformat() and status["gate"]["state"] != "UNKNOWN":
                return status
            await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.1)


async def stop(process: Process) -> int:
    """Send SIGTERM and return the exit code; it has ten seconds."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        return await process.wait()


async def test_the_daemon_runs_what_is_due_catches_up_and_stops_in_time(
    new_url: Callable[[], str], exchange: Exchange, tmp_path: Path
) -> None:
    url = new_url()
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path))
    days = recent_sessions(exchange, 324)
    write_recent_prices(tmp_path, days)
    upgrade = await asyncio.create_subprocess_exec(
        FOREWARN, "db", "upgrade", "--database", url, stdout=DEVNULL
    )
    assert await upgrade.wait() == 0
    async with running(tmp_path, url) as (process, page):
        status = await until_judged(page, days[-1])
        assert await stop(process) == 0
    assert status["gate"]["state"] == "ACTIVE"
    loops = {loop["name"]: loop["ok"] for loop in status["loops"]}
    assert set(loops) >= {"schedule", "tell", "store", "delivery", "delivery to console"}
    assert all(loops.values())
    store = Database(url)
    tables = await dump(store)
    judged = [row for row in tables["runs"] if row[0] == "judge"]
    warmed = [row for row in tables["runs"] if row[0] == "features"]
    assert [row[2] for row in judged] == [days[-1]]  # history is only kept, never judged or told
    assert len(warmed) == 321
    assert {(kind, name, outcome) for kind, name, _, outcome in tables["calls"]} == {
        ("provider", "file", "ok")
    }
    assert {row[2] for row in tables["readings"] if row[1] == "staleness_s"} == {"provider:file"}

    async with running(tmp_path, url) as (process, page):  # nothing new is due: nothing is added
        await until_judged(page, days[-1])
        assert await stop(process) == 0
    assert await dump(store) == tables
    await store.aclose()


async def test_the_daemon_ends_itself_when_its_process_is_told_to(
    exchange: Exchange, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path))
    days = recent_sessions(exchange, 324)
    write_recent_prices(tmp_path, days)
    configure_log(json=True)
    settings = load_settings(tmp_path / "config.toml")
    daemon = asyncio.create_task(run_live(settings, Database(f"sqlite:///{tmp_path}/live.db")))
    try:
        await until_judged(await page_in(capfd, daemon), days[-1])
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await daemon
    assert '"event": "stopped"' in capfd.readouterr().err


async def page_in(capfd: pytest.CaptureFixture[str], daemon: asyncio.Task[None]) -> str:
    """Read our own log until it tells where the page is."""
    async with asyncio.timeout(60):
        while not daemon.done():
            for line in capfd.readouterr().err.splitlines():
                if '"event": "started"' in line:
                    return str(json.loads(line)["page"])
            await asyncio.wait([daemon], timeout=0.05)
    raise AssertionError("the daemon ended before it started")
