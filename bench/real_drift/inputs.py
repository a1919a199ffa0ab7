"""The inputs: what detectors are fed of a series, the same for all of them, without a look ahead."""

from __future__ import annotations

import numpy as np

from monitors.arrays import FloatArray

LEAST = 10  # values before a coefficient is trusted


def standardised(values: FloatArray, first: int) -> FloatArray:
    """Values less the median of the first ones, over their spread (1.4826 median absolute deviations).

    Args:
        values: Shape (n,), without NaN.
        first: How many make the scale.

    Returns:
        Shape (n,); where the first are mostly one value their standard deviation is the scale, or 1.
    """
    head = values[:first]
    middle = float(np.median(head))
    spread = 1.4826 * float(np.median(np.abs(head - middle))) or float(head.std()) or 1.0
    return np.asarray((values - middle) / spread)


def innovations(values: FloatArray) -> FloatArray:
    """What the past does not foretell: x[t] - m - r (x[t - 1] - m).

    The mean m and the lag-one correlation r are those of the values before t.

    Args:
        values: Shape (n,), without NaN.

    Returns:
        Shape (n,); before ten values r is 0.
    """
    n = np.arange(values.size, dtype=np.float64)
    past, squares = _before(values), _before(values**2)
    products = _before(values * np.concatenate([[0.0], values[:-1]]))
    mean = past / np.maximum(n, 1)
    variance = squares / np.maximum(n, 1) - mean**2
    covariance = products / np.maximum(n - 1, 1) - mean**2
    r = np.where((n >= LEAST) & (variance > 1e-12), covariance / np.maximum(variance, 1e-12), 0.0)
    before = np.concatenate([values[:1], values[:-1]])
    return np.asarray(values - mean - np.clip(r, -0.99, 0.99) * (before - mean))


def _before(values: FloatArray) -> FloatArray:
    """Sum of all values before each one."""
    return np.concatenate([[0.0], np.cumsum(values)[:-1]])
