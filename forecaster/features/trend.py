"""Trend: where a price stands in its own past, and how straight the way there was."""

from __future__ import annotations

from typing import Final

import numpy as np

from forecaster.features.derived import Derived
from forecaster.features.feature import Layer, Register
from forecaster.rolling import change, window_max, window_min, window_slope, window_sum
from market.panel import FloatArray

register = Register(Layer.TREND)

SESSIONS_PER_YEAR: Final = 252


@register(
    "close",
    lookback=20,
    formula="close / mean of 20 close - 1",
    source="Brock, Lakonishok and LeBaron 1992",
)
def trend_20(d: Derived) -> FloatArray:
    """Distance from the 20-session mean (Brock, Lakonishok and LeBaron 1992)."""
    return d.close / d.close_mean_20 - 1.0


@register(
    "close",
    lookback=50,
    formula="close / mean of 50 close - 1",
    source="Brock, Lakonishok and LeBaron 1992",
)
def trend_50(d: Derived) -> FloatArray:
    """Distance from the 50-session mean (Brock, Lakonishok and LeBaron 1992)."""
    return d.close / d.close_mean_50 - 1.0


@register(
    "close",
    lookback=200,
    formula="close / mean of 200 close - 1",
    source="Brock, Lakonishok and LeBaron 1992",
)
def trend_200(d: Derived) -> FloatArray:
    """Distance from the 200-session mean (Brock, Lakonishok and LeBaron 1992)."""
    return d.close / d.close_mean_200 - 1.0


@register(
    "close",
    lookback=63,
    formula="252 least-squares slope of 63 log(close) on time",
    source="Clenow 2015",
)
def slope_63(d: Derived) -> FloatArray:
    """Least-squares growth a year of 63 log closes (Clenow 2015)."""
    return window_slope(d.log_close, 63) * SESSIONS_PER_YEAR


@register(
    "close",
    lookback=60,
    formula="close / max of 60 close - 1",
    source="Magdon-Ismail and Atiya 2004",
)
def drawdown_60(d: Derived) -> FloatArray:
    """Distance from the highest close of 60 sessions (Magdon-Ismail and Atiya 2004)."""
    return d.close / window_max(d.close, 60) - 1.0


@register(
    "high",
    "close",
    lookback=252,
    formula="close / max of 252 high - 1",
    source="George and Hwang 2004",
)
def nearness_252(d: Derived) -> FloatArray:
    """Distance from the 52-week high (George and Hwang 2004)."""
    return d.close / window_max(d.high, 252) - 1.0


@register(
    "high",
    "low",
    "close",
    lookback=55,
    formula="(close - min of 55 low) / (max of 55 high - min of 55 low)",
    source="Donchian 1960",
)
def channel_55(d: Derived) -> FloatArray:
    """Place in the 55-session channel, 0 at its low and 1 at its high (Donchian 1960)."""
    low = window_min(d.low, 55)
    return (d.close - low) / (d.high_55 - low)


@register(
    "close",
    lookback=22,
    formula="(close - close[21]) / sum of 21 |close - close[1]|",
    source="Kaufman 1995",
)
def efficiency_21(d: Derived) -> FloatArray:
    """Way gained over way gone in 21 sessions, with its sign, in [-1, 1] (Kaufman 1995)."""
    return change(d.close, 21) / window_sum(np.abs(d.close - d.before), 21)
