from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.features import feature_matrix
from forecaster.signals import features_of, usable_signals
from forecaster.tier import Tier
from forecaster.window import make_window
from market.panel import FIELDS, FloatArray, Panel
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import changed, copies, history

NAN = math.nan


def panel_of(closes: dict[str, list[float]], *, adjusted: dict[str, list[float]] | None = None) -> Panel:
    """A panel whose bars open 1 below, and range 2 around, their closes; 1,000 shares a session."""
    close = np.array(list(closes.values()), dtype=float).T
    adj_close = close if adjusted is None else np.array(list(adjusted.values()), dtype=float).T
    sessions = tuple(date(2024, 1, 2) + timedelta(days=i) for i in range(len(close)))
    volume = np.full_like(close, 1_000.0)
    return Panel(sessions, tuple(closes), close - 1, close + 2, close - 2, close, adj_close, volume)


def test_the_whole_bar_is_adjusted_by_the_ratio_of_its_closes() -> None:
    panel = panel_of({"AAA": [100.0, 50.0]}, adjusted={"AAA": [40.0, 50.0]})
    window = make_window(panel, ("AAA",), "none")
    assert_allclose(window.close, [[40.0, 50.0]])
    assert_allclose(window.open, [[39.6, 49.0]])
    assert_allclose(window.high, [[40.8, 52.0]])
    assert_allclose(window.low, [[39.2, 48.0]])
    assert_array_equal(window.volume, [[1_000.0, 1_000.0]])
    assert_array_equal(window.dollars, [[100_000.0, 50_000.0]])


def test_a_dividend_is_not_a_move() -> None:
    panel = panel_of({"AAA": [100.0, 98.0]}, adjusted={"AAA": [98.0, 98.0]})
    assert_allclose(make_window(panel, ("AAA",), "none").market, [NAN, 0.0])


def test_the_market_is_the_benchmarks_log_return_where_the_panel_holds_it() -> None:
    panel = panel_of({"AAA": [10.0, 30.0, 10.0], "^IDX": [100.0, 110.0, 99.0]})
    market = make_window(panel, ("AAA",), "^IDX").market
    assert_allclose(market, [NAN, math.log(1.1), math.log(0.9)])


def test_without_a_benchmark_the_market_is_the_mean_of_what_is_known() -> None:
    panel = panel_of(
        {"AAA": [10.0, 20.0, NAN, 20.0], "BBB": [10.0, 10.0, 5.0, NAN], "CCC": [NAN, NAN, NAN, NAN]}
    )
    market = make_window(panel, ("AAA", "BBB", "CCC"), "^IDX").market
    assert_allclose(market, [NAN, math.log(2) / 2, math.log(0.5), NAN])


def test_a_benchmark_without_a_bar_leaves_the_market_unknown() -> None:
    panel = panel_of({"AAA": [10.0, 11.0, 12.0], "^IDX": [100.0, NAN, 99.0]})
    assert np.isnan(make_window(panel, ("AAA",), "^IDX").market).all()


@pytest.mark.parametrize("price", [0.0, NAN])
def test_an_impossible_price_of_one_ticker_leaves_the_others_as_they_were(price: float) -> None:
    panel = panel_of({"AAA": [10.0, price, 12.0], "BBB": [5.0, 6.0, 7.0]})
    window = make_window(panel, ("AAA", "BBB"), "none")
    assert_array_equal(window.close[1], [5.0, 6.0, 7.0])
    assert_allclose(window.market, [NAN, math.log(6 / 5), math.log(7 / 6)])


def test_the_rows_follow_the_universe_and_an_unknown_ticker_is_an_error() -> None:
    panel = panel_of({"AAA": [1.0, 2.0], "BBB": [3.0, 4.0]})
    assert_array_equal(make_window(panel, ("BBB", "AAA"), "none").close, [[3.0, 4.0], [1.0, 2.0]])
    with pytest.raises(KeyError, match="ZZZ"):
        make_window(panel, ("ZZZ",), "none")


def test_the_last_sessions_of_a_window_are_its_newest() -> None:
    window = make_window(history().rows(0, 30), STOCKS, BENCHMARK)
    cut = window.last(4)
    assert (window.sessions, cut.sessions) == (30, 4)
    for name in ("open", "high", "low", "close", "volume", "dollars", "market"):
        array: FloatArray = getattr(window, name)
        assert_array_equal(getattr(cut, name), array[..., -4:])
    assert_array_equal(window.last(30).close, window.close)
    with pytest.raises(ValueError, match="window holds 30 sessions, 31 asked for"):
        window.last(31)


def test_making_a_window_leaves_the_panel_as_it_was() -> None:
    panel = panel_of({"AAA": [10.0, NAN, 12.0], "BBB": [5.0, 6.0, 7.0]})
    before = {field: getattr(panel, field).copy() for field in FIELDS}
    make_window(panel, ("AAA", "BBB"), "none")
    for field in FIELDS:
        assert_array_equal(getattr(panel, field), before[field])


def test_an_earlier_session_in_which_nobody_is_known_is_left_out() -> None:
    panel = panel_of({"AAA": [10.0, NAN, 12.0], "BBB": [5.0, NAN, 7.0], "^IDX": [100.0, 105.0, 110.0]})
    window = make_window(panel, ("AAA", "BBB"), "^IDX")
    assert_array_equal(window.close, [[10.0, 12.0], [5.0, 7.0]])
    assert_allclose(window.market, [NAN, math.log(1.1)])


def test_the_newest_session_stays_even_where_nobody_is_known() -> None:
    panel = panel_of({"AAA": [10.0, NAN, NAN], "BBB": [5.0, 6.0, NAN]})
    window = make_window(panel, ("AAA", "BBB"), "none")
    assert_array_equal(window.close, [[10.0, NAN, NAN], [5.0, 6.0, NAN]])


def test_a_hole_in_everything_gives_the_features_of_a_history_without_it() -> None:
    whole = history().rows(1_000, 1_400)
    hole = np.ones(400, dtype=bool)
    hole[[250, 251, 330]] = False
    arrays = copies(whole)
    for values in arrays.values():
        values[~hole] = NAN
    found = make_window(changed(whole, **arrays), STOCKS, BENCHMARK)
    read = features_of(usable_signals(found))
    holed = feature_matrix(found, read)
    without = make_window(whole.select(hole), STOCKS, BENCHMARK)
    assert_array_equal(holed, feature_matrix(without, read))
    assert_array_equal(feature_matrix(found), feature_matrix(without))
    assert np.isfinite(holed).all()
    longest = max(feature.lookback for feature in read)
    shorter = make_window(changed(whole, **arrays).rows(400 - longest - 3, 400), STOCKS, BENCHMARK)
    assert_array_equal(feature_matrix(shorter, read), holed)


def test_series_sectors_and_extras_follow_the_sessions_and_tickers_that_are_kept() -> None:
    panel = panel_of({"AAA": [10.0, NAN, 12.0], "BBB": [5.0, NAN, 7.0]})
    window = make_window(
        panel,
        ("BBB", "AAA"),
        "none",
        series={"vix": np.array([20.0, 21.0, 22.0])},
        sectors={"AAA": "Energy"},
        extras={"short": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])},
        tiers={"short": Tier.DELAYED},
    )
    assert_array_equal(window.series["vix"], [20.0, 22.0])  # nobody was known in between
    assert_array_equal(window.extras["short"], [[1.0, 5.0], [2.0, 6.0]])
    assert window.sectors == ("", "Energy")
    assert_array_equal(
        window.weekdays, [NAN, 2.0]
    )  # of 3 January 2024, a Wednesday on which nobody was known
    assert window.tiers == {"short": Tier.DELAYED}

    newest, aaa = window.last(1), window.rows(1, 2)
    assert_array_equal(newest.series["vix"], [22.0])
    assert_array_equal(newest.extras["short"], [[5.0], [6.0]])
    assert_array_equal(newest.weekdays, [2.0])
    assert_array_equal(aaa.close, [[10.0, 12.0]])
    assert_array_equal(aaa.extras["short"], [[2.0, 6.0]])
    assert (aaa.sectors, aaa.tickers, aaa.sessions) == (("Energy",), 1, 2)


@pytest.mark.parametrize("kind", ["series", "extras"])
def test_values_of_another_shape_than_the_panel_are_an_error(kind: str) -> None:
    panel = panel_of({"AAA": [10.0, 11.0], "BBB": [5.0, 6.0]})
    odd = {"odd": np.zeros(5)}
    series, extras = (odd, {}) if kind == "series" else ({}, odd)
    with pytest.raises(ValueError, match=r"'odd' has shape \(5,\), the panel needs \(2,.*\)"):
        make_window(panel, ("AAA", "BBB"), "none", series=series, extras=extras)


def test_the_mean_return_does_not_depend_on_how_many_sessions_there_are() -> None:
    whole = make_window(history(), STOCKS, "none").market
    for row in (1, 2, 700, 2_000):
        two = make_window(history().rows(row - 1, row + 1), STOCKS, "none").market
        assert two[1] == whole[row]
