"""After hours: how much was traded before the open and after the close.

At a close the newest whole day that is told is the session before, so that is what each session's values are
of. The z-scores hold it against those of the same weekday among the 60 before it, and before and after the
session apart, for early trading has grown faster. The level alone drifts over the years.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from forecaster.features.derived import ROUNDING, Derived
from forecaster.features.feature import WEEKDAYS, Layer, Register
from market.panel import FloatArray

register = Register(Layer.AFTER_HOURS)

PRE: Final = "premarket"
POST: Final = "postmarket"
LEAST: Final = 3
"""Earlier sessions of the same weekday below which nothing is said."""


@register(
    PRE,
    POST,
    lookback=1,
    formula="(premarket + postmarket) / (premarket + regular + postmarket volume) of the session before",
    source="Barclay and Hendershott 2003",
)
def after_hours_share(d: Derived) -> FloatArray:
    """Share of the day's volume, 04:00 to 20:00, outside regular hours (Barclay and Hendershott 2003)."""
    outside = d.read(PRE) + d.read(POST)
    return outside / (1.0 + outside)


@register(
    PRE,
    POST,
    WEEKDAYS,
    lookback=62,
    formula="z of after_hours_share among the same weekday in the 60 sessions before its own",
    source="Barclay and Hendershott 2003",
)
def after_hours_z_60(d: Derived) -> FloatArray:
    """z-score of that share on its weekday (Barclay and Hendershott 2003)."""
    return _weekday_z(d, after_hours_share(d))


@register(
    PRE,
    WEEKDAYS,
    lookback=62,
    formula="z of premarket / regular volume among the same weekday in the 60 sessions before its own",
    source="Barclay and Hendershott 2003",
)
def premarket_z_60(d: Derived) -> FloatArray:
    """z-score of what was traded before the open on its weekday (Barclay and Hendershott 2003)."""
    return _weekday_z(d, d.read(PRE))


@register(
    POST,
    WEEKDAYS,
    lookback=62,
    formula="z of postmarket / regular volume among the same weekday in the 60 sessions before its own",
    source="Barclay and Hendershott 2003",
)
def postmarket_z_60(d: Derived) -> FloatArray:
    """z-score of what was traded after the close on its weekday (Barclay and Hendershott 2003)."""
    return _weekday_z(d, d.read(POST))


def _weekday_z(d: Derived, told: FloatArray) -> FloatArray:
    """z-score against what was told of the same weekday by the 60 closes before; NaN where one is unknown."""
    newest = np.ascontiguousarray(told.T)  # a session is then one stretch of memory
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
    known = (n >= LEAST) & (spread > n * ROUNDING * np.square(mean))
    return np.where(known, (newest - mean) / np.sqrt(spread / (n - 1.0)), np.nan).T
