"""What every feature keeps to: its formula, its lookback, and no look at what comes later."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.features import (
    FEATURE_NAMES,
    FEATURES,
    LONGEST_LOOKBACK,
    Feature,
    feature_matrix,
    feature_panel,
)
from forecaster.window import BARS, Window, make_window
from market.panel import FIELDS, FloatArray
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import changed, copies, everything, history
from tests.forecaster.twins import naive

LAST = 2516
START = 1_400
"""The tests below look at the last 1,117 sessions, in which every ticker is known."""


@cache
def recent() -> Window:
    return everything().between(START, LAST + 1)


@cache
def panel() -> FloatArray:
    return feature_panel(recent())


def column(feature: Feature) -> int:
    return FEATURE_NAMES.index(feature.name)


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_a_feature_equals_its_naive_twin_on_the_whole_sample_history(feature: Feature) -> None:
    got = feature_panel(everything(), (feature,))[:, :, 0]
    want = naive(feature.name, everything())
    assert got.shape == (LAST + 1, len(STOCKS))
    assert_allclose(got, want, rtol=1e-10, atol=1e-10)
    assert np.isfinite(want).sum() > 5 * 1_900


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_a_features_lookback_is_exact(feature: Feature) -> None:
    exact = recent().last(feature.lookback)
    value = feature_matrix(exact, (feature,))
    assert np.isfinite(value).all()
    assert_array_equal(value[:, 0], panel()[-1, :, column(feature)])
    if feature.lookback > 1:
        shorter = recent().last(feature.lookback - 1)
        assert np.isnan(feature_matrix(shorter, (feature,))).all()


BLUNT = (
    *("thrust_10", "squeeze_10", "narrow_days_10", "breadth_20", "breadth_50", "breadth_200"),
    "new_highs_252",  # these count, and one bar more or less often leaves a count as it is
    *("after_hours_z_60", "premarket_z_60", "postmarket_z_60"),  # the weekday 60 before may be another
    "macd_histogram_9",  # the product of both ends' weights is below rounding
)


@pytest.mark.parametrize(
    "feature", [one for one in FEATURES if one.name not in BLUNT], ids=lambda feature: feature.name
)
def test_the_oldest_session_of_a_lookback_matters_and_the_one_before_does_not(feature: Feature) -> None:
    window = recent().last(feature.lookback + 1)
    value = feature_matrix(window, (feature,))
    assert_array_equal(feature_matrix(spoilt(window, slice(0, 1)), (feature,)), value)
    by_factors = [feature_matrix(scaled(window, 1, seed), (feature,)) for seed in range(12)]
    assert any((moved != value).any() for moved in by_factors)


def scaled(window: Window, session: int, seed: int) -> Window:
    """The window with one session's values multiplied, each ticker's by a factor of its own.

    All prices of a bar have the same factor; each extra, of which ratios are taken, has another.
    """
    rng = np.random.default_rng(seed)
    out = spoilt(window, slice(0, 0))

    def factors() -> FloatArray:
        signs = rng.choice([-1.5, 1.5], window.tickers)
        return np.asarray(np.exp(signs + 0.1 * rng.standard_normal(window.tickers)))

    of_bars = factors()
    for name in BARS:
        getattr(out, name)[:, session] *= of_bars if name not in {"volume", "dollars"} else 1 / of_bars
    for values in (*out.series.values(), out.market):
        values[session] *= of_bars[0]
    for values in out.extras.values():
        values[:, session] *= factors()
    return out


def spoilt(window: Window, sessions: slice, value: float = math.nan) -> Window:
    """A copy of the window with some sessions multiplied by a value; NaN makes them unknown."""
    out = replace(
        window,
        **{name: getattr(window, name).copy() for name in BARS},
        market=window.market.copy(),
        series={name: values.copy() for name, values in window.series.items()},
        extras={name: values.copy() for name, values in window.extras.items()},
    )
    for values in (*(getattr(out, name) for name in BARS), *out.extras.values(), *out.series.values()):
        values[..., sessions] *= value
    out.market[sessions] *= value
    return out


CUTS = (0, 1, 63, 252, 511, 512, 513, 700, 1_115)


@pytest.mark.parametrize("cut", CUTS)
def test_a_truncated_history_gives_exactly_the_same_rows(cut: int) -> None:
    assert_array_equal(feature_panel(recent().between(0, cut + 1)), panel()[: cut + 1])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("poison", [math.nan, 1_000.0, 0.0, -1.0, math.inf])
def test_what_comes_later_changes_nothing_however_odd(cut: int, poison: float) -> None:
    later = spoilt(recent(), slice(cut + 1, None), poison)
    start = max(0, cut + 1 - LONGEST_LOOKBACK)
    assert_array_equal(feature_panel(later.between(start, cut + 30))[cut - start], panel()[cut])


@pytest.mark.parametrize("start", [1, 17, 100, 603])
def test_a_history_that_starts_later_gives_exactly_the_same_rows_after_its_warm_up(start: int) -> None:
    late = feature_panel(recent().between(start, recent().sessions))
    for place, feature in enumerate(FEATURES):
        want = panel()[start + feature.warm_up :, :, place]
        assert_array_equal(late[feature.warm_up :, :, place], want, err_msg=feature.name)
        assert np.isnan(late[: feature.warm_up, :, place]).all()


@pytest.mark.parametrize("row", [0, 30, 64, 200, 400, 513, 900, 1_116])
def test_the_newest_session_alone_equals_the_row_of_the_batch(row: int) -> None:
    assert_array_equal(feature_matrix(recent().between(0, row + 1)), panel()[row])


FUTURES = {"unknown": math.nan, "zero": 0.0, "huge": 1e12, "negative": -5.0, "infinite": math.inf}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, LAST - 1), st.sampled_from(sorted(FUTURES)), st.sampled_from([BENCHMARK, "none"]))
def test_bars_after_a_session_never_reach_its_features_through_the_window(
    row: int, future: str, benchmark: str
) -> None:
    start = max(0, row + 1 - LONGEST_LOOKBACK)
    stop = min(row + 20, LAST + 1)
    past = make_window(history().rows(start, row + 1), STOCKS, benchmark)
    arrays = copies(history())
    for field in FIELDS:
        arrays[field][row + 1 :] = FUTURES[future]
    if future == "unknown":  # sessions in which nobody is known are left out; the newest stays
        stop = row + 2
    whole = make_window(changed(history(), **arrays).rows(start, stop), STOCKS, benchmark)
    seen = whole.between(0, row + 1 - start)
    for name in (*BARS, "market", "weekdays"):
        assert_array_equal(getattr(seen, name), getattr(past, name), err_msg=name)
    assert_array_equal(feature_panel(whole)[row - start], feature_matrix(past))


def test_another_order_of_tickers_gives_the_same_rows_in_that_order() -> None:
    window = recent().last(LONGEST_LOOKBACK)
    order = [3, 0, 5, 1, 4, 2]
    shuffled = replace(
        window,
        **{name: getattr(window, name)[order] for name in BARS},
        sectors=tuple(window.sectors[i] for i in order),
        extras={name: values[order] for name, values in window.extras.items()},
    )
    got, want = feature_matrix(shuffled), feature_matrix(window)[order]
    assert_allclose(got, want, rtol=1e-12, atol=1e-14)  # means over the universe add up in its order
    own = [i for i, feature in enumerate(FEATURES) if feature.layer != "breadth"]
    own.remove(FEATURE_NAMES.index("dark_index"))
    assert_array_equal(got[:, own], want[:, own])


def test_features_do_not_depend_on_the_currency_unit() -> None:
    window = recent().last(LONGEST_LOOKBACK)
    prices = {name: getattr(window, name) * 4.0 for name in BARS if name != "volume"}
    got, want = feature_matrix(replace(window, **prices)), feature_matrix(window)
    want[:, FEATURE_NAMES.index("amihud_20")] -= math.log(4.0)  # per dollar, as its name says
    want[:, FEATURE_NAMES.index("dollar_volume_21")] += math.log(4.0)
    want[:, FEATURE_NAMES.index("kyle_21")] /= 2.0  # per root of a dollar
    assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_computing_features_leaves_the_window_as_it_was() -> None:
    window = recent().last(300)
    before = spoilt(window, slice(0, 0))
    feature_panel(window)
    for name in (*BARS, "market"):
        assert_array_equal(getattr(window, name), getattr(before, name))
    for kept, copied in ((window.series, before.series), (window.extras, before.extras)):
        for name, values in kept.items():
            assert_array_equal(values, copied[name])


def test_some_features_alone_equal_those_among_all() -> None:
    picked = FEATURES[::7]
    places = [FEATURE_NAMES.index(feature.name) for feature in picked]
    assert_array_equal(feature_panel(recent(), picked), panel()[:, :, places])
    assert_array_equal(feature_matrix(recent(), picked), panel()[-1][:, places])
    assert feature_panel(recent(), ()).shape == (recent().sessions, len(STOCKS), 0)
    assert feature_matrix(recent(), ()).shape == (len(STOCKS), 0)
