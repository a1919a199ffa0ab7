"""What several features share: computed once for a window, when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from forecaster.rolling import (
    change,
    exponential_mean,
    lag,
    window_max,
    window_mean,
    window_moments,
    window_sum,
)
from forecaster.window import Window
from market.panel import FloatArray

BoolArray = NDArray[np.bool_]

if TYPE_CHECKING:
    from forecaster.features.crowd import Crowd

WILDER: Final = 1 / 14
"""Weight of the newest session in Wilder's mean of 14."""

QUARTER: Final = 63
"""Sessions of three months."""

ROUNDING: Final = 1e-10
"""A spread below this share of the level is rounding, not movement."""


STEADY: Final = 1e-3
"""Returns whose spread is below this share of their mean have no shape and no company worth a number."""


class Derived:
    """Series of shape (tickers, sessions) that follow from a window's bars; never changed in place.

    Attributes:
        window: The bars of some tickers.
        crowd: What the whole universe does, of which these tickers are a part.
        groups: Row of each ticker's sector in the crowd's tallies.
    """

    def __init__(self, window: Window, crowd: Crowd, groups: NDArray[np.intp]) -> None:
        self.window = window
        self.crowd = crowd
        self.groups = groups

    @cached_property
    def open(self) -> FloatArray:
        """Adjusted open, USD; like every field here in memory ordered by session."""
        return np.asfortranarray(self.window.open)

    @cached_property
    def high(self) -> FloatArray:
        """Adjusted high, USD."""
        return np.asfortranarray(self.window.high)

    @cached_property
    def low(self) -> FloatArray:
        """Adjusted low, USD."""
        return np.asfortranarray(self.window.low)

    @cached_property
    def close(self) -> FloatArray:
        """Adjusted close, USD."""
        return np.asfortranarray(self.window.close)

    @cached_property
    def volume(self) -> FloatArray:
        """Shares, split-adjusted."""
        return np.asfortranarray(self.window.volume)

    @cached_property
    def dollars(self) -> FloatArray:
        """Traded value, USD."""
        return np.asfortranarray(self.window.dollars)

    def read(self, name: str) -> FloatArray:
        """One of the window's extras."""
        return np.asfortranarray(self.window.extras[name])

    @cached_property
    def before(self) -> FloatArray:
        """The close of the session before, USD."""
        return lag(self.close, 1)

    @cached_property
    def moves(self) -> FloatArray:
        """Simple return from close to close, a fraction."""
        return self.close / self.before - 1.0

    @cached_property
    def log_close(self) -> FloatArray:
        """Logarithm of the close."""
        return np.log(self.close)

    @cached_property
    def steps(self) -> FloatArray:
        """Log return from close to close."""
        return change(self.log_close, 1)

    @cached_property
    def body(self) -> FloatArray:
        """Log return from open to close."""
        return np.log(self.close / self.open)

    @cached_property
    def log_high(self) -> FloatArray:
        """Logarithm of the high."""
        return np.log(self.high)

    @cached_property
    def log_low(self) -> FloatArray:
        """Logarithm of the low."""
        return np.log(self.low)

    @cached_property
    def spread_squared(self) -> FloatArray:
        """Squared log ratio of high and low."""
        return np.square(self.log_high - self.log_low)

    @cached_property
    def true_range(self) -> FloatArray:
        """Greatest of high - low, |high - close[1]| and |low - close[1]|, USD (Wilder 1978)."""
        return np.maximum(self.high, self.before) - np.minimum(self.low, self.before)

    @cached_property
    def close_mean_20(self) -> FloatArray:
        """Mean close of 20 sessions, USD."""
        return self.close_moments_20[0]

    @cached_property
    def close_mean_50(self) -> FloatArray:
        """Mean close of 50 sessions, USD."""
        return window_mean(self.close, 50)

    @cached_property
    def close_mean_200(self) -> FloatArray:
        """Mean close of 200 sessions, USD."""
        return window_mean(self.close, 200)

    @cached_property
    def close_moments_20(self) -> tuple[FloatArray, FloatArray]:
        """Mean and sum of squares about it of 20 closes."""
        return window_moments(self.close, 20)

    @cached_property
    def close_sd_20(self) -> FloatArray:
        """Standard deviation of 20 closes, divided by 20, USD."""
        return np.sqrt(self.close_moments_20[1] / 20)

    @cached_property
    def high_55(self) -> FloatArray:
        """Highest high of 55 sessions, USD."""
        return window_max(self.high, 55)

    @cached_property
    def atr_20(self) -> FloatArray:
        """Mean true range of 20 sessions, USD."""
        return window_mean(self.true_range, 20)

    @cached_property
    def atr_14(self) -> FloatArray:
        """Wilder's mean of the true range, USD."""
        return exponential_mean(self.true_range, WILDER)

    @cached_property
    def macd_line(self) -> FloatArray:
        """Difference of the exponential means of spans 12 and 26, USD (Appel 1979)."""
        return exponential_mean(self.close, 2 / 13) - exponential_mean(self.close, 2 / 27)

    @cached_property
    def directional(self) -> FloatArray:
        """Difference of both directional indicators over their sum, -1 to 1 (Wilder 1978)."""
        up, down = change(self.high, 1), -change(self.low, 1)
        plus = exponential_mean(np.where(up > down, np.maximum(up, 0.0), up * 0.0), WILDER)
        minus = exponential_mean(np.where(down > up, np.maximum(down, 0.0), down * 0.0), WILDER)
        return (plus - minus) / (plus + minus)

    @cached_property
    def month(self) -> FloatArray:
        """Log return of 21 sessions."""
        return change(self.log_close, 21)

    @cached_property
    def quarter_moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and sum of squares about it of 63 log returns."""
        return window_moments(self.steps, QUARTER)

    @cached_property
    def quarter_squares(self) -> FloatArray:
        """Sum of squares of 63 log returns about their mean; NaN where the price grows steadily."""
        mean, squares = self.quarter_moments
        return moving(squares, mean, QUARTER, STEADY)

    @cached_property
    def quarter_products(self) -> dict[str, FloatArray]:
        """Sum of products of 63 log returns with each of the crowd's series, about their means."""
        series = self.crowd.steps_of_series
        return {name: self._products(steps) for name, steps in series.items()}

    @cached_property
    def fund_steps(self) -> FloatArray:
        """Log return of the fund of each ticker's sector; NaN where there is none."""
        unknown = np.full(self.window.sessions, np.nan)
        funds = self.crowd.steps_of_funds
        return np.stack([funds.get(sector, unknown) for sector in self.window.sectors], axis=-1).T

    @cached_property
    def fund_squares(self) -> FloatArray:
        """Sum of squares of 63 of the fund's log returns about their mean."""
        return window_moments(self.fund_steps, QUARTER)[1]

    @cached_property
    def fund_products(self) -> FloatArray:
        """Sum of products of 63 log returns with the fund's, about their means."""
        return self._products(self.fund_steps)

    def _products(self, steps: FloatArray) -> FloatArray:
        """Sum of products about the means, by the difference of two sums: both means are near zero."""
        means = self.quarter_moments[0] * window_sum(steps, QUARTER)
        return window_sum(self.steps * steps, QUARTER) - means

    def told(self, values: FloatArray) -> FloatArray:
        """Give every ticker whose close is known the values of all, shape (sessions,)."""
        return np.where(np.isnan(self.close), np.nan, values)

    def told_by_sector(self, values: FloatArray) -> FloatArray:
        """Give every ticker whose close is known its sector's values, of shape (sectors + 1, sessions)."""
        return np.where(np.isnan(self.close), np.nan, values.T[:, self.groups].T)


def moving(squares: FloatArray, mean: FloatArray, n: int, least: float = ROUNDING) -> FloatArray:
    """Return a sum of squares of `n` values about their mean; NaN where it is next to nothing."""
    return np.where(squares > n * np.square(least * mean), squares, np.nan)


def z_score(x: FloatArray, n: int) -> FloatArray:
    """Return how many standard deviations (n - 1) the newest value lies above the mean of `n`."""
    mean, squares = window_moments(x, n)
    return (x - mean) / np.sqrt(moving(squares, mean, n) / (n - 1))


def known_flag(holds: BoolArray, known: FloatArray) -> FloatArray:
    """Return 1.0 where it holds and 0.0 where not; NaN where what it was judged by is."""
    return np.where(np.isnan(known), np.nan, holds)
