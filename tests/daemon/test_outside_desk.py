"""What is told from outside, on its way into the features: a session late, kept, and never needed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.configuration.settings import Settings
from daemon.due import due_of
from daemon.outside_desk import OutsideDesk, asked_outside, make_outside
from daemon.session import Pipeline
from daemon.storage.bars import BarStore, SessionBars
from daemon.storage.database import Database
from daemon.storage.runs import RunStore
from market.exchange import Exchange
from market.guard import Request
from market.outside import Outside
from market.outside_files import OutsideFileError
from market.panel import FIELDS, FloatArray, Panel
from market.revisions import Revision, RevisionKind
from market.short_volume import HEADER, file_name
from market.short_volume_files import Folder
from tests.daemon.command_line import Forewarn
from tests.daemon.replays import short_settings

TICKERS = ("AAPL", "MSFT", "^GSPC")
VOLUME = 1000.0


def write_file(folder: Path, day: date, total: float) -> None:
    rows = [f"{day:%Y%m%d}|{ticker}|{total / 4}|0|{total}|Q" for ticker in TICKERS[:2]]
    (folder / file_name(day)).write_text("\n".join(["|".join(HEADER), *rows, "2"]))


def panel_of_one(session: date) -> Panel:
    return Panel((session,), TICKERS[:2], *np.full((len(FIELDS), 1, 2), VOLUME))


def day_of(session: date) -> SessionBars:
    values = np.full((len(FIELDS), len(TICKERS)), 10.0)
    values[FIELDS.index("volume")] = VOLUME
    return SessionBars(session, values)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    splits = tmp_path / "splits.csv"
    splits.write_text("ticker,session,ratio\nAAPL,,\nMSFT,,\n")
    plain = short_settings(tmp_path)
    told = {
        "short_volume": "folder",
        "short_volume_folder": str(tmp_path),
        "splits_file": str(splits),
        "benchmark": "^GSPC",
    }
    return plain.model_copy(update={"market": plain.market.model_copy(update=told)})


def pipeline_of(settings: Settings, database: Database, exchange: Exchange, first: date) -> Pipeline:
    clock = ReplayClock(due_of(exchange, first, settings.schedule).due_at)
    outside = make_outside(settings.market, exchange, live=False)
    return Pipeline(database, settings, clock, Compute(None), TICKERS, (), outside=outside)


async def run(
    pipeline: Pipeline, settings: Settings, exchange: Exchange, sessions: Iterable[date]
) -> dict[date, FloatArray]:
    """Run the sessions and return a column of features for each: the off-exchange share by ticker."""
    found = {}
    for session in sessions:
        await pipeline.run(due_of(exchange, session, settings.schedule), day_of(session), warm_up=True)
        column = pipeline.memory.set.names.index("off_exchange_share")
        found[session] = pipeline.memory.features[session][:, column]
    return found


async def test_a_session_reads_the_file_of_the_one_before_and_a_start_reads_the_store(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    days = exchange.sessions(date(2024, 3, 4), date(2024, 3, 8))
    for i, day in enumerate(days):
        if i != 2:
            write_file(tmp_path, day, 100.0 * (i + 1))
    pipeline = pipeline_of(settings, database, exchange, days[0])
    await pipeline.restore()
    found = await run(pipeline, settings, exchange, days[:4])
    np.testing.assert_allclose([found[day][0] for day in days[:4]], [np.nan, 0.1, 0.2, np.nan])
    for day in (days[0], days[1], days[3]):
        (tmp_path / file_name(day)).unlink()
    again = pipeline_of(settings, database, exchange, days[0])
    await again.restore()
    np.testing.assert_array_equal(again.memory.shares(4), pipeline.memory.shares(4))
    assert set(again.memory.outside) == {days[1], days[2]}


async def test_a_file_at_fault_is_unknown_and_the_session_runs(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    days = exchange.sessions(date(2024, 3, 4), date(2024, 3, 5))
    (tmp_path / file_name(days[0])).write_text("<html>")
    pipeline = pipeline_of(settings, database, exchange, days[0])
    await pipeline.restore()
    found = await run(pipeline, settings, exchange, days)
    assert np.isnan(found[days[1]]).all()


async def test_what_came_for_a_run_that_was_broken_off_is_not_taken_by_a_later_one(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    first, second, third = exchange.sessions(date(2024, 3, 4), date(2024, 3, 6))
    pipeline = pipeline_of(settings, database, exchange, first)
    await pipeline.restore()
    await run(pipeline, settings, exchange, (first,))
    await pipeline.prepare(day_of(second))  # before there is a file of the first one
    write_file(tmp_path, first, 400.0)
    await pipeline.prepare(day_of(second))
    await run(pipeline, settings, exchange, (second,))
    np.testing.assert_allclose(pipeline.memory.outside[second][0], 0.4)
    await pipeline.prepare(day_of(second))  # kept already: its own file is not asked for yet
    write_file(tmp_path, second, 200.0)
    await run(pipeline, settings, exchange, (third,))
    np.testing.assert_allclose(pipeline.memory.outside[third][0], 0.2)


async def test_more_traded_off_exchange_than_in_all_is_unknown_and_named_in_the_log(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    days = exchange.sessions(date(2024, 3, 4), date(2024, 3, 5))
    write_file(tmp_path, days[0], 4.0 * VOLUME)
    pipeline = pipeline_of(settings, database, exchange, days[0])
    await pipeline.restore()
    with structlog.testing.capture_logs() as logs:
        await run(pipeline, settings, exchange, days)
    assert np.isnan(pipeline.memory.outside[days[1]]).all()
    (found,) = [one for one in logs if one["event"].startswith("more traded off exchange than in all")]
    assert (found["session"], found["tickers"]) == ("2024-03-04", "AAPL, MSFT")


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ({"short_volume": "folder", "short_volume_folder": "gone"}, "short_volume_folder"),
        ({"short_volume": "none", "minutes": "folder", "minutes_folder": "gone"}, "minutes_folder"),
    ],
)
def test_a_folder_that_is_not_there_is_refused_at_a_start(
    exchange: Exchange, settings: Settings, told: dict[str, str], key: str
) -> None:
    market = settings.market.model_copy(update=told)
    with pytest.raises(OutsideFileError, match=f"market.{key}: there is no folder gone; make it"):
        make_outside(market, exchange, live=False)


def test_the_folder_in_which_the_minutes_of_eodhd_are_kept_may_be_made_later(
    exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    told = {"short_volume": "none", "minutes": "eodhd", "minutes_folder": str(tmp_path / "later")}
    market = settings.market.model_copy(update=told)
    for live in (True, False):
        assert make_outside(market, exchange, live=live, token=SecretStr("x")).names == (
            "premarket",
            "postmarket",
        )


async def test_a_live_volume_is_brought_back_to_raw_shares_by_the_splits_that_were_told(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    first, second = exchange.sessions(date(2024, 3, 4), date(2024, 3, 5))
    pipeline = pipeline_of(settings, database, exchange, first)
    await pipeline.restore()
    await pipeline.run(due_of(exchange, first, settings.schedule), day_of(first), warm_up=True)
    outside = Outside(Folder(tmp_path))  # without a file of splits
    desk = OutsideDesk(outside, pipeline.memory, database, live=True)
    write_file(tmp_path, first, 400.0)
    write_file(tmp_path, second, 400.0)
    before = await desk.look()
    assert before is not None
    assert np.isnan(before.shares).all()  # told with the history, whose splits nobody told
    due = due_of(exchange, second, settings.schedule)
    await pipeline.run(due, day_of(second), warm_up=True)
    async with database.write() as connection:
        at = due.due_at
        await RunStore(connection).record("forecast", at, second, {}, started=at, finished=at)
        split = Revision(first, "AAPL", RevisionKind.SPLIT, 4.0)
        await BarStore(connection).revise((split,), at)
    found = await desk.look()
    assert found is not None
    assert found.of == second
    np.testing.assert_allclose(found.shares[0], [0.1, 0.4])  # a share of AAPL is four by now
    async with database.write() as connection:  # on the next day, before its own session is kept
        later = Revision(second, "MSFT", RevisionKind.SPLIT, 2.0)
        await BarStore(connection).revise((later,), at + timedelta(days=1))
    found = await desk.look()
    assert found is not None
    np.testing.assert_allclose(found.shares[0], [0.1, 0.4])  # a split told since came after the session


async def test_after_a_catch_up_a_split_of_which_the_day_is_open_leaves_its_ticker_unknown(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    days = exchange.sessions(date(2024, 3, 4), date(2024, 3, 7))
    pipeline = pipeline_of(settings, database, exchange, days[0])
    await pipeline.restore()
    desk = OutsideDesk(Outside(Folder(tmp_path)), pipeline.memory, database, live=True)
    dues = [due_of(exchange, day, settings.schedule) for day in days]
    async with database.write() as connection:
        at = dues[0].due_at
        await RunStore(connection).record("forecast", at, days[0], {}, started=at, finished=at)
    # The daemon is down at the close of the third session and keeps it on the day of the fourth, the first
    # in which a share of AAPL is four.
    kept_at = [dues[0].due_at, dues[1].due_at, dues[3].due_at - timedelta(hours=4), dues[3].due_at]
    expected = [[0.4, 0.4], [0.4, 0.4], [np.nan, 0.4], [0.4, 0.4]]
    for i, (day, due, now, shares) in enumerate(zip(days, dues, kept_at, expected, strict=True)):
        (tmp_path / file_name(day)).write_text(
            "\n".join(
                [
                    "|".join(HEADER),
                    f"{day:%Y%m%d}|AAPL|100|0|{1600 if i == 3 else 400}|Q",
                    f"{day:%Y%m%d}|MSFT|100|0|400|Q",
                    "2",
                ]
            )
        )
        split = (Revision(days[i - 1], "AAPL", RevisionKind.SPLIT, 4.0),) if i >= 2 else ()
        clock = pipeline._clock
        assert isinstance(clock, ReplayClock)
        clock.advance(now)
        await pipeline.run(due, replace(day_of(day), revisions=split), warm_up=True)
        found = await desk.look()
        assert found is not None
        assert found.of == day
        np.testing.assert_allclose(found.shares[0], shares)


def test_a_replay_asks_nobody(exchange: Exchange, settings: Settings) -> None:
    market = settings.market.model_copy(update={"short_volume": "finra", "splits_file": ""})
    assert make_outside(market, exchange, live=False).names == ()
    assert make_outside(market, exchange, live=True).names == ("off_exchange", "short")
    assert asked_outside(market) == ("finra",)
    assert asked_outside(market.model_copy(update={"minutes": "eodhd"})) == ("finra", "eodhd_minutes")


async def test_minutes_are_told_where_the_file_of_finra_is_at_fault_and_the_other_way_round(
    database: Database, exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    days = exchange.sessions(date(2024, 3, 4), date(2024, 3, 6))
    told = {"minutes": "folder", "minutes_folder": str(tmp_path)}
    market = settings.market.model_copy(update=told)
    both = settings.model_copy(update={"market": market})
    (tmp_path / file_name(days[0])).write_text("<html>")
    (tmp_path / "minutes-20240304.csv").write_text(
        "ticker,start,volume\nAAPL,2024-03-04T13:00:00Z,50\nAAPL,2024-03-04T16:00:00Z,1000\n"
    )
    write_file(tmp_path, days[1], 400.0)
    (tmp_path / "minutes-20240305.csv").write_text("<html>")
    pipeline = pipeline_of(both, database, exchange, days[0])
    await pipeline.restore()
    await run(pipeline, both, exchange, days)
    first, second = (pipeline.memory.outside[day][:4, 0] for day in days[1:])
    np.testing.assert_allclose(first, [np.nan, np.nan, 0.05, 0.0])
    np.testing.assert_allclose(second, [0.4, 0.1, np.nan, np.nan])


async def test_eodhd_is_asked_by_a_live_daemon_only_and_what_came_is_kept(
    exchange: Exchange, settings: Settings, tmp_path: Path
) -> None:
    told = {"minutes": "eodhd", "minutes_folder": str(tmp_path), "short_volume": "none"}
    yesterday = exchange.previous(exchange.previous(datetime.now(UTC).date()))
    stamp = int(exchange.open_at(yesterday).timestamp())
    rows = [{"timestamp": stamp + 60 * at, "volume": 10 * (at + 60)} for at in (-50, 5)]

    async def answer(request: web.Request) -> web.Response:
        if request.match_info["symbol"] == "MSFT.US":
            return web.Response(status=500)
        return web.json_response(rows)

    app = web.Application()
    app.router.add_get("/api/intraday/{symbol}", answer)
    async with TestServer(app) as server:
        eodhd = settings.market.eodhd.model_copy(update={"url": str(server.make_url("/api/")), "attempts": 1})
        market = settings.market.model_copy(update=told | {"eodhd": eodhd})
        seen: list[Request] = []
        token, bars = SecretStr("s3cret"), panel_of_one(yesterday)
        replayed = make_outside(market, exchange, live=False, told=seen.append, token=token)
        assert np.isnan(await replayed.shares(bars)).all()
        assert seen == []
        live = make_outside(market, exchange, live=True, told=seen.append, token=token)
        found = await live.shares(bars)
    np.testing.assert_allclose(found[2:4], [[100 / 650, np.nan], [0.0, np.nan]])
    assert [(one.provider, bool(one.failure)) for one in sorted(seen, key=lambda one: one.what)] == [
        ("eodhd_minutes", False),
        ("eodhd_minutes", True),
    ]
    np.testing.assert_array_equal((await replayed.shares(bars))[2:4], found[2:4])  # from the folder


def test_the_features_command_reads_the_files_that_the_configuration_names(
    forewarn: Forewarn, tmp_path: Path
) -> None:
    write_file(tmp_path, date(2012, 12, 28), 1e6)
    (tmp_path / "splits.csv").write_text("ticker,session,ratio\nAAPL,,\n")
    (tmp_path / "customers.csv").write_text("supplier,customer,share,known_from\nAAPL,MSFT,0.3,2012-11-01\n")
    (tmp_path / "minutes.csv").write_text(
        "ticker,start,volume\nAAPL,2012-12-28T13:00:00Z,50\nAAPL,2012-12-28T16:00:00Z,1000\n"
    )
    (tmp_path / "config.toml").write_text(
        '[market]\nshort_volume = "folder"\nshort_volume_folder = "."\nsplits_file = "splits.csv"\n'
        'customers_file = "customers.csv"\nminutes = "file"\nminutes_file = "minutes.csv"\n'
    )
    done = forewarn("features", "AAPL", "--json", "--config", "config.toml")
    assert (done.returncode, done.stderr) == (0, "")
    found = {one["feature"]: one for one in json.loads(done.stdout)["features"]}
    assert 0 < found["off_exchange_share"]["value"] < 0.1
    assert (found["off_exchange_share"]["tier"], found["short_share"]["value"]) == ("delayed", 0.25)
    assert found["after_hours_share"]["value"] == pytest.approx(50 / 1050)
    assert (found["customer_momentum_21"]["tier"], found["off_exchange_z_60"]["tier"]) == ("exact", "missing")
    (tmp_path / "splits.csv").write_text("ticker,session\n")
    refused = forewarn("features", "AAPL", "--config", "config.toml")
    assert (refused.returncode, "column 'ratio' is missing" in refused.stderr) == (3, True)
