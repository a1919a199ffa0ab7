"""A hundred real tickers: twenty cuts each, to the last bit."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.features import (
    FEATURE_NAMES,
    FEATURES,
    LONGEST_LOOKBACK,
    Feature,
    feature_matrix,
    feature_panel,
)
from forecaster.window import Window, make_window
from market.price_file import read_prices
from tests.forecaster.history import furnished
from tests.forecaster.test_features import spoilt
from tests.forecaster.twins import naive

TICKERS, SESSIONS, CUTS = 100, 1_260, 20


@pytest.fixture(scope="module")
def universe(shared_data: Path) -> Window:
    """The newest five years of a hundred tickers with their sectors; what is not prices is made up."""
    panel = read_prices(shared_data / "daily" / "us_stocks_daily.parquet")
    table = pacsv.read_csv(shared_data / "reference" / "universe_shared.csv").to_pydict()
    sector_column = next(name for name in table if "sector" in name and "sub" not in name)
    sectors = dict(zip(table["ticker"], table[sector_column], strict=True))
    stocks = panel.tickers[:TICKERS]
    count = len(panel.sessions)
    window = furnished(make_window(panel.rows(count - SESSIONS, count), stocks, "none", sectors=sectors))
    named = tuple(sectors[ticker] for ticker in stocks)
    funds = dict(zip(sorted(set(named)), [window.series["Energy"]] * len(set(named)), strict=True))
    return replace(window, sectors=named, series={**window.series, **funds})


def test_twenty_cuts_of_a_hundred_tickers_neither_see_nor_miss_what_comes_later(universe: Window) -> None:
    started = time.process_time()
    panel = feature_panel(universe)
    rng = np.random.default_rng(20261122)
    cuts = sorted(rng.choice(np.arange(30, SESSIONS - 30), CUTS, replace=False).tolist())
    for place, cut in enumerate(cuts):
        start = max(0, cut + 1 - LONGEST_LOOKBACK)
        truncated = universe.between(0, cut + 1)
        assert_array_equal(feature_matrix(truncated), panel[cut], err_msg=f"truncated after {cut}")
        later = spoilt(
            universe.between(start, cut + 25), slice(cut + 1 - start, None), (np.nan, 1e3)[place % 2]
        )
        assert_array_equal(feature_panel(later)[cut - start], panel[cut], err_msg=f"poisoned after {cut}")
    assert time.process_time() - started < 10.0


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_a_feature_equals_its_naive_twin_on_real_tickers(feature: Feature, universe: Window) -> None:
    few = universe.rows(0, 24)
    got = feature_panel(few, (feature,))[:, :, 0]
    assert_allclose(got, naive(feature.name, few), rtol=1e-10, atol=1e-10)
