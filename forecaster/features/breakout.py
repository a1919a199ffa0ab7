"""Breakout: the fingerprint of a quiet stretch below a high.

It foretells a wider range, hardly a direction: contraction says little of the next return and much of the
next range. A place is the share of 126 sessions at or below the newest value.
"""

from __future__ import annotations

from typing import Final

from forecaster.features.derived import Derived, known_flag
from forecaster.features.feature import Layer, Register
from forecaster.rolling import window_max, window_mean, window_min, window_rank
from market.panel import FloatArray

register = Register(Layer.BREAKOUT)

HALF_YEAR: Final = 126


@register(
    "close",
    lookback=145,
    formula="place in 126 of sd of 20 / mean of 20",
    source="Bollinger 2001",
)
def band_width_rank_126(d: Derived) -> FloatArray:
    """Place of the Bollinger band's width of 20 sessions in its half year (Bollinger 2001)."""
    return window_rank(d.close_sd_20 / d.close_mean_20, HALF_YEAR)


@register(
    "high",
    "low",
    "close",
    lookback=146,
    formula="place in 126 of mean true range of 5 / of 20",
    source="Wilder 1978",
)
def range_rank_126(d: Derived) -> FloatArray:
    """Place of the mean true range of 5 over that of 20 sessions in its half year (Wilder 1978)."""
    return window_rank(window_mean(d.true_range, 5) / d.atr_20, HALF_YEAR)


@register(
    "high",
    "low",
    lookback=165,
    formula="place in 126 of (max high - min low) of 10 / of 40",
    source="Crabel 1990",
)
def channel_rank_126(d: Derived) -> FloatArray:
    """Place of the 10-session over the 40-session range in its half year (Crabel 1990)."""
    high, low = d.high, d.low
    short = window_max(high, 10) - window_min(low, 10)
    return window_rank(short / (window_max(high, 40) - window_min(low, 40)), HALF_YEAR)


@register(
    "volume",
    lookback=175,
    formula="place in 126 of mean volume of 10 / of 50",
    source="Minervini 2013",
)
def volume_rank_126(d: Derived) -> FloatArray:
    """Place of the mean volume of 10 over that of 50 sessions in its half year (Minervini 2013)."""
    volume = d.volume
    return window_rank(window_mean(volume, 10) / window_mean(volume, 50), HALF_YEAR)


@register(
    "high",
    "low",
    "close",
    lookback=30,
    formula="share of 10 with 2 sd of 20 < 1.5 mean true range of 20",
    source="Carter 2005",
)
def squeeze_10(d: Derived) -> FloatArray:
    """Share of 10 sessions with the Bollinger band inside the Keltner channel (Carter 2005)."""
    inside = 2.0 * d.close_sd_20 < 1.5 * d.atr_20
    return window_mean(known_flag(inside, d.close_sd_20 + d.atr_20), 10)


@register(
    "high",
    "low",
    lookback=16,
    formula="share of 10 with high - low = min of 7 (high - low)",
    source="Crabel 1990",
)
def narrow_days_10(d: Derived) -> FloatArray:
    """Share of 10 sessions whose range was the narrowest of 7 (Crabel 1990)."""
    spread = d.high - d.low
    narrowest = window_min(spread, 7)
    return window_mean(known_flag(spread <= narrowest, narrowest), 10)


@register(
    "high",
    "low",
    "close",
    lookback=55,
    formula="(max of 55 high - close) / mean true range of 20",
    source="Donchian 1960; Wilder 1978",
)
def high_distance_55(d: Derived) -> FloatArray:
    """Way to the 55-session high in mean true ranges of 20 sessions (Donchian 1960; Wilder 1978)."""
    return (d.high_55 - d.close) / d.atr_20
