"""Knots: the few values at which a reference distribution is remembered."""

from __future__ import annotations

import numpy as np

from monitors.arrays import FloatArray


def quantile_knots(ordered: FloatArray, parts: int) -> FloatArray:
    """Order statistics that cut a sorted sample into `parts` of equal mass, the greatest value included.

    Where one value is picked more than once (a point mass) the float just below it joins the knots, so that
    the mass stands alone between two neighbouring knots.

    Args:
        ordered: Sorted, finite, shape (n,), n >= 1.
        parts: Number of parts of equal mass.

    Returns:
        Strictly increasing knots, shape (at most parts + 1,).
    """
    ranks = -(-np.arange(1, parts + 1) * ordered.size // parts) - 1
    values, times = np.unique(ordered[ranks], return_counts=True)
    atoms = np.nextafter(values[times > 1], -np.inf)
    return np.union1d(values, atoms)
