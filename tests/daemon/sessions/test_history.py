"""The first start: what is told off exchange of the history before the first live session."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import structlog
from sqlalchemy import select

from daemon.storage.database import Database
from daemon.storage.schema import outside as rows_outside
from market import short_volume_files
from market.exchange import Exchange
from market.guard import Guard
from market.limits import Limits
from market.outside import Outside
from market.price_file import read_prices
from market.sample import SAMPLE_PATH
from market.short_volume import file_name
from market.short_volume_files import Finra, Folder
from tests.daemon.replays import short_settings
from tests.daemon.sessions.desk import FIRST, Desk
from tests.stand_ins.finra import FinraStandIn, daily

SPLIT = date(2003, 9, 2)
TOLD = {"IBM": ((SPLIT, 2.0),), "MSFT": ()}
LIMITS = Limits(per_s=1000.0, at_once=4, timeout_s=60.0, attempts=1)


def shares_of_the_sample() -> Callable[[date], dict[str, tuple[float, float]]]:
    """FINRA's raw shares: 40 % of the volume off exchange, a quarter of them sold short."""
    panel = read_prices(SAMPLE_PATH)

    def told(day: date) -> dict[str, tuple[float, float]]:
        row = panel.sessions.index(day)
        found = {}
        for ticker in ("AAPL", "IBM", "MSFT"):
            raw = float(panel.volume[row, panel.tickers.index(ticker)])
            raw *= 0.5 if ticker == "IBM" and day < SPLIT else 1.0
            found[ticker] = (0.1 * raw, 0.4 * raw)
        return found

    return told


@pytest.fixture(autouse=True)
def _files_as_old_as_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_volume_files, "FIRST", date(1990, 1, 1))


def desk_of(database: Database, folder: Path, exchange: Exchange, finra: FinraStandIn) -> Desk:
    files = Finra(Guard("finra", LIMITS), url=finra.url)
    desk = Desk(database, short_settings(folder), exchange, Outside(files))
    desk.provider.splits = TOLD
    return desk


async def shares(desk: Desk) -> dict[tuple[date, str], tuple[date, float, float]]:
    """What is kept, by session and ticker."""
    async with desk.database.read() as connection:
        found = list(await connection.execute(select(rows_outside)))
    return {
        (row.session, row.ticker): (row.told_of, row.off_exchange_volume, row.short_volume) for row in found
    }


async def test_a_first_start_knows_the_off_exchange_shares_of_its_history_by_the_splits_it_was_told(
    database: Database, exchange: Exchange, tmp_path: Path
) -> None:
    async with FinraStandIn(shares_of_the_sample()) as finra:
        desk = desk_of(database, tmp_path, exchange, finra)
        await desk.pipeline.restore()
        with structlog.testing.capture_logs() as logs:
            assert await desk.look() == 1
    kept = await shares(desk)
    days = tuple(day for day in desk.pipeline.memory.sessions if day <= FIRST)
    assert {session for session, _ in kept} == set(days[1:])
    assert {ticker for _, ticker in kept} == {"IBM", "MSFT"}  # of AAPL's splits nobody told
    assert [kept[day, "IBM"][0] for day in days[1:]] == list(days[:-1])
    np.testing.assert_allclose([one[1:] for one in kept.values()], [(0.4, 0.1)] * len(kept), rtol=1e-6)
    assert sorted(finra.asked) == list(days[:-1])
    told = [
        (one["kept"], one["of"], one["told_outside"]) for one in logs if one["event"] == "keeping history"
    ]
    assert told == [(100, 320, 99), (200, 320, 199), (300, 320, 299), (320, 320, 319)]


async def test_a_stop_ends_the_reading_at_once_and_the_next_start_goes_on_where_it_ended(
    database: Database, exchange: Exchange, tmp_path: Path
) -> None:
    async with FinraStandIn(shares_of_the_sample()) as finra:
        desk = desk_of(database, tmp_path, exchange, finra)
        await desk.pipeline.restore()
        finra.hangs = {date(2003, 6, 2)}
        stop = asyncio.Event()
        running = asyncio.create_task(desk.sessions.run_due(stop))
        await finra.hanging.wait()
        stop.set()
        async with asyncio.timeout(10):
            assert await running == 0
        before, asked = await shares(desk), set(finra.asked)
        assert 0 < len({session for session, _ in before}) < 320
        finra.hangs = ()
        finra.asked.clear()
        desk.restart()
        await desk.pipeline.restore()
        assert await desk.look() == 1
    kept = await shares(desk)
    days = tuple(day for day in desk.pipeline.memory.sessions if day <= FIRST)
    assert {session for session, _ in kept} == set(days[1:])
    np.testing.assert_allclose([one[1:] for one in kept.values()], [(0.4, 0.1)] * len(kept), rtol=1e-6)
    assert {session: one for session, one in kept.items() if session in before} == before
    newest = max(session for session, _ in before)
    assert min(finra.asked) == newest  # what is known of sessions that are kept is not asked for again
    assert len(asked & set(finra.asked)) <= LIMITS.at_once + 1


async def test_after_a_death_before_the_first_live_session_its_splits_are_told_with_its_own_bars(
    database: Database, exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise RuntimeError("killed")

    async with FinraStandIn(shares_of_the_sample()) as finra:
        desk = desk_of(database, tmp_path, exchange, finra)
        await desk.pipeline.restore()
        with monkeypatch.context() as patch:
            patch.setattr(desk.sessions, "_bars", die)
            with pytest.raises(RuntimeError, match="killed"):
                await desk.look()
        desk.restart()
        await desk.pipeline.restore()
        assert await desk.look() == 1
    kept = await shares(desk)
    assert kept[FIRST, "IBM"][1:] == pytest.approx((0.4, 0.1), rel=1e-6)
    assert (FIRST, "AAPL") not in kept


async def test_a_packed_file_with_flipped_bytes_is_unknown_and_the_next_start_runs(
    database: Database, exchange: Exchange, tmp_path: Path
) -> None:
    splits = {"IBM": (), "MSFT": ()}
    desk = Desk(
        database, short_settings(tmp_path), exchange, Outside(Folder(tmp_path), splits=splits), history=2
    )
    await desk.pipeline.restore()
    assert await desk.look() == 1
    packed = bytearray(gzip.compress(daily(FIRST, {"IBM": (1.0, 4.0)}).encode() * 50, mtime=0))
    packed[30:60] = bytes(byte ^ 0x5A for byte in packed[30:60])
    (tmp_path / f"{file_name(FIRST)}.gz").write_bytes(packed)
    following = exchange.next(FIRST)
    desk.at(following)
    with structlog.testing.capture_logs() as logs:
        assert await desk.look() == 1
    (found,) = [one["reason"] for one in logs if one["event"] == "nothing from outside"]
    assert "cannot be read" in found
    assert {session for session, _ in await shares(desk)} == set()
