"""The share traded off exchange where FINRA's file is missing: estimated where minutes show it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.configuration.settings import Settings
from daemon.due import due_of
from daemon.feature_set import estimates_in
from daemon.outside_desk import make_outside
from daemon.session import Pipeline
from daemon.storage.bars import SessionBars
from daemon.storage.database import Database
from daemon.storage.outside import OutsideStore
from forecaster.features import FEATURE_NAMES, FEATURES
from market.exchange import Exchange
from market.outside import KEPT
from market.panel import FIELDS, FloatArray, Panel
from tests.conftest import migrate
from tests.daemon.command_line import Forewarn
from tests.daemon.replays import short_settings
from tests.stand_ins.minutes import MinuteMarket

SHOWS, DOES_NOT = "AAPL", "MSFT"
FIRST_MISSING = 100
RESTART = 113
SESSIONS = (date(2023, 1, 3), date(2023, 7, 31))

EXACT, ESTIMATE, R2 = (KEPT.index(name) for name in ("off_exchange", "off_exchange_estimate", "estimate_r2"))
SHARE, Z, INDEX = (
    FEATURES[FEATURE_NAMES.index(name)] for name in ("off_exchange_share", "off_exchange_z_60", "dark_index")
)


def is_missing(row: int) -> bool:
    return row >= FIRST_MISSING and row % 4 == 0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minutes")


@pytest.fixture(scope="module")
def market(files: Path, exchange: Exchange) -> MinuteMarket:
    """Half a year of minutes, and FINRA's files of most of its sessions."""
    days = exchange.sessions(*SESSIONS)
    found = MinuteMarket(exchange, days, {SHOWS: True, DOES_NOT: False})
    for row in range(len(days)):
        found.write_minutes(files, row)
        if not is_missing(row):
            found.write_short_volume(files, row)
    (files / "splits.csv").write_text(f"ticker,session,ratio\n{SHOWS},,\n{DOES_NOT},,\n")
    return found


@pytest.fixture
async def other(new_url: Callable[[], str]) -> AsyncIterator[Database]:
    """A second store, empty."""
    url = new_url()
    await migrate(url)
    store = Database(url, durable=False)
    yield store
    await store.aclose()


@pytest.fixture
def settings(tmp_path: Path, files: Path) -> Settings:
    plain = short_settings(tmp_path)
    told = {
        "short_volume": "folder",
        "short_volume_folder": str(files),
        "splits_file": str(files / "splits.csv"),
        "minutes": "folder",
        "minutes_folder": str(files),
    }
    return plain.model_copy(update={"market": plain.market.model_copy(update=told)})


class Run:
    """Sessions run against a store of their own."""

    def __init__(self, store: Database, settings: Settings, exchange: Exchange, panel: Panel) -> None:
        self._settings, self._exchange, self._panel = settings, exchange, panel
        self.store = store
        self.estimates: dict[date, list[int]] = {}

    async def run(self, begin: int, end: int) -> Pipeline:
        """Start a daemon, run sessions as a history's, and stop."""
        settings, exchange, panel = self._settings, self._exchange, self._panel
        outside = make_outside(settings.market, exchange, live=False)
        clock = ReplayClock(due_of(exchange, panel.sessions[begin], settings.schedule).due_at)
        pipeline = Pipeline(self.store, settings, clock, Compute(None), panel.tickers, (), outside=outside)
        await pipeline.restore()
        for row in range(begin, end):
            values = np.stack([getattr(panel, name)[row] for name in FIELDS])
            due = due_of(exchange, panel.sessions[row], settings.schedule)
            await pipeline.run(due, SessionBars(panel.sessions[row], values), warm_up=True)
            told = pipeline.memory.shares(1)[:, :, 0]
            self.estimates[panel.sessions[row]] = estimates_in(SHARE, told).tolist()
        return pipeline

    async def kept(self) -> dict[date, FloatArray]:
        """Return what the store holds, by the session at whose close it was known."""
        async with self.store.read() as connection:
            return await OutsideStore(connection).since(self._panel.sessions[0], self._panel.tickers)


async def test_a_missing_day_is_estimated_where_minutes_show_it_and_a_restart_changes_nothing(
    database: Database, other: Database, settings: Settings, exchange: Exchange, market: MinuteMarket
) -> None:
    panel, count = market.panel, len(market.panel.sessions)
    whole, halves = (Run(store, settings, exchange, panel) for store in (database, other))
    pipeline = await whole.run(0, count)
    await halves.run(0, RESTART)
    await halves.run(RESTART, count)
    kept, again = await whole.kept(), await halves.kept()
    assert kept.keys() == again.keys()
    assert_array_equal([kept[day] for day in kept], [again[day] for day in kept])

    rows = [row for row in range(FIRST_MISSING, count - 1) if is_missing(row)]
    told = np.stack([kept[panel.sessions[row + 1]] for row in rows])
    truth = market.shares[SHOWS][rows]
    estimate, usual = told[:, ESTIMATE, 0], np.mean(market.shares[SHOWS][:FIRST_MISSING])
    assert np.isnan(told[:, EXACT]).all()
    assert (told[:, R2, 0] > 0.3).all()
    assert np.abs(estimate - truth).mean() < 0.7 * np.abs(usual - truth).mean()
    assert (told[:, R2, 1] < 0.1).all()
    assert np.isnan(told[:, ESTIMATE, 1]).all()

    names = pipeline.memory.set.names
    for row, shares in zip(rows, told, strict=True):
        session = panel.sessions[row + 1]
        features = pipeline.memory.features[session]
        assert_array_equal(features[:, names.index("off_exchange_share")], shares[ESTIMATE])
        assert np.isnan(features[:, names.index("short_share")]).all()
        assert (whole.estimates[session], whole.estimates[panel.sessions[row]]) == ([0], [])


def test_an_estimate_counts_where_it_entered_a_feature_and_nowhere_else() -> None:
    shares = np.full((len(KEPT), 70), np.nan)
    shares[ESTIMATE, :69], shares[EXACT, 69] = 0.4, 0.41
    assert estimates_in(SHARE, shares).tolist() == []
    assert estimates_in(Z, shares).tolist() == list(range(10, 69))
    shares[[EXACT, ESTIMATE], 69] = np.nan, 0.4
    assert estimates_in(SHARE, shares).tolist() == [69]
    assert estimates_in(INDEX, shares).tolist() == []  # without its short share the ticker is not in it
    assert estimates_in(SHARE, shares[:, :1]).tolist() == [0]


def test_the_features_command_shows_the_tier_of_the_ticker_and_how_far_its_estimate_was_right(
    forewarn: Forewarn, tmp_path: Path, files: Path, market: MinuteMarket
) -> None:
    market.write_prices(tmp_path / "prices.csv")
    (tmp_path / "config.toml").write_text(
        f'[market]\nshort_volume = "folder"\nshort_volume_folder = "{files}"\nminutes = "folder"\n'
        f'minutes_folder = "{files}"\nsplits_file = "{files}/splits.csv"\n'
    )
    session = market.panel.sessions[FIRST_MISSING + 21]
    arguments = ["--prices", "prices.csv", "--session", str(session), "--config", "config.toml", "--json"]
    found = {}
    for ticker in (SHOWS, DOES_NOT):
        done = forewarn("features", ticker, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        found[ticker] = {one["feature"]: one for one in json.loads(done.stdout)["features"]}
    shown, not_shown = found[SHOWS]["off_exchange_share"], found[DOES_NOT]["off_exchange_share"]
    assert shown["tier"] == "estimated"
    assert shown["why"].startswith("estimated, R2 0.")
    assert shown["value"] == pytest.approx(market.shares[SHOWS][FIRST_MISSING + 20], abs=0.15)
    assert (not_shown["value"], not_shown["tier"]) == (None, "missing")
    assert "below 0.1" in not_shown["why"]
    assert found[SHOWS]["short_share"]["why"] == "short is unknown on 1 of its 1 sessions"
    assert found[SHOWS]["after_hours_share"]["tier"] == "delayed"
    told = f"{market.panel.sessions[FIRST_MISSING + 22]}"
    arguments[3] = told
    later = json.loads(forewarn("features", SHOWS, *arguments).stdout)["features"]
    by_name = {one["feature"]: one for one in later}
    assert (by_name["off_exchange_share"]["tier"], by_name["off_exchange_share"]["why"]) == ("delayed", "")
    z = by_name["off_exchange_z_60"]
    assert (z["tier"], z["why"][:36]) == ("estimated", "estimated on 6 of its 60 sessions, R")
