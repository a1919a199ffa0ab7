"""The market-wide series: known when they are said to be."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.testing import assert_array_equal

from daemon.price_series import market_series, to_forecast
from forecaster.tier import Tier
from market.panel import FIELDS, Panel

NAN = float("nan")


def panel(**closes: list[float]) -> Panel:
    tickers = tuple(closes)
    values = np.array([closes[ticker] for ticker in tickers]).T
    days = tuple(date(2024, 1, 2) + timedelta(days=i) for i in range(len(values)))
    return Panel(days, tickers, *(values for _ in FIELDS))


def test_what_describes_the_market_is_not_forecast() -> None:
    assert to_forecast(("AAA", "BTC-USD", "UUP", "^GSPC", "^VIX", "BBB")) == ("AAA", "BBB")


def test_what_closes_after_the_stock_market_is_known_a_session_later() -> None:
    series, tiers = market_series(panel(**{"BTC-USD": [1.0, 2.0, 3.0], "^VIX": [4.0, 5.0, 6.0]}))
    assert_array_equal(series["btc"], [NAN, 1.0, 2.0])
    assert_array_equal(series["vix"], [4.0, 5.0, 6.0])
    assert tiers == {"btc": Tier.DELAYED}


def test_no_close_of_a_later_session_changes_what_was_known() -> None:
    whole = panel(**{"BTC-USD": [1.0, 2.0, 3.0, 9.0], "DX-Y.NYB": [7.0, NAN, 8.0, 9.0]})
    for stop in range(1, 5):
        cut, _ = market_series(whole.rows(0, stop))
        for name, values in market_series(whole)[0].items():
            assert_array_equal(cut[name], values[:stop])


def test_another_markets_holiday_keeps_the_newest_close() -> None:
    series, _ = market_series(panel(**{"^TNX": [NAN, 4.0, NAN, 5.0]}))
    assert_array_equal(series["us10y"], [NAN, 4.0, 4.0, 5.0])


def test_what_is_not_held_is_absent() -> None:
    assert market_series(panel(AAA=[1.0])) == ({}, {})
