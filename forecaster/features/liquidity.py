"""Liquidity: how much is traded, and what it costs to trade."""

from __future__ import annotations

from typing import Final

import numpy as np

from forecaster.features.derived import STEADY, Derived, moving, z_score
from forecaster.features.feature import Layer, Register
from forecaster.rolling import lag, window_mean, window_moments, window_sum
from market.panel import FloatArray

register = Register(Layer.LIQUIDITY)

MILLION: Final = 1e6
TWO_DAYS: Final = 3.0 - 2.0 * 2.0**0.5


@register(
    "volume",
    lookback=60,
    formula="log(mean volume of 5 / of 60)",
    source="Gervais, Kaniel and Mingelgrin 2001",
)
def volume_ratio_5_60(d: Derived) -> FloatArray:
    """Log ratio of the mean volumes of 5 and of 60 sessions (Gervais, Kaniel and Mingelgrin 2001)."""
    return np.log(window_mean(d.volume, 5) / window_mean(d.volume, 60))


@register(
    "volume",
    lookback=60,
    formula="(log(volume) - its mean of 60) / its sd of 60",
    source="Gervais, Kaniel and Mingelgrin 2001",
)
def volume_z_60(d: Derived) -> FloatArray:
    """Standard deviations of log volume above its 60-session mean (Gervais, Kaniel and Mingelgrin 2001)."""
    return z_score(np.log(d.volume), 60)


@register(
    "dollars",
    lookback=21,
    formula="log(mean of 21 close volume)",
    source="Brennan, Chordia and Subrahmanyam 1998",
)
def dollar_volume_21(d: Derived) -> FloatArray:
    """Log of the mean traded value of 21 sessions, USD (Brennan, Chordia and Subrahmanyam 1998)."""
    return np.log(window_mean(d.dollars, 21))


@register(
    "close",
    "volume",
    lookback=22,
    formula="sum of 21 sign(close - close[1]) volume / sum of 21 volume",
    source="Granville 1963",
)
def signed_volume_21(d: Derived) -> FloatArray:
    """Volume of rises less that of falls over 21 sessions, as a share of all (Granville 1963)."""
    signed = np.sign(d.close - d.before) * d.volume
    return window_sum(signed, 21) / window_sum(d.volume, 21)


@register(
    "close",
    "dollars",
    lookback=21,
    formula="log(mean of 20 |close / close[1] - 1| / dollars)",
    source="Amihud 2002",
)
def amihud_20(d: Derived) -> FloatArray:
    """Log of the mean |return| per dollar traded, 20 sessions (Amihud 2002)."""
    return np.log(window_mean(np.abs(d.moves) / d.dollars, 20))


@register(
    "high",
    "low",
    "close",
    lookback=22,
    formula="mean of 21 max(0, 2 (e^a - 1) / (1 + e^a)), a from two-day ranges without the overnight gap",
    source="Corwin and Schultz 2012",
)
def corwin_schultz_21(d: Derived) -> FloatArray:
    """Mean spread as a share of the price, from 21 pairs of highs and lows (Corwin and Schultz 2012).

    The second day of a pair is moved back by the overnight gap; a negative estimate counts as 0.
    """
    high, low, before = d.high, d.low, d.before
    gap = np.maximum(low - before, 0.0) + np.minimum(high - before, 0.0)
    top, bottom = np.log(high - gap), np.log(low - gap)
    top_before, bottom_before = lag(d.log_high, 1), lag(d.log_low, 1)
    beta = np.square(top - bottom) + np.square(top_before - bottom_before)
    gamma = np.square(np.maximum(top, top_before) - np.minimum(bottom, bottom_before))
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / TWO_DAYS - np.sqrt(gamma / TWO_DAYS)
    return window_mean(2.0 * np.tanh(np.maximum(alpha, 0.0) / 2.0), 21)


@register(
    "close",
    "dollars",
    lookback=22,
    formula="slope of 21 returns on sign(return) sqrt(dollars / 1e6)",
    source="Kyle 1985; Hasbrouck 2009",
)
def kyle_21(d: Derived) -> FloatArray:
    """Slope of the return on the signed root of traded value, 21 sessions (Kyle 1985; Hasbrouck 2009).

    Per root of a million USD. The sign of a day's return stands in for that of its orders.
    """
    flow = np.sign(d.moves) * np.sqrt(d.dollars / MILLION)
    mean, squares = window_moments(flow, 21)
    products = window_sum(d.moves * flow, 21) - mean * window_sum(d.moves, 21)
    return products / moving(squares, mean, 21, STEADY)
