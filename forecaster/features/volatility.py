"""Volatility: how much a price moves, by its closes and by its range, and to which side."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from forecaster.features.derived import QUARTER, Derived
from forecaster.features.feature import Layer, Register
from forecaster.rolling import window_mean, window_moments, window_sum
from market.panel import FloatArray

register = Register(Layer.VOLATILITY)

SESSIONS_PER_YEAR: Final = 252
LOG_2: Final = math.log(2.0)


@register(
    "close",
    lookback=22,
    formula="sqrt(252) sd of 21 log returns",
    source="Black and Scholes 1973",
)
def volatility_21(d: Derived) -> FloatArray:
    """Annualised standard deviation of 21 log returns, close to close (Black and Scholes 1973)."""
    return np.sqrt(window_moments(d.steps, 21)[1] / 20 * SESSIONS_PER_YEAR)


@register(
    "close",
    lookback=64,
    formula="sqrt(252) sd of 63 log returns",
    source="Black and Scholes 1973",
)
def volatility_63(d: Derived) -> FloatArray:
    """Annualised standard deviation of 63 log returns, close to close (Black and Scholes 1973)."""
    return np.sqrt(d.quarter_moments[1] / (QUARTER - 1) * SESSIONS_PER_YEAR)


@register(
    "close",
    lookback=64,
    formula="log(sd of 5 / sd of 63 log returns)",
    source="Corsi 2009, short against long horizons",
)
def volatility_ratio_5_63(d: Derived) -> FloatArray:
    """Log ratio of the standard deviations of 5 and of 63 log returns (Corsi 2009)."""
    squares = window_moments(d.steps, 5)[1]
    return np.log((squares / 4) / (d.quarter_squares / (QUARTER - 1))) / 2


@register(
    "high",
    "low",
    lookback=21,
    formula="sqrt(252 mean of 21 log(high / low)^2 / (4 log 2))",
    source="Parkinson 1980",
)
def parkinson_21(d: Derived) -> FloatArray:
    """Annualised volatility from the range (Parkinson 1980)."""
    return np.sqrt(window_mean(d.spread_squared, 21) * (SESSIONS_PER_YEAR / (4 * LOG_2)))


@register(
    "open",
    "high",
    "low",
    "close",
    lookback=21,
    formula="sqrt(252 mean of 21 (log(high / low)^2 / 2 - (2 log 2 - 1) log(close / open)^2))",
    source="Garman and Klass 1980",
)
def garman_klass_21(d: Derived) -> FloatArray:
    """Annualised volatility from the range and the body (Garman and Klass 1980)."""
    daily = 0.5 * d.spread_squared - (2 * LOG_2 - 1) * np.square(d.body)
    return np.sqrt(window_mean(daily, 21) * SESSIONS_PER_YEAR)


@register(
    "open",
    "high",
    "low",
    "close",
    lookback=21,
    formula="sqrt(252 mean of 21 (log(h / c) log(h / o) + log(l / c) log(l / o)))",
    source="Rogers and Satchell 1991",
)
def rogers_satchell_21(d: Derived) -> FloatArray:
    """Annualised volatility from the bar, whatever its drift (Rogers and Satchell 1991)."""
    log_open = d.log_close - d.body
    daily = (d.log_high - d.log_close) * (d.log_high - log_open)
    daily += (d.log_low - d.log_close) * (d.log_low - log_open)
    return np.sqrt(window_mean(daily, 21) * SESSIONS_PER_YEAR)


@register(
    "close",
    lookback=64,
    formula="third standardised moment of 63 log returns",
    source="Amaya, Christoffersen, Jacobs and Vasquez 2015",
)
def skew_63(d: Derived) -> FloatArray:
    """Third standardised moment of 63 log returns; NaN where they hardly differ.

    Amaya, Christoffersen, Jacobs and Vasquez (2015).
    """
    mean, squares = d.quarter_moments[0], d.quarter_squares
    sd = np.sqrt(squares / QUARTER)
    third = (window_sum(d.steps * np.square(d.steps), QUARTER) - 3 * mean * squares) / QUARTER
    third -= mean * np.square(mean)
    return np.asarray(third / (sd * np.square(sd)))


@register(
    "close",
    lookback=64,
    formula="sum of 63 min(r, 0)^2 / sum of 63 r^2, r log return",
    source="Barndorff-Nielsen, Kinnebrock and Shephard 2010",
)
def downside_63(d: Derived) -> FloatArray:
    """Share of the squared log returns of 63 sessions that came from falls.

    Barndorff-Nielsen, Kinnebrock and Shephard (2010).
    """
    squared = np.square(d.steps)
    falls = np.square(np.minimum(d.steps, 0.0))
    return window_sum(falls, QUARTER) / window_sum(squared, QUARTER)
