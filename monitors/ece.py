"""Expected calibration error: equal-mass bins, with and without the part that chance alone puts there."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfc

from monitors.arrays import FloatArray, IntArray

BINS = 10


def ece(probabilities: FloatArray, outcomes: FloatArray, bins: int = BINS) -> float:
    """ECE = sum over bins of |sum (y - p)| / n (Naeini et al. 2015), bins of equal mass by rank of p.

    Args:
        probabilities: In [0, 1], shape (n,), without NaN.
        outcomes: 0 or 1, shape (n,).
        bins: Number of bins; equal probabilities share one, so the order of the pairs makes no difference.

    Returns:
        In [0, 1]; NaN for n = 0. Biased upwards: a perfect forecaster shows 0.125 at n = 100.
    """
    if probabilities.size == 0:
        return math.nan
    return float(np.abs(bin_gaps(probabilities, outcomes, bins)).sum())


def bin_gaps(probabilities: FloatArray, outcomes: FloatArray, bins: int = BINS) -> FloatArray:
    """Weighted gap of each bin, sum (y - p) / n, shape (bins that hold something,).

    Args:
        probabilities: In [0, 1], shape (n,), without NaN, n >= 1.
        outcomes: 0 or 1, shape (n,).
        bins: At most so many.
    """
    order = np.argsort(probabilities, kind="stable")
    return np.bincount(equal_mass_bins(probabilities, bins), (outcomes - probabilities)[order]) / order.size


def equal_mass_bins(probabilities: FloatArray, bins: int) -> IntArray:
    """Bin of each rank, numbered from 0 without a gap, shape (n,).

    The i-th smallest of n values lies in bin floor(i bins / n); equal values all lie in that of the middle
    one, so there are fewer bins where a value is stated often.

    Args:
        probabilities: Shape (n,), in any order, without NaN.
        bins: At most so many.

    Example:
        >>> equal_mass_bins(np.array([0.7, 0.5, 0.5, 0.5, 0.6, 0.5]), 3).tolist()
        [0, 0, 0, 0, 1, 1]
    """
    ordered = np.sort(probabilities)
    first, last = ordered.searchsorted(ordered, "left"), ordered.searchsorted(ordered, "right") - 1
    placed = (first + last) // 2 * bins // max(ordered.size, 1)
    return np.asarray(np.cumsum(np.diff(placed, prepend=placed[:1]) > 0))


def debiased(gaps: FloatArray, errors: FloatArray) -> float:
    """The sum of |gap| less what noise adds to it, never below 0.

    With gap ~ Normal(g, s), E|gap| = s sqrt(2/pi) exp(-g^2 / 2 s^2) + g erf(g / (s sqrt 2)); the excess over
    |g|, taken at the measured gap, is subtracted per bin (Kumar, Liang, Ma 2019, with the normal law in
    closed form).

    Args:
        gaps: Weighted gap of each bin, sum (y - p) / n, shape (bins,).
        errors: Standard error of each, shape (bins,); 0 means known exactly.
    """
    return float(debiased_rows(gaps, errors))


def debiased_rows(gaps: FloatArray, errors: FloatArray) -> FloatArray:
    """`debiased` of many rows of gaps at once, shape (..., bins) -> (...)."""
    size = np.abs(gaps)
    noisy = 40 * errors > size  # elsewhere noise adds nothing that a float can hold
    ratio = np.divide(size, errors, out=np.zeros(size.shape), where=noisy)
    excess = errors * (math.sqrt(2 / math.pi) * np.exp(-0.5 * ratio**2) - ratio * erfc(ratio / math.sqrt(2)))
    return np.asarray(np.maximum(0.0, size.sum(axis=-1) - np.where(noisy, excess, 0.0).sum(axis=-1)))
