from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import stats

from forecaster.features import FEATURE_NAMES, FEATURES, LONGEST_LOOKBACK, Feature, feature_matrix
from forecaster.window import Window, make_window
from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.sample import BENCHMARK, SAMPLE_PATH, STOCKS
from tests.forecaster.history import changed, copies, history, window_at

Twin = Callable[[pd.DataFrame], float]
ROWS = (*range(0, 300, 23), *range(300, 2517, 97), 2516)
LAST = 2516


def _steps(bars: pd.DataFrame) -> pd.Series[float]:
    return bars["close"].apply(math.log).diff()


def _newest(bars: pd.DataFrame, sessions: int) -> list[dict[str, float]]:
    rows = bars.tail(sessions).to_numpy().tolist()
    return [dict(zip(bars.columns, row, strict=True)) for row in rows]


def _overnight(bars: pd.DataFrame) -> float:
    gaps = [math.log(day["open"] / before["close"]) for before, day in itertools.pairwise(_newest(bars, 22))]
    return sum(gaps) / 21


def _volatility_ratio(bars: pd.DataFrame) -> float:
    return math.log(_steps(bars).tail(5).std() / _steps(bars).tail(63).std())


def _parkinson(bars: pd.DataFrame) -> float:
    total = sum(math.log(day["high"] / day["low"]) ** 2 for day in _newest(bars, 21))
    return math.sqrt(252 * total / (21 * 4 * math.log(2)))


def _garman_klass(bars: pd.DataFrame) -> float:
    days = [
        0.5 * math.log(day["high"] / day["low"]) ** 2
        - (2 * math.log(2) - 1) * math.log(day["close"] / day["open"]) ** 2
        for day in _newest(bars, 21)
    ]
    return math.sqrt(252 * sum(days) / 21)


def _rsi(bars: pd.DataFrame) -> float:
    moves = [day["close"] - before["close"] for before, day in itertools.pairwise(_newest(bars, 15))]
    gain = sum(move for move in moves if move > 0) / 14
    loss = sum(-move for move in moves if move < 0) / 14
    return 100 - 100 / (1 + gain / loss) if loss else 100.0


def _atr(bars: pd.DataFrame) -> float:
    days = _newest(bars, 15)
    ranges = [
        max(day["high"] - day["low"], abs(day["high"] - before["close"]), abs(day["low"] - before["close"]))
        for before, day in itertools.pairwise(days)
    ]
    return sum(ranges) / 14 / days[-1]["close"]


def _amihud(bars: pd.DataFrame) -> float:
    per_dollar = [
        abs(day["close"] / before["close"] - 1) / day["dollars"]
        for before, day in itertools.pairwise(_newest(bars, 21))
    ]
    return math.log(sum(per_dollar) / 20)


def _beta(bars: pd.DataFrame) -> float:
    line = stats.linregress(bars["market"].tail(63).to_numpy(), _steps(bars).tail(63).to_numpy())
    return float(line.slope)


def _volume_ratio(bars: pd.DataFrame) -> float:
    return math.log(bars["volume"].tail(5).mean() / bars["volume"].tail(60).mean())


TWINS: dict[str, Twin] = {
    "return_1": lambda bars: bars["close"].pct_change(1).iloc[-1],
    "return_5": lambda bars: bars["close"].pct_change(5).iloc[-1],
    "momentum_21": lambda bars: bars["close"].pct_change(21).iloc[-1],
    "momentum_63": lambda bars: bars["close"].pct_change(63).iloc[-1],
    "momentum_252_21": lambda bars: bars["close"].shift(21).iloc[-1] / bars["close"].shift(252).iloc[-1] - 1,
    "overnight_21": _overnight,
    "volatility_21": lambda bars: _steps(bars).tail(21).std() * math.sqrt(252),
    "volatility_ratio_5_63": _volatility_ratio,
    "parkinson_21": _parkinson,
    "garman_klass_21": _garman_klass,
    "rsi_14": _rsi,
    "atr_14": _atr,
    "bollinger_20": lambda bars: float(stats.zscore(bars["close"].tail(20).to_numpy())[-1]),
    "drawdown_60": lambda bars: bars["close"].iloc[-1] / bars["close"].tail(60).max() - 1,
    "trend_200": lambda bars: bars["close"].iloc[-1] / bars["close"].tail(200).mean() - 1,
    "volume_ratio_5_60": _volume_ratio,
    "amihud_20": _amihud,
    "beta_63": _beta,
    "skew_63": lambda bars: float(stats.skew(_steps(bars).tail(63).to_numpy())),
}


@cache
def frame(ticker: str) -> pd.DataFrame:
    """Total-return adjusted bars of one ticker and the market's log return, the whole history long."""
    panel = history()
    column = panel.tickers.index(ticker)
    raw = pd.DataFrame({field: getattr(panel, field)[:, column] for field in FIELDS})
    bars = raw[["open", "high", "low", "close"]].mul(raw["adj_close"] / raw["close"], axis=0)
    bars["volume"] = raw["volume"]
    bars["dollars"] = raw["close"] * raw["volume"]
    index = pd.Series(panel.adj_close[:, panel.tickers.index(BENCHMARK)])
    bars["market"] = index.apply(math.log).diff()
    return bars


@cache
def matrix_at(row: int) -> FloatArray:
    return feature_matrix(window_at(row))


def naive(feature: Feature, bars: pd.DataFrame) -> float:
    """The twin's value, unknown where a bar it reads is unknown."""
    reads = bars.tail(feature.lookback)
    if len(reads) < feature.lookback or reads["close"].isna().any():
        return math.nan
    return TWINS[feature.name](bars)


def test_every_registered_feature_has_a_twin_and_a_name_of_its_own() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert set(TWINS) == set(FEATURE_NAMES)
    assert max(feature.lookback for feature in FEATURES) == LONGEST_LOOKBACK == 253


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_a_feature_equals_its_naive_twin_on_the_sample_history(feature: Feature) -> None:
    column = FEATURE_NAMES.index(feature.name)
    known = 0
    for place, ticker in enumerate(STOCKS):
        bars = frame(ticker)
        for row in ROWS:
            got = matrix_at(row)[place, column]
            want = naive(feature, bars.iloc[: row + 1])
            assert got == pytest.approx(want, rel=1e-10, abs=1e-10, nan_ok=True), (ticker, row)
            known += not math.isnan(want)
    assert known > 100


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_a_features_lookback_is_exact(feature: Feature) -> None:
    column = FEATURE_NAMES.index(feature.name)
    exact = window_at(LAST, sessions=feature.lookback)
    value = feature_matrix(exact)[:, column]
    assert np.isfinite(value).all()
    shorter = window_at(LAST, sessions=feature.lookback - 1)
    assert np.isnan(feature_matrix(shorter)[:, column]).all()

    arrays = copies(history())  # the oldest session it reads does matter
    oldest = LAST + 1 - feature.lookback
    for field, factor in zip(FIELDS, (5.0, 9.0, 0.5, 8.0, 8.0, 3.0), strict=True):
        arrays[field][oldest] *= factor
    moved = window_at(LAST, changed(history(), **arrays), sessions=feature.lookback)
    assert (feature_matrix(moved)[:, column] != value).all()


@pytest.mark.parametrize("row", [252, 900, 1700, LAST])
def test_a_longer_window_gives_exactly_the_same_values(row: int) -> None:
    start_up = feature_matrix(window_at(row))
    assert_array_equal(feature_matrix(window_at(row, sessions=row + 1)), start_up)
    for feature in FEATURES:
        alone = feature_matrix(window_at(row, sessions=feature.lookback))
        column = FEATURE_NAMES.index(feature.name)
        assert_array_equal(alone[:, column], start_up[:, column], err_msg=feature.name)


FUTURES = {"unknown": math.nan, "zero": 0.0, "huge": 1e12, "negative": -5.0, "infinite": math.inf}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, LAST - 1), st.sampled_from(sorted(FUTURES)), st.sampled_from([BENCHMARK, "none"]))
def test_what_comes_after_a_session_never_changes_its_row(row: int, future: str, benchmark: str) -> None:
    panel = history()
    start = max(0, row + 1 - LONGEST_LOOKBACK)
    past = make_window(panel.rows(start, row + 1), STOCKS, benchmark)
    arrays = copies(panel)
    for field in FIELDS:
        arrays[field][row + 1 :] = FUTURES[future]
    whole = make_window(changed(panel, **arrays), STOCKS, benchmark)
    seen = Window(
        **{name: getattr(whole, name)[..., start : row + 1] for name in Window.__dataclass_fields__}
    )
    if start:  # the first step of a window needs the bar before it, which a truncated one lacks
        seen.market[0] = math.nan
    for name in Window.__dataclass_fields__:
        assert_array_equal(getattr(seen, name), getattr(past, name), err_msg=name)
    assert_array_equal(feature_matrix(seen), feature_matrix(past))


SPOILS = {
    "unknown": math.nan,
    "zero": 0.0,
    "negative": -1.0,
    "tiny": 1e-80,
    "huge": 1e80,
    "infinite": math.inf,
}


@settings(max_examples=100, deadline=None)
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
    column = panel.tickers.index(STOCKS[place])
    for field, session, spoil in spoils:
        rows = slice(session, None) if whole_stretch else session
        arrays[field][rows, column] = SPOILS[spoil]
    spoiled = feature_matrix(make_window(changed(panel, **arrays), STOCKS, BENCHMARK))
    assert not np.isinf(spoiled).any()
    others = [i for i in range(len(STOCKS)) if i != place]
    assert_array_equal(spoiled[others], feature_matrix(window_at(LAST))[others])


def test_an_unknown_newest_bar_makes_every_feature_unknown_but_the_one_that_leaves_it_out() -> None:
    arrays = copies(history())
    for field in FIELDS:
        arrays[field][LAST] = math.nan
    matrix = feature_matrix(window_at(LAST, changed(history(), **arrays)))
    known = [name for i, name in enumerate(FEATURE_NAMES) if not np.isnan(matrix[:, i]).all()]
    assert known == ["momentum_252_21"]


CALM = dict.fromkeys(FEATURE_NAMES, 0.0) | dict.fromkeys(
    ("volatility_ratio_5_63", "rsi_14", "bollinger_20", "amihud_20", "beta_63", "skew_63"), math.nan
)
"""What a price that never moves gives; what divides zero by zero is unknown."""


@pytest.mark.parametrize("price", [1.0, 6.5, 128.0])
def test_a_price_that_never_moves_is_calm_and_what_cannot_be_said_is_unknown(price: float) -> None:
    still = np.full((2, LONGEST_LOOKBACK), price)
    traded = np.full_like(still, 1e6)
    window = Window(still, still, still, still, traded, still * traded, np.zeros(LONGEST_LOOKBACK))
    matrix = feature_matrix(window)
    want = np.array([CALM[name] for name in FEATURE_NAMES])
    np.testing.assert_allclose(matrix, np.stack([want, want]), rtol=0, atol=1e-12)


def test_another_order_of_tickers_gives_the_same_rows_in_that_order() -> None:
    panel = history().rows(LAST + 1 - LONGEST_LOOKBACK, LAST + 1)
    order = [3, 0, 5, 1, 4, 2]
    shuffled = feature_matrix(make_window(panel, tuple(STOCKS[i] for i in order), BENCHMARK))
    assert_array_equal(shuffled, feature_matrix(window_at(LAST))[order])


def test_features_do_not_depend_on_the_currency_unit() -> None:
    arrays = copies(history())
    for field in ("open", "high", "low", "close", "adj_close"):
        arrays[field] = arrays[field] * 4.0  # a power of two scales without rounding
    scaled = feature_matrix(window_at(LAST, changed(history(), **arrays)))
    want = feature_matrix(window_at(LAST))
    want[:, FEATURE_NAMES.index("amihud_20")] -= math.log(4.0)  # per dollar, as its name says
    np.testing.assert_allclose(scaled, want, rtol=1e-12, atol=1e-12)


def test_an_empty_or_a_short_window_knows_nothing() -> None:
    assert np.isnan(feature_matrix(window_at(0))).all()
    no_ticker = make_window(history().rows(0, 300), (), BENCHMARK)
    assert feature_matrix(no_ticker).shape == (0, len(FEATURES))


def test_computing_features_leaves_the_window_as_it_was() -> None:
    window = window_at(LAST)
    before = replace(window, **{name: getattr(window, name).copy() for name in Window.__dataclass_fields__})
    feature_matrix(window)
    for name in Window.__dataclass_fields__:
        array: FloatArray = getattr(window, name)
        assert_array_equal(array, getattr(before, name))


def test_a_zero_price_makes_what_reads_it_unknown_and_nothing_else() -> None:
    panel = read_prices(SAMPLE_PATH).rows(0, 300)
    close = panel.close.copy()
    close[-1, panel.tickers.index("IBM")] = 0.0
    spoiled = replace(panel, close=close, adj_close=close)
    universe = tuple(t for t in panel.tickers if not t.startswith("^"))
    matrix = feature_matrix(make_window(spoiled, universe, "^GSPC"))
    assert np.isnan(matrix[universe.index("IBM"), FEATURE_NAMES.index("return_1")])
    assert np.isnan(matrix[universe.index("IBM"), FEATURE_NAMES.index("drawdown_60")])
    assert np.isfinite(matrix[universe.index("MSFT"), FEATURE_NAMES.index("return_1")])


@pytest.mark.parametrize("price", [0.1, 1 / 3, 6.56])
def test_a_constant_price_has_no_place_in_its_band(price: float) -> None:
    flat = np.full((300, 1), price)
    days = read_prices(SAMPLE_PATH).sessions[:300]
    panel = Panel(days, ("AAA",), flat, flat, flat, flat, flat, np.full((300, 1), 1e6))
    row = feature_matrix(make_window(panel, ("AAA",), ""))[0]
    assert np.isnan(row[FEATURE_NAMES.index("bollinger_20")])
    assert np.isnan(row[FEATURE_NAMES.index("skew_63")])
