"""Odd input: unknown, impossible, constant, short, empty and very many."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.features import (
    FEATURE_NAMES,
    FEATURES,
    LONGEST_LOOKBACK,
    Layer,
    feature_matrix,
    feature_panel,
)
from forecaster.window import BARS, Window, make_window
from market.panel import FIELDS, Panel
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import changed, copies, everything, furnished, history, simulated, window_at

LAST = 2516
OWN = [
    place
    for place, feature in enumerate(FEATURES)
    if feature.layer is not Layer.BREADTH and feature.name != "dark_index"
]
"""Columns that read nothing of other tickers."""

SPOILS = {
    "unknown": math.nan,
    "zero": 0.0,
    "negative": -1.0,
    "tiny": 1e-80,
    "huge": 1e80,
    "infinite": math.inf,
}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, len(STOCKS) - 1),
    st.lists(
        st.tuples(
            st.sampled_from(FIELDS), st.integers(0, LONGEST_LOOKBACK - 1), st.sampled_from(sorted(SPOILS))
        ),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
)
def test_impossible_bars_never_give_infinity_and_never_touch_other_tickers(
    place: int, spoils: list[tuple[str, int, str]], whole_stretch: bool
) -> None:
    panel = history().rows(LAST + 1 - LONGEST_LOOKBACK, LAST + 1)
    arrays = copies(panel)
    at = panel.tickers.index(STOCKS[place])
    for field, session, spoil in spoils:
        rows = slice(session, None) if whole_stretch else session
        arrays[field][rows, at] = SPOILS[spoil]
    spoiled = feature_matrix(make_window(changed(panel, **arrays), STOCKS, BENCHMARK))
    assert not np.isinf(spoiled).any()
    others = [i for i in range(len(STOCKS)) if i != place]
    clean = feature_matrix(window_at(LAST))
    assert_array_equal(spoiled[np.ix_(others, OWN)], clean[np.ix_(others, OWN)])


def test_a_ticker_without_a_single_bar_is_unknown_and_the_others_are_as_without_it() -> None:
    whole = everything().last(LONGEST_LOOKBACK)
    dead = {name: getattr(whole, name).copy() for name in BARS}
    extras = {name: values.copy() for name, values in whole.extras.items()}
    for values in (*dead.values(), *extras.values()):
        values[-1] = math.nan
    matrix = feature_matrix(replace(whole, **dead, extras=extras))
    assert np.isnan(matrix[-1]).all()
    assert_array_equal(matrix[:-1], feature_matrix(whole.rows(0, whole.tickers - 1)))


def test_an_unknown_newest_bar_makes_every_feature_unknown_but_those_that_do_not_read_it() -> None:
    window = everything().last(LONGEST_LOOKBACK)
    bars = {name: getattr(window, name).copy() for name in BARS}
    for values in bars.values():
        values[:, -1] = math.nan
    matrix = feature_matrix(replace(window, **bars))
    known = [name for i, name in enumerate(FEATURE_NAMES) if not np.isnan(matrix[:, i]).all()]
    of_another_session = [
        *("off_exchange_share", "off_exchange_z_60", "short_share", "short_share_z_60"),
        *("after_hours_share", "after_hours_z_60", "premarket_z_60", "postmarket_z_60"),
    ]
    assert known == ["momentum_252_21", *of_another_session, "customer_momentum_21"]


@pytest.mark.parametrize("volume", [0.0, math.nan])
def test_what_is_told_of_the_session_before_stays_known_where_the_newest_has_no_volume(volume: float) -> None:
    window = everything().last(LONGEST_LOOKBACK)
    newest = {name: getattr(window, name).copy() for name in ("volume", "dollars")}
    for values in newest.values():
        values[:, -1] = volume
    told = [one for one in FEATURES if one.layer in {Layer.OFF_EXCHANGE, Layer.AFTER_HOURS}]
    got = feature_matrix(replace(window, **newest), told)
    assert_array_equal(got, feature_matrix(window, told))
    assert np.isfinite(got).all()


UNSAID = {
    *(
        "channel_55",
        "efficiency_21",
        "volatility_ratio_5_63",
        "skew_63",
        "downside_63",
        "rsi_14",
        "rsi_mean_14",
    ),
    *("bollinger_20", "directional_14", "adx_14", "stochastic_14", "volume_z_60", "amihud_20", "kyle_21"),
    *("high_distance_55", "range_rank_126", "channel_rank_126", "beta_63", "idiosyncratic_63"),
    *("correlation_btc_63", "correlation_us10y_63", "correlation_vix_63", "correlation_dollar_63"),
    *("correlation_sector_63", "sector_strength_63", "sector_strength_slope_21", "sector_turnover_21"),
}
"""What divides nothing by nothing where no price ever moves."""

ELSE = {
    "advances_10": 0.5,
    "sector_advances_10": 0.5,
    "band_width_rank_126": 1.0,
    "volume_rank_126": 1.0,
    "narrow_days_10": 1.0,
    "dollar_volume_21": math.log(1e6),
}
"""What is not zero then: prices of 1 USD, a million shares a session."""


@pytest.mark.parametrize("price", [1.0, 0.1, 6.56])
def test_a_price_that_never_moves_is_calm_and_what_cannot_be_said_is_unknown(price: float) -> None:
    still = np.full((6, LONGEST_LOOKBACK), price)
    traded = np.full_like(still, 1e6 / price)
    calm = Window(still, still, still, still, traded, still * traded, np.zeros(LONGEST_LOOKBACK))
    matrix = feature_matrix(furnished(calm), [one for one in FEATURES if not _made_up(one.inputs)])
    names = [one.name for one in FEATURES if not _made_up(one.inputs)]
    for place, name in enumerate(names):
        if name in UNSAID:
            assert np.isnan(matrix[:, place]).all(), name
        else:
            assert_allclose(matrix[:, place], ELSE.get(name, 0.0), rtol=0, atol=1e-9, err_msg=name)


def _made_up(inputs: tuple[str, ...]) -> bool:
    return not {*everything().extras, "sector_fund"}.isdisjoint(inputs)


def test_a_zero_price_makes_what_reads_it_unknown_and_nothing_else() -> None:
    panel = history().rows(0, 300)
    close = panel.close.copy()
    close[-1, panel.tickers.index("IBM")] = 0.0
    matrix = feature_matrix(make_window(changed(panel, close=close, adj_close=close), STOCKS, BENCHMARK))
    ibm, msft = STOCKS.index("IBM"), STOCKS.index("MSFT")
    for name in ("return_1", "drawdown_60", "volatility_21", "amihud_20", "breadth_50"):
        assert np.isnan(matrix[ibm, FEATURE_NAMES.index(name)])
        assert np.isfinite(matrix[msft, FEATURE_NAMES.index(name)])


def test_one_bar_alone_says_nothing_but_what_reads_one_bar() -> None:
    assert np.isnan(feature_matrix(window_at(0))).all()
    matrix = feature_matrix(everything().between(2_000, 2_001))
    known = [name for i, name in enumerate(FEATURE_NAMES) if np.isfinite(matrix[:, i]).all()]
    assert known == [feature.name for feature in FEATURES if feature.lookback == 1]


def test_an_empty_window_has_empty_features() -> None:
    nobody = make_window(history().rows(0, 300), (), BENCHMARK)
    assert feature_matrix(nobody).shape == (0, len(FEATURES))
    assert feature_panel(nobody).shape == (nobody.sessions, 0, len(FEATURES))
    never = everything().between(0, 0)
    assert feature_panel(never).shape == (0, len(STOCKS), len(FEATURES))
    assert np.isnan(feature_matrix(never)).all()


def test_a_constant_price_has_no_place_in_its_band_although_it_rounds() -> None:
    for price in (0.1, 1 / 3, 6.56):
        flat = np.full((300, 1), price)
        days = history().sessions[:300]
        panel = Panel(days, ("AAA",), flat, flat, flat, flat, flat, np.full((300, 1), 1e6))
        row = feature_matrix(make_window(panel, ("AAA",), ""))[0]
        for name in ("bollinger_20", "skew_63", "volume_z_60"):
            assert np.isnan(row[FEATURE_NAMES.index(name)])


def test_a_price_that_grows_by_the_same_share_every_day_keeps_nobody_company() -> None:
    window = simulated(2, LONGEST_LOOKBACK)
    steady = 50.0 * 1.01 ** np.arange(LONGEST_LOOKBACK)
    close = np.stack([steady, window.close[1]])
    matrix = feature_matrix(replace(window, close=close))
    for name in ("correlation_btc_63", "correlation_sector_63", "skew_63", "volatility_ratio_5_63"):
        assert np.isnan(matrix[0, FEATURE_NAMES.index(name)])
        assert np.isfinite(matrix[1, FEATURE_NAMES.index(name)])
    assert abs(matrix[0, FEATURE_NAMES.index("beta_63")]) < 1e-9
    assert matrix[0, FEATURE_NAMES.index("volatility_63")] < 1e-12


def test_ten_thousand_tickers_take_bounded_memory_and_give_each_the_same_numbers() -> None:
    window = simulated(10_000, 260)
    tracemalloc.start()
    try:
        matrix = feature_matrix(window)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert matrix.shape == (10_000, len(FEATURES))
    assert peak < 100e6  # bytes; one array of the window alone has 20.8e6
    for start in (0, 4_321, 9_990):
        few = feature_matrix(window.rows(start, start + 10))
        assert_array_equal(few[:, OWN], matrix[start : start + 10][:, OWN])
