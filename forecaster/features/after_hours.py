"""After hours: how much was traded before the open and after the close.

The z-scores hold a session against those of the same weekday among the 60 before it, and before and after
the session apart, for early trading has grown faster. The level alone drifts over the years.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from forecaster.features.derived import ROUNDING, Derived
from forecaster.features.feature import WEEKDAYS, Layer, Register
from market.panel import FloatArray

register = Register(Layer.AFTER_HOURS)

PRE: Final = "premarket_volume"
POST: Final = "postmarket_volume"
LEAST: Final = 3
"""Earlier sessions of the same weekday below which nothing is said."""


@register(
    "volume",
    PRE,
    POST,
    lookback=1,
    formula="(premarket + postmarket volume) / volume",
    source="Barclay and Hendershott 2003",
)
def after_hours_share(d: Derived) -> FloatArray:
    """Share of the day's volume outside regular hours (Barclay and Hendershott 2003)."""
    return (d.read(PRE) + d.read(POST)) / d.volume


@register(
    "volume",
    PRE,
    POST,
    WEEKDAYS,
    lookback=61,
    formula="z of after_hours_share among the same weekday in the 60 sessions before",
    source="Barclay and Hendershott 2003",
)
def after_hours_z_60(d: Derived) -> FloatArray:
    """z-score of that share on its weekday (Barclay and Hendershott 2003)."""
    return _weekday_z(d, after_hours_share(d))


@register(
    "volume",
    PRE,
    WEEKDAYS,
    lookback=61,
    formula="z of premarket volume / volume among the same weekday in the 60 sessions before",
    source="Barclay and Hendershott 2003",
)
def premarket_z_60(d: Derived) -> FloatArray:
    """z-score of the share traded before the open on its weekday (Barclay and Hendershott 2003)."""
    return _weekday_z(d, d.read(PRE) / d.volume)


@register(
    "volume",
    POST,
    WEEKDAYS,
    lookback=61,
    formula="z of postmarket volume / volume among the same weekday in the 60 sessions before",
    source="Barclay and Hendershott 2003",
)
def postmarket_z_60(d: Derived) -> FloatArray:
    """z-score of the share traded after the close on its weekday (Barclay and Hendershott 2003)."""
    return _weekday_z(d, d.read(POST) / d.volume)


def _weekday_z(d: Derived, share: FloatArray) -> FloatArray:
    """z-score against the values of the same weekday in the 60 sessions before; NaN where one is unknown."""
    newest = np.ascontiguousarray(share.T)  # a session is then one stretch of memory
    n = np.zeros((len(newest), 1))
    total, squares = np.zeros_like(newest), np.zeros_like(newest)
    for places in d.crowd.same_weekday:
        there = places[:, None] >= 0
        values = np.where(there, newest[places], 0.0)
        n += there
        total += values
        squares += np.square(values)
    mean = total / n
    spread = squares - total * mean
    told = (n >= LEAST) & (spread > n * ROUNDING * np.square(mean))
    return np.where(told, (newest - mean) / np.sqrt(spread / (n - 1.0)), np.nan).T
