"""Repeats: how much of a feature stands still from session to session, the sign of a stuck feed."""

from __future__ import annotations

import math

import numpy as np

from monitors.arrays import FloatArray

STEPS = 5  # sessions over which a value must stand still


def repeated(values: FloatArray, steps: int = STEPS) -> float:
    """Share of the last `steps` session-to-session moves, over all tickers, in which a value stood still.

    Args:
        values: Shape (sessions, tickers); a move to or from NaN is not counted.
        steps: How many moves to look at.

    Returns:
        In [0, 1]; NaN with fewer than `steps` moves or none that can be judged.
    """
    if values.shape[0] <= steps:
        return math.nan
    before, after = values[-steps - 1 : -1], values[-steps:]
    judged = int((~np.isnan(before) & ~np.isnan(after)).sum())
    return int((before == after).sum()) / judged if judged else math.nan


def repeated_shares(values: FloatArray, steps: int = STEPS) -> FloatArray:
    """`repeated` of each feature, shape (features, sessions, tickers) -> (features,)."""
    if values.shape[1] <= steps:
        return np.full(values.shape[0], math.nan)
    before, after = values[:, -steps - 1 : -1], values[:, -steps:]
    judged = np.count_nonzero((before == before) & (after == after), axis=(1, 2))  # noqa: PLR0124 - not NaN
    still = np.count_nonzero(before == after, axis=(1, 2))
    return np.where(judged > 0, still / np.maximum(judged, 1), math.nan)


def most_repeated(values: FloatArray, steps: int = STEPS) -> float:
    """The greatest `repeated` share anywhere in a history; 0 where it cannot be judged.

    Args:
        values: Shape (sessions, tickers).
        steps: As in `repeated`.
    """
    if values.shape[0] <= steps:
        return 0.0
    known = ~np.isnan(values)
    judged = np.cumsum((known[1:] & known[:-1]).sum(axis=1))
    still = np.cumsum((values[1:] == values[:-1]).sum(axis=1))
    judged[steps:] -= judged[:-steps].copy()
    still[steps:] -= still[:-steps].copy()
    share = still[steps - 1 :] / np.maximum(judged[steps - 1 :], 1)
    return float(share.max())
