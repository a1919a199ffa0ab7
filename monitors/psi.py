"""Population stability index on bins that the reference's quantiles fix once and for all."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from monitors.arrays import FloatArray, IntArray
from monitors.knots import quantile_knots

BINS = 10
HALF_COUNT = 0.5  # added to every bin of both samples, so that an empty bin stays finite


def psi_edges(ordered: FloatArray, bins: int = BINS) -> FloatArray:
    """Bin edges at the reference's quantiles; bin i is `(edge[i-1], edge[i]]`.

    A value that holds more than one bin's share (a point mass) gets a bin of its own, closed below by the
    next smaller float. Every bin holds at least one reference value, so there may be fewer than `bins`.

    Args:
        ordered: The reference, sorted, finite, shape (n,).
        bins: How many bins to aim for.

    Returns:
        Strictly increasing inner edges, shape (at most 2 * bins,); empty when the reference is empty or
        constant.
    """
    if ordered.size == 0:
        return ordered[:0]
    edges = quantile_knots(ordered, bins)
    below = ordered.searchsorted(edges, "right")
    inner = (below > 0) & (below < ordered.size)
    _, first = np.unique(below[inner], return_index=True)
    return edges[inner][first]


def psi(reference: IntArray, current: IntArray) -> FloatArray:
    """PSI = sum over bins of (p - q) ln(p / q), the shares smoothed by half a count per bin.

    With counts a of the reference (total n) and b of the current sample (total m) in B bins,
    p = (a + 1/2) / (n + B/2) and q = (b + 1/2) / (m + B/2). Symmetric in its arguments (Jeffreys divergence).
    Source: Siddiqi, Credit Risk Scorecards (2006); half a count: Jeffreys' prior (1946).

    Args:
        reference: Counts, shape (..., bins).
        current: Counts, shape (..., bins), broadcast against `reference`.

    Returns:
        PSI over the last axis, non-negative; two empty samples give 0.

    Example:
        >>> round(float(psi(np.array([10, 20]), np.array([20, 10]))), 6)
        0.431645
    """
    bins = reference.shape[-1]
    p = (reference + HALF_COUNT) / (reference.sum(axis=-1, keepdims=True) + HALF_COUNT * bins)
    q = (current + HALF_COUNT) / (current.sum(axis=-1, keepdims=True) + HALF_COUNT * bins)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1), dtype=np.float64)


def bin_counts(values: FloatArray, edges: FloatArray) -> IntArray:
    """How many values fall into each bin of `edges`; NaN is left out, infinities fall into the outer bins.

    Args:
        values: Any shape.
        edges: Strictly increasing, shape (bins - 1,).

    Returns:
        Counts, shape (bins,).
    """
    present = values[~np.isnan(values)]
    return np.bincount(edges.searchsorted(present, "left"), minlength=edges.size + 1)


def yurdakul_p(value: float, n: int, m: int, bins: int) -> float:
    """How often independent samples of n and m values give a PSI of at least `value` when nothing changed.

    Under no drift PSI / (1/n + 1/m) follows a chi-square law with `bins` - 1 degrees (Yurdakul 2018). It
    holds within 3 % from m = 100 on for independent values, and is far too small for autocorrelated ones.
    """
    p = float(chdtrc(bins - 1, value / (1.0 / n + 1.0 / m)))
    return min(1.0, max(p, np.finfo(np.float64).tiny))
