"""Shrinkage: what many groups say together lends itself to those that are small."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monitors.arrays import FloatArray


class Pool(NamedTuple):
    """Estimates of many groups, and what they say together.

    Attributes:
        mean: What all groups share.
        spread: Standard deviation of the groups about it, beyond what chance puts there.
        shrunk: Each estimate drawn towards the mean, the less is known of it the more, shape (groups,).
    """

    mean: float
    spread: float
    shrunk: FloatArray


def pool(estimates: FloatArray, errors: FloatArray) -> Pool:
    """Draw each group's estimate towards that of all (Efron, Morris 1975).

    The spread between groups is DerSimonian and Laird's (1986) moment estimate; a group is shrunk by
    error^2 / (error^2 + spread^2), all the way where the groups differ no more than chance lets them.

    Args:
        estimates: Of each group, shape (groups,), at least one.
        errors: Their standard errors, positive, shape (groups,).

    Example:
        >>> pool(np.array([0.10, -0.02, 0.01]), np.array([0.01, 0.01, 0.05])).shrunk.round(3).tolist()
        [0.099, -0.019, 0.016]
    """
    weights = 1 / errors**2
    mean = float((weights * estimates).sum() / weights.sum())
    excess = float((weights * (estimates - mean) ** 2).sum()) - (estimates.size - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    variance = max(0.0, excess / scale) if scale > 0 else 0.0
    weights = 1 / (errors**2 + variance)
    mean = float((weights * estimates).sum() / weights.sum())
    own = variance / (errors**2 + variance)
    return Pool(mean, variance**0.5, np.asarray(mean + own * (estimates - mean)))
