"""What is told of the session before, worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.testing import assert_allclose

from forecaster.features import FEATURE_NAMES, FEATURES, feature_panel
from forecaster.window import Window, make_window
from market.panel import FloatArray, Panel

FRIDAY = 4


def window_of(sessions: tuple[date, ...], tickers: int, **extras: FloatArray) -> Window:
    """Prices of 1 USD, so that dollars are shares: 100 of the first ticker, 200 of the second, and so on."""
    still = np.ones((len(sessions), tickers))
    volume = np.cumsum(100 * still, axis=1)
    names = tuple(f"T{i}" for i in range(tickers))
    panel = Panel(sessions, names, still, still, still, still, still, volume)
    return make_window(panel, names, "", extras=extras)


def found(name: str, window: Window) -> FloatArray:
    return feature_panel(window, (FEATURES[FEATURE_NAMES.index(name)],))[:, :, 0]


def weekdays(n: int, *, without: date) -> tuple[date, ...]:
    days = (date(2024, 1, 1) + timedelta(days=i) for i in range(2 * n))
    return tuple(day for day in days if day.weekday() <= FRIDAY and day != without)[:n]


def test_fifty_and_twenty_shares_beside_a_thousand_in_regular_hours_are_seventy_of_1070() -> None:
    days = weekdays(1, without=date(2024, 1, 2))
    told = window_of(days, 1, premarket=np.array([[50 / 1000]]), postmarket=np.array([[20 / 1000]]))
    assert_allclose(found("after_hours_share", told), [[70 / 1070]])


def test_the_dark_index_weighs_by_what_was_traded_on_the_session_that_is_told_of() -> None:
    days = weekdays(3, without=date(2024, 1, 2))
    off_exchange = np.full((3, 2), 0.4)
    told = window_of(days, 2, off_exchange=off_exchange, short=off_exchange * [0.1, 0.7])
    told.dollars[0, 1] = 600.0
    in_turn = (np.nan, (100 * 0.1 + 200 * 0.7) / 300, (600 * 0.1 + 200 * 0.7) / 800)
    assert_allclose(found("dark_index", told), np.column_stack([in_turn, in_turn]))


def test_the_dark_index_leaves_out_who_is_not_told_of() -> None:
    days = weekdays(2, without=date(2024, 1, 2))
    off_exchange = np.array([[0.4, 0.4], [0.4, np.nan]])
    told = window_of(days, 2, off_exchange=off_exchange, short=off_exchange * [0.1, 0.7])
    assert_allclose(found("dark_index", told)[1], [0.1, 0.1])


def test_after_a_mondays_holiday_fridays_trading_is_held_against_fridays() -> None:
    holiday = date(2024, 4, 1)
    days = weekdays(70, without=holiday)
    told_of = np.array([np.nan, *(day.weekday() for day in days[:-1])])
    odd = np.arange(70) % 2
    share = np.where(told_of == FRIDAY, 0.05, 0.01) + 0.001 * odd
    tuesday = days.index(date(2024, 4, 2))
    assert told_of[tuesday] == FRIDAY
    assert tuesday >= 61
    same = [row for row in range(tuesday - 60, tuesday) if told_of[row] == FRIDAY]
    want = (share[tuesday] - share[same].mean()) / share[same].std(ddof=1)
    assert abs(want) < 2
    assert_allclose(found("premarket_z_60", window_of(days, 1, premarket=share[:, None]))[tuesday, 0], want)


def test_after_a_session_without_bars_the_close_is_held_against_the_weekday_that_it_is_told_of() -> None:
    days = weekdays(75, without=date(2024, 1, 2))
    told_of = np.array([np.nan, *(day.weekday() for day in days[:-1])])
    share = (0.01 * (told_of + 1) + 0.001 * (np.arange(75) % 2))[:, None]
    unknown = next(row for row in range(70, 75) if days[row].weekday() == 1)
    bars = np.where(np.arange(75) == unknown, np.nan, 1.0)[:, None]
    panel = Panel(days, ("T0",), bars, bars, bars, bars, bars, bars)
    window = make_window(panel, ("T0",), "", extras={"premarket": share})
    same = [row for row in range(unknown + 1 - 60, unknown) if told_of[row] == told_of[unknown + 1]]
    want = (share[unknown + 1, 0] - share[same, 0].mean()) / share[same, 0].std(ddof=1)
    assert abs(want) < 2
    assert_allclose(found("premarket_z_60", window)[unknown, 0], want)
