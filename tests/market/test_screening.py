"""Screening: each bar is judged by what was known at its close, whatever comes later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.quality import Kind, Told, check
from market.quality_finding import BoolArray
from market.sample import SAMPLE_PATH
from market.screening import SCREENED, screen
from tests.market.test_quality import DAYS, N, made, scaled


def dirty(seed: int) -> Panel:
    """Tickers with faults of every kind at random places, some of them next to each other."""
    rng = np.random.default_rng(seed)
    own = [made(seed * 10 + i, 0.02) for i in range(6)]
    fields: dict[str, FloatArray] = {name: np.hstack([getattr(one, name) for one in own]) for name in FIELDS}
    prices = [fields[name] for name in FIELDS[:-1]]

    def rows() -> list[int]:
        return [int(row) for row in rng.integers(1, N, 4)]

    for row in rows():
        for values in prices:
            values[:row, 0] *= 7.0  # a split that the file does not follow
    for row in rows():
        for values in prices:
            values[row : row + int(rng.integers(1, 9)), 1] *= 100.0
    fields["volume"][rng.integers(0, N, 3), 2] = 0.0
    for row in rows():
        for values in prices:
            values[row : row + int(rng.integers(3, 9)), 3] = values[row, 3]
    for row in rows():
        fields["adj_close"][:row, 4] *= rng.choice([0.7, 1.01])
        fields["close"][rng.integers(0, N), 4] *= 1.5
    for values in prices:
        values[rng.random(N) < 0.1, 5] = np.nan
        values[60:, 5] /= 3.0
    return Panel(DAYS, tuple("ABCDEF"), *(fields[name] for name in FIELDS))


def by_hand(panel: Panel) -> BoolArray:
    """Check the window of every session anew."""
    bad = np.zeros(panel.close.shape, np.bool_)
    for row in range(len(panel.sessions)):
        window = panel.rows(max(row + 1 - SCREENED, 0), row + 1)
        bad[row] = check(Told(window)).quarantined[-1]
    return bad


@pytest.mark.parametrize("seed", range(4))
def test_a_bar_is_left_out_if_the_sessions_up_to_its_own_condemn_it(seed: int) -> None:
    panel = dirty(seed)
    screened, findings = screen(panel)
    bad = by_hand(panel)
    assert bad.any(axis=0).sum() >= 5
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(screened, name), np.where(bad, np.nan, getattr(panel, name)))
    named = {(one.sessions, one.ticker) for one in findings}
    assert named == {((panel.sessions[row],), panel.tickers[column]) for row, column in np.argwhere(bad)}


@pytest.mark.parametrize("seed", range(4))
def test_a_truncated_history_is_screened_as_the_whole_one_up_to_the_cut(seed: int) -> None:
    panel = dirty(seed)
    whole, findings = screen(panel)
    for cut in range(1, N, 7):
        screened, found = screen(panel.rows(0, cut))
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(screened, name), getattr(whole, name)[:cut])
        assert found == tuple(one for one in findings if one.sessions[0] < panel.sessions[cut])


def test_a_seam_takes_its_first_bars_and_none_before_it() -> None:
    seam = scaled(made(), slice(None, 80), 7.0, volume=1 / 7)
    screened, findings = screen(seam)
    assert np.flatnonzero(np.isnan(screened.close[:, 0])).tolist() == [80, 81, 82, 83]
    assert {one.kind for one in findings} == {Kind.SPLIT}


def test_the_shipped_sample_loses_no_bar() -> None:
    panel = read_prices(SAMPLE_PATH)
    screened, findings = screen(panel)
    assert findings == ()
    np.testing.assert_array_equal(screened.close, panel.close)


def test_nothing_is_found_in_a_history_of_one_session_or_of_none() -> None:
    assert screen(made().rows(0, 1))[1] == screen(made().rows(0, 0))[1] == ()
    unknown = replace(made(), close=np.full((N, 1), np.nan))
    assert screen(unknown)[1] == ()
