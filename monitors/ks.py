"""Two-sample Kolmogorov-Smirnov distance: exact, and on a grid of reference ranks with its error bound."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import kolmogorov

from monitors.arrays import FloatArray, IntArray
from monitors.knots import quantile_knots

KNOTS = 1000
MOST_EXACT = 10_000  # values in the larger sample up to which the p-value is counted out, as scipy does


def ks(reference: FloatArray, current: FloatArray) -> float:
    """The largest distance between two empirical distribution functions; equals `scipy.stats.ks_2samp`.

    Args:
        reference: Sorted, without NaN, shape (n,).
        current: Sorted, without NaN, shape (m,).

    Returns:
        D in [0, 1]; NaN when either sample is empty.

    Example:
        >>> ks(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
        0.5
    """
    n, m = reference.size, current.size
    if n == 0 or m == 0:
        return math.nan
    # both functions are constant between values, so only the values and the points just below them count
    at = np.abs(reference.searchsorted(current, "right") / n - current.searchsorted(current, "right") / m)
    below = np.abs(reference.searchsorted(current, "left") / n - current.searchsorted(current, "left") / m)
    return float(max(at.max(), below.max()))


def kolmogorov_p(distance: float, n: int, m: int) -> float:
    """Asymptotic p-value of a two-sample distance for independent values (Kolmogorov 1933, Smirnov 1939)."""
    p = float(kolmogorov(distance * math.sqrt(n * m / (n + m))))
    return min(1.0, max(p, np.finfo(np.float64).tiny))


def ks_test(reference: FloatArray, current: FloatArray) -> tuple[float, float]:
    """Two-sample distance and its two-sided p-value for independent values, as `scipy.stats.ks_2samp`.

    Up to 10,000 values scipy counts the law out. Beyond, where it would sort both samples again, the distance
    comes from the sorted ones and the law of the one-sample distance at n m / (n + m) values stands in, as
    there (Simard, L'Ecuyer 2011).

    Args:
        reference: Sorted, without NaN, shape (n,), n >= 1.
        current: Sorted, without NaN, shape (m,), m >= 1.

    Example:
        >>> distance, p = ks_test(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
        >>> distance, round(p, 6)
        (0.5, 0.771429)
    """
    from scipy.stats import ks_2samp, kstwo  # noqa: PLC0415 - half a second, only for those who ask for this

    n, m = reference.size, current.size
    if max(n, m) <= MOST_EXACT:
        with warnings.catch_warnings():  # where scipy cannot count it says so and takes the limit's law
            warnings.simplefilter("ignore", RuntimeWarning)
            counted = ks_2samp(reference, current)
        return float(counted.statistic), float(counted.pvalue)
    distance = ks(reference, current)
    return distance, float(np.clip(kstwo.sf(distance, round(n * m / (n + m))), 0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class RankGrid:
    """A reference distribution kept as ranks at a few knots instead of all its values.

    Attributes:
        knots: Strictly increasing values, shape (knots,).
        below: How many reference values are <= each knot, shape (knots,).
        n: How many values the reference had.
        error: No distance measured on this grid falls short of the exact one by more than this.
    """

    knots: FloatArray
    below: IntArray
    n: int
    error: float

    @classmethod
    def of(cls, ordered: FloatArray, parts: int = KNOTS, *, also: FloatArray | None = None) -> RankGrid:
        """The grid of a sorted, finite, non-empty reference.

        Args:
            ordered: The reference, shape (n,).
            parts: Parts of equal mass between the knots.
            also: Values that must be knots too.
        """
        points = quantile_knots(ordered, parts)
        if also is not None:
            points = np.union1d(points, also)
        below = ordered.searchsorted(points, "right")
        return cls(points, below, int(ordered.size), grid_error(points, below / ordered.size))

    def count_below(self, values: FloatArray) -> IntArray:
        """How many of `values` (any shape, without NaN) are <= each knot, shape (knots,)."""
        return np.sort(values, axis=None).searchsorted(self.knots, "right")

    def distance(self, below: IntArray, m: int) -> float:
        """KS distance of a sample with these counts `below` the knots and m values; NaN for m = 0."""
        if m == 0:
            return math.nan
        return float(np.abs(below / m - self.below / self.n).max())


def grid_error(knots: FloatArray, ranks: FloatArray) -> float:
    """By how much a KS distance taken at the knots alone can fall short of the exact one.

    Between neighbouring knots the distance exceeds that at the knots by at most the reference's share in
    between; a point mass that stands alone between two neighbouring floats hides nothing.

    Args:
        knots: Strictly increasing, the last one the reference's greatest value, shape (knots,).
        ranks: Share of the reference <= each knot, shape (knots,).
    """
    share = np.diff(ranks, prepend=0.0)
    alone = np.zeros(share.size, dtype=np.bool_)
    alone[1:] = np.nextafter(knots[1:], -np.inf) == knots[:-1]
    return float(share[~alone].max(initial=0.0))
