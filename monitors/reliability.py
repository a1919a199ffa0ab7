"""The reliability table: stated against observed, bin by bin, with the band chance alone would fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitors.arrays import FloatArray, IntArray
from monitors.ece import BINS, equal_mass_bins

DRAWS = 500
SEED = 20261122


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Forecasts of similar probability.

    Attributes:
        n: How many.
        stated: Their mean probability.
        observed: Share that came true.
        low: 2.5 % of calibrated forecasters who state the same observe less.
        high: 2.5 % observe more.
    """

    n: int
    stated: float
    observed: float
    low: float
    high: float

    @property
    def consistent(self) -> bool:
        """Whether the observed share lies inside the band."""
        return self.low <= self.observed <= self.high


def reliability(probability: FloatArray, outcome: FloatArray, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Bins of equal mass with consistency bands: outcomes drawn from the stated p (Broecker, Smith 2007).

    Args:
        probability: In [0, 1], shape (n,), without NaN, taken as independent.
        outcome: 0 or 1, shape (n,).
        bins: At most so many; fewer where there are fewer forecasts, or where a probability is stated often.

    Returns:
        In order of probability; empty for n = 0.

    Example:
        >>> stated = np.repeat([0.2, 0.8], 50)
        >>> came = np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [5, 45])])
        >>> [(found.observed, found.consistent) for found in reliability(stated, came, bins=2)]
        [(0.2, True), (0.1, False)]
    """
    if probability.size == 0:
        return ()
    order, starts, sizes = _cut(probability, bins)
    sums, drawn = _null_hits(probability[order], starts)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    hits = np.add.reduceat(outcome[order], starts)
    return tuple(
        ReliabilityBin(int(n), float(p / n), float(hit / n), float(a / n), float(b / n))
        for n, p, hit, a, b in zip(sizes, sums, hits, low, high, strict=True)
    )


def null_gaps(probability: FloatArray, bins: int = BINS) -> FloatArray:
    """Gaps of calibrated forecasters who state the same, as `monitors.ece.bin_gaps`, shape (draws, bins)."""
    if probability.size == 0:
        return np.empty((0, 0))
    order, starts, _ = _cut(probability, bins)
    sums, drawn = _null_hits(probability[order], starts)
    return np.asarray((drawn - sums) / probability.size)


def _cut(probability: FloatArray, bins: int) -> tuple[IntArray, IntArray, IntArray]:
    order = np.argsort(probability, kind="stable")
    _, starts = np.unique(equal_mass_bins(probability, bins), return_index=True)
    return order, starts, np.diff(starts, append=probability.size)


def _null_hits(ordered: FloatArray, starts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Sum of p in each bin, shape (bins,), and hits drawn from p, shape (draws, bins)."""
    rng = np.random.default_rng(SEED)
    drawn = np.empty((DRAWS, starts.size))
    for row in drawn:
        row[:] = np.add.reduceat((rng.random(ordered.size) < ordered).astype(np.float64), starts)
    return np.add.reduceat(ordered, starts), drawn
