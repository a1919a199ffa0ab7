"""Computing features: over a whole history, or for its newest session only.

Both run the same functions, and windows are summed by doubling, so both give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from forecaster.features.crowd import Crowd
from forecaster.features.feature import Feature
from forecaster.features.registry import FEATURES
from forecaster.tier import Tier
from forecaster.window import Window
from market.panel import FloatArray

DEPTHS: Final = (64, 175, 257)
"""Sessions read for features of shorter lookbacks together; those of longer ones read what they need."""


def feature_panel(window: Window, features: Sequence[Feature] = FEATURES) -> FloatArray:
    """Compute features for every session of the window.

    Returns:
        Shape (sessions, tickers, features), a view on memory ordered by feature, session and ticker. NaN
        where the history is shorter than a feature's lookback, or an input is unknown or impossible.
    """
    out = np.empty((len(features), window.sessions, window.tickers))
    with np.errstate(all="ignore"):
        for rows, column, values in _computed(window, features):
            finite = values * 0.0  # an infinity becomes NaN
            finite += values
            out[column, :, rows] = finite.T
    return out.transpose(1, 2, 0)


def feature_matrix(window: Window, features: Sequence[Feature] = FEATURES) -> FloatArray:
    """Compute features for the newest session of the window.

    Returns:
        Shape (tickers, features), equal to the last row of `feature_panel`.
    """
    out = np.full((window.tickers, len(features)), np.nan)
    shortest = 0
    for depth in (*DEPTHS, max((one.lookback for one in features), default=0)):
        columns = [i for i, one in enumerate(features) if shortest < one.lookback <= depth]
        shortest = max(shortest, depth)
        newest = window.last(min(depth, window.sessions))
        with np.errstate(all="ignore"):
            for rows, column, values in _computed(newest, [features[i] for i in columns]):
                out[rows, columns[column]] = values[:, -1]
    out[~np.isfinite(out)] = np.nan
    return out


def feature_tiers(window: Window, features: Sequence[Feature] = FEATURES) -> tuple[Tier, ...]:
    """Return how well each feature's inputs are known."""
    return tuple(feature.tier(window) for feature in features)


def _computed(window: Window, features: Sequence[Feature]) -> Iterator[tuple[slice, int, FloatArray]]:
    """Yield (tickers, place of the feature, values of shape (tickers, sessions)), block by block."""
    if not features or not window.sessions:
        return
    absent = [bool(feature.absent(window)) for feature in features]
    for rows, derived in Crowd(window).blocks():
        unknown = np.full(derived.close.shape, np.nan)
        for column, feature in enumerate(features):
            yield rows, column, unknown if absent[column] else feature.compute(derived)
