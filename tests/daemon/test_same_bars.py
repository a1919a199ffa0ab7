"""A bar is judged the same in a live daemon's history, session by session, and in a replay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from daemon.feature_set import FeatureSet
from daemon.live.feed import Feed, FeedError
from daemon.live.overlap import Overlap, overlap
from daemon.memory import Memory
from daemon.replay import make_history
from daemon.storage.bars import SessionBars
from market.exchange import Exchange
from market.panel import FIELDS, FloatArray, Panel
from market.provider import Fetched
from market.provider_chain import Source
from market.revisions import RevisionKind
from market.screening import SCREENED
from market.splits import Splits
from tests.daemon.replays import short_settings
from tests.market.test_quality import N, made, scaled
from tests.market.test_screening import dirty


@dataclass
class Told:
    """A provider of one history."""

    panel: Panel
    splits: Splits

    async def fetch(self, tickers: object, start: date, end: date) -> Fetched:
        days = [start <= day <= end for day in self.panel.sessions]
        return Fetched(self.panel.select(np.array(days)), splits=self.splits)


def feed(panel: Panel, splits: Splits | None = None) -> Feed:
    return Feed((Source("told", Told(panel, splits or {})),), panel.tickers)


def cube(days: list[SessionBars] | tuple[SessionBars, ...]) -> FloatArray:
    return np.stack([day.values for day in days], axis=1)


async def one_by_one(panel: Panel, folder: Path, splits: Splits | None = None) -> tuple[Memory, list[str]]:
    """Keep the sessions as a live daemon does, each with what is told otherwise of the kept ones."""
    settings = short_settings(folder)
    target, features = settings.forecast.target, FeatureSet.of(settings.market, panel.tickers, panel.tickers)
    memory = Memory(panel.tickers, panel.tickers, N, 5, target, features)
    named: list[str] = []
    asked = feed(panel, splits)
    for day in panel.sessions:
        bars = await asked.session(day, overlap(memory, day))
        memory.revise(bars.revisions)
        memory.append(bars)
        named += bars.quarantined
    return memory, named


def on_sessions(panel: Panel, exchange: Exchange) -> Panel:
    """The history on an exchange's sessions; without a close there is no bar, as providers have it."""
    days = exchange.sessions(date(2024, 1, 2), date(2024, 12, 31))[: len(panel.sessions)]
    fields = (np.where(np.isnan(panel.close), np.nan, getattr(panel, name)) for name in FIELDS)
    return Panel(days, panel.tickers, *fields)


@pytest.mark.parametrize("seed", range(4))
async def test_live_history_single_sessions_and_a_replay_leave_out_the_same_bars(
    exchange: Exchange, tmp_path: Path, seed: int
) -> None:
    panel = on_sessions(dirty(seed), exchange)
    replayed = make_history(panel, exchange, "made")
    wanted = np.stack([getattr(replayed.panel, name) for name in FIELDS])
    assert np.isnan(wanted[3]).sum() > np.isnan(panel.close).sum() + 10
    history = await feed(panel).history(panel.sessions, Overlap.none(panel.tickers))
    np.testing.assert_array_equal(cube(history), wanted)
    memory, named = await one_by_one(panel, tmp_path)
    np.testing.assert_array_equal(np.stack(memory.bars, axis=1), wanted)
    told = sorted(str(one) for one in replayed.findings)
    assert sorted(named) == sorted(one for day in history for one in day.quarantined) == told


async def test_a_bar_that_was_left_out_stays_so_when_the_sessions_it_was_held_against_are_long_gone(
    exchange: Exchange, tmp_path: Path
) -> None:
    """A stale run and a bar in another unit, asked for again long after."""
    panel = made()
    for name in FIELDS[:4]:
        getattr(panel, name)[10:16] = getattr(panel, name)[10]
    panel = on_sessions(scaled(panel, slice(20, 21), 100.0), exchange)
    memory, _ = await one_by_one(panel, tmp_path)
    gone = np.flatnonzero(np.isnan(np.stack(memory.bars)[:, 3, 0])).tolist()
    assert gone == [14, 15, 20]
    assert N > 20 + 21 + SCREENED


async def test_a_split_that_is_told_finds_the_seam_that_bars_alone_do_not_show(
    exchange: Exchange, tmp_path: Path
) -> None:
    """The day of the split is a wild one: its range alone would pass for the market's."""
    panel = scaled(made(), slice(None, 80), 2.0, volume=0.5)
    panel.low[80], panel.high[80] = 0.8 * panel.low[80], 1.2 * panel.high[80]
    panel = on_sessions(panel, exchange)
    splits = {"A": ((panel.sessions[80], 2.0),)}
    nothing = Overlap.none(panel.tickers)
    for told, gone in ((splits, [80, 81, 82, 83]), ({}, []), ({"A": ()}, [])):
        history = await feed(panel, told).history(panel.sessions, nothing)
        assert np.flatnonzero(np.isnan(cube(history)[3, :, 0])).tolist() == gone
        memory, _ = await one_by_one(panel, tmp_path, told)
        np.testing.assert_array_equal(np.stack(memory.bars, axis=1), cube(history))
    before = await feed(panel.rows(0, 80), splits).history(panel.sessions[:80], nothing)
    assert not np.isnan(cube(before)[3]).any()


async def test_a_history_that_was_broken_off_goes_on_in_its_unit_and_with_what_came_before(
    exchange: Exchange, tmp_path: Path
) -> None:
    whole = on_sessions(scaled(made(), slice(61, 62), 100.0), exchange)
    memory, _ = await one_by_one(whole.rows(0, 60), tmp_path)
    split = scaled(whole, slice(None), 0.25, volume=4.0)  # since then a share of it has become four
    splits = {"A": ((whole.sessions[-1], 4.0),)}
    rest = await feed(split, splits).history(whole.sessions[60:], overlap(memory, whole.sessions[60]))
    expected = np.stack([getattr(whole, name) for name in FIELDS])[:, 60:]
    expected[:, 1] = np.nan
    np.testing.assert_allclose(cube(rest), expected, rtol=1e-12)
    (change,) = rest[0].revisions
    assert (change.kind, change.ticker) == (RevisionKind.SPLIT, "A")
    assert change.factor == pytest.approx(4.0)
    assert rest[1].revisions == ()
    assert rest[0].splits == {}  # it would tell what its kept unit is not
    untouched = await feed(whole, splits).history(whole.sessions[60:], overlap(memory, whole.sessions[60]))
    assert untouched[0].splits == splits


async def test_a_ticker_that_an_earlier_start_has_kept_may_be_missing_from_the_rest(
    exchange: Exchange, tmp_path: Path
) -> None:
    panel = on_sessions(dirty(0), exchange)
    memory, _ = await one_by_one(panel.rows(0, 60), tmp_path)
    close = panel.close.copy()
    close[60:, 2] = np.nan
    gone = feed(replace(panel, close=close))
    rest = await gone.history(panel.sessions[60:70], overlap(memory, panel.sessions[60]))
    assert np.isnan(cube(rest)[3, :, 2]).all()
    with pytest.raises(FeedError, match="no history for C yet"):
        await gone.history(panel.sessions[60:70], Overlap.none(panel.tickers))
