"""Returns: how far a price has come, over days to a year, and in which part of the day."""

from __future__ import annotations

from functools import partial

import numpy as np

from forecaster.features.derived import Derived
from forecaster.features.feature import Layer, Register
from forecaster.rolling import lag, window_max, window_mean
from market.panel import FloatArray

register = Register(Layer.RETURNS)


def span_return(d: Derived, n: int) -> FloatArray:
    """Simple return over `n` sessions, a fraction (Jegadeesh 1990; Lehmann 1990)."""
    return d.close / lag(d.close, n) - 1.0


for _name, _n, _source in (
    ("return_1", 1, "Jegadeesh 1990"),
    ("return_5", 5, "Lehmann 1990"),
    ("momentum_21", 21, "Jegadeesh 1990"),
    ("momentum_63", 63, "Jegadeesh and Titman 1993"),
    ("momentum_126", 126, "Jegadeesh and Titman 1993"),
):
    register(
        "close",
        name=_name,
        lookback=_n + 1,
        formula=f"close / close[{_n}] - 1",
        source=_source,
    )(partial(span_return, n=_n))


@register(
    "close",
    lookback=253,
    formula="close[21] / close[252] - 1",
    source="Jegadeesh and Titman 1993",
)
def momentum_252_21(d: Derived) -> FloatArray:
    """Return from a year to a month ago (Jegadeesh and Titman 1993)."""
    return lag(d.close, 21) / lag(d.close, 252) - 1.0


@register(
    "open",
    "close",
    lookback=22,
    formula="mean of 21 log(open / close[1])",
    source="Lou, Polk and Skouras 2019",
)
def overnight_21(d: Derived) -> FloatArray:
    """Mean log return from close to open over 21 sessions (Lou, Polk and Skouras 2019)."""
    return window_mean(np.log(d.open / d.before), 21)


@register(
    "open",
    "close",
    lookback=21,
    formula="mean of 21 log(close / open)",
    source="Lou, Polk and Skouras 2019",
)
def intraday_21(d: Derived) -> FloatArray:
    """Mean log return from open to close over 21 sessions (Lou, Polk and Skouras 2019)."""
    return window_mean(d.body, 21)


@register(
    "close",
    lookback=22,
    formula="max of 21 (close / close[1] - 1)",
    source="Bali, Cakici and Whitelaw 2011",
)
def greatest_return_21(d: Derived) -> FloatArray:
    """Greatest simple return of 21 sessions (Bali, Cakici and Whitelaw 2011)."""
    return window_max(d.moves, 21)
