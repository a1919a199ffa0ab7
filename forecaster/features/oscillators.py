"""Oscillators: the chartists' classics, in their authors' own smoothing.

Wilder's means read 256 sessions, so one unknown bar silences them for a year. The model reads the plain means
of 14 instead, which recover in three weeks.
"""

from __future__ import annotations

import numpy as np

from forecaster.features.derived import ROUNDING, WILDER, Derived
from forecaster.features.feature import Layer, Register
from forecaster.rolling import exponential_mean, window_max, window_mean, window_min, window_sum
from market.panel import FloatArray

register = Register(Layer.OSCILLATORS)


@register(
    "close",
    lookback=257,
    formula="100 gains / (gains + losses), Wilder's means of 14",
    source="Wilder 1978",
)
def rsi_14(d: Derived) -> FloatArray:
    """Relative strength index, 0 to 100 (Wilder 1978)."""
    step = d.close - d.before
    gain = exponential_mean(np.maximum(step, 0.0), WILDER)
    loss = exponential_mean(np.maximum(-step, 0.0), WILDER)
    return 100.0 * gain / (gain + loss)


@register(
    "close",
    lookback=15,
    formula="100 gains / (gains + losses), plain means of 14",
    source="Wilder 1978, Cutler's form",
)
def rsi_mean_14(d: Derived) -> FloatArray:
    """Relative strength index by plain means, 0 to 100 (Wilder 1978, Cutler's form)."""
    step = d.close - d.before
    gain = window_sum(np.maximum(step, 0.0), 14)
    loss = window_sum(np.maximum(-step, 0.0), 14)
    return 100.0 * gain / (gain + loss)


@register(
    "close",
    lookback=256,
    formula="(exponential mean of span 12 - of span 26) / close",
    source="Appel 1979",
)
def macd_12_26(d: Derived) -> FloatArray:
    """Difference of two exponential means, as a share of the close (Appel 1979)."""
    return d.macd_line / d.close


@register(
    "close",
    lookback=383,
    formula="(line - its exponential mean of span 9) / close, line of spans 12 and 26",
    source="Appel 1979",
)
def macd_histogram_9(d: Derived) -> FloatArray:
    """The line above its own exponential mean of span 9, as a share of the close (Appel 1979)."""
    signal = exponential_mean(d.macd_line, 2 / 10)
    return (d.macd_line - signal) / d.close


@register(
    "high",
    "low",
    "close",
    lookback=257,
    formula="Wilder's mean of 14 of the true range / close",
    source="Wilder 1978",
)
def atr_14(d: Derived) -> FloatArray:
    """Average true range as a share of the close (Wilder 1978)."""
    return d.atr_14 / d.close


@register(
    "high",
    "low",
    "close",
    lookback=15,
    formula="mean of 14 of the true range / close",
    source="Wilder 1978",
)
def atr_mean_14(d: Derived) -> FloatArray:
    """Plain mean of the true range as a share of the close (Wilder 1978)."""
    return window_mean(d.true_range, 14) / d.close


@register(
    "close",
    lookback=20,
    formula="(close - mean of 20) / sd of 20",
    source="Bollinger 2001",
)
def bollinger_20(d: Derived) -> FloatArray:
    """Standard deviations above the 20-session mean (Bollinger 2001)."""
    sd = np.where(d.close_sd_20 > ROUNDING * d.close_mean_20, d.close_sd_20, np.nan)
    return (d.close - d.close_mean_20) / sd


@register(
    "high",
    "low",
    lookback=257,
    formula="(+DI - -DI) / (+DI + -DI), Wilder's means of 14",
    source="Wilder 1978",
)
def directional_14(d: Derived) -> FloatArray:
    """Difference of the directional indicators over their sum, -1 to 1 (Wilder 1978)."""
    return d.directional


@register(
    "high",
    "low",
    lookback=512,
    formula="100 Wilder's mean of 14 of |+DI - -DI| / (+DI + -DI)",
    source="Wilder 1978",
)
def adx_14(d: Derived) -> FloatArray:
    """Average directional index, 0 to 100 (Wilder 1978)."""
    return 100.0 * exponential_mean(np.abs(d.directional), WILDER)


@register(
    "high",
    "low",
    "close",
    lookback=14,
    formula="(close - min of 14 low) / (max of 14 high - min of 14 low)",
    source="Lane 1984",
)
def stochastic_14(d: Derived) -> FloatArray:
    """Place in the 14-session range, 0 at its low and 1 at its high (Lane 1984)."""
    low = window_min(d.low, 14)
    return (d.close - low) / (window_max(d.high, 14) - low)
