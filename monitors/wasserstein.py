"""The Wasserstein distance: how far, on average, values would have to move."""

from __future__ import annotations

import math

import numpy as np

from monitors.arrays import FloatArray


def wasserstein(reference: FloatArray, current: FloatArray) -> float:
    """First Wasserstein distance, the area between the two empirical distribution functions (Vallender 1974).

    Equals `scipy.stats.wasserstein_distance`; in the unit of the values. A single bad tick moves it as far
    as the tick lies out, so it is shown and never decides.

    Args:
        reference: Sorted, finite, shape (n,).
        current: Sorted, finite, shape (m,).

    Returns:
        Non-negative; NaN when either sample is empty.

    Example:
        >>> import numpy as np
        >>> wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
        2.0
    """
    if reference.size == 0 or current.size == 0:
        return math.nan
    values = np.concatenate([reference, current])
    values.sort(kind="stable")  # two sorted runs: a merge
    places = values[:-1]
    gaps = reference.searchsorted(places, "right") / reference.size
    gaps -= current.searchsorted(places, "right") / current.size
    return float((np.abs(gaps) * np.diff(values)).sum())
