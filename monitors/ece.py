"""Expected calibration error: equal-mass bins, with and without the part that chance alone puts there."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfc

from monitors.arrays import FloatArray

BINS = 10


def ece(probabilities: FloatArray, outcomes: FloatArray, bins: int = BINS) -> float:
    """ECE = sum over bins of |sum (y - p)| / n (Naeini et al. 2015), bins of equal mass by rank of p.

    Args:
        probabilities: In [0, 1], shape (n,), without NaN.
        outcomes: 0 or 1, shape (n,).
        bins: Number of bins; ties are split in the order given.

    Returns:
        In [0, 1]; NaN for n = 0. Biased upwards: a perfect forecaster shows 0.125 at n = 100.
    """
    n = probabilities.size
    if n == 0:
        return math.nan
    sums = np.bincount(
        equal_mass_bins(probabilities, bins),
        (outcomes - probabilities)[np.argsort(probabilities, kind="stable")],
        bins,
    )
    return float(np.abs(sums).sum() / n)


def equal_mass_bins(probabilities: FloatArray, bins: int) -> FloatArray:
    """Bin of each rank: the i-th smallest of n values lies in bin floor(i bins / n), shape (n,)."""
    n = probabilities.size
    return np.asarray((np.arange(n) * bins) // max(n, 1))


def debiased(gaps: FloatArray, errors: FloatArray) -> float:
    """The sum of |gap| less what noise adds to it, never below 0.

    With gap ~ Normal(g, s), E|gap| = s sqrt(2/pi) exp(-g^2 / 2 s^2) + g erf(g / (s sqrt 2)); the excess over
    |g|, taken at the measured gap, is subtracted per bin (Kumar, Liang, Ma 2019, with the normal law in
    closed form).

    Args:
        gaps: Weighted gap of each bin, sum (y - p) / n, shape (bins,).
        errors: Standard error of each, shape (bins,); 0 means known exactly.
    """
    noisy = 40 * errors > np.abs(gaps)  # elsewhere noise adds nothing that a float can hold
    g, s = np.abs(gaps[noisy]), errors[noisy]
    ratio = g / s
    excess = s * (math.sqrt(2 / math.pi) * np.exp(-0.5 * ratio**2) - ratio * erfc(ratio / math.sqrt(2)))
    return max(0.0, float(np.abs(gaps).sum() - excess.sum()))
