"""The moments: five sums over returns that give the Sharpe ratio and an interval that holds at every look."""

from __future__ import annotations

import math
from typing import NamedTuple

from monitors.arrays import FloatArray
from monitors.bounded import Reach, Sums, mean_ends
from monitors.confidence_sequence import LEVEL, UNKNOWN, Interval
from monitors.sharpe import LEAST_SPREAD


class Moments(NamedTuple):
    """Sums of the powers of returns, kept as a plain row of numbers however long the run.

    Attributes:
        n: Returns.
        first: Their sum.
        second: Sum of their squares.
        third: Of their third powers.
        fourth: Of their fourth powers.

    Example:
        >>> moments = Moments()
        >>> for return_ in (0.02, -0.01, 0.01, 0.02):
        ...     moments = moments.added(return_)
        >>> moments.n, round(moments.sharpe, 6)
        (4, 0.707107)
    """

    n: int = 0
    first: float = 0.0
    second: float = 0.0
    third: float = 0.0
    fourth: float = 0.0

    @classmethod
    def of(cls, row: tuple[float, ...]) -> Moments:
        """The moments kept as a row; an empty row is the start."""
        return cls._make(row) if row else cls()

    @classmethod
    def over(cls, returns: FloatArray) -> Moments:
        """The moments of returns, shape (n,), without NaN."""
        return cls(returns.size, *(float((returns**power).sum()) for power in (1, 2, 3, 4)))

    def added(self, return_: float) -> Moments:
        """The moments after one more return, a finite fraction."""
        square = return_ * return_
        return Moments(
            self.n + 1,
            self.first + return_,
            self.second + square,
            self.third + square * return_,
            self.fourth + square * square,
        )

    @property
    def sharpe(self) -> float:
        """As `monitors.sharpe.sharpe` of all returns; NaN where they hardly vary or are fewer than two."""
        mean, variance = self._centre
        if self.n < 2 or math.sqrt(variance) <= LEAST_SPREAD * abs(mean):
            return math.nan
        return mean / math.sqrt(variance * self.n / (self.n - 1))

    def interval(self, reach: Reach, overlap: int = 1) -> Interval:
        """The 95 % confidence sequence of the Sharpe ratio, for any law within `reach`.

        Half the chance of error goes to the mean, half to the mean squared distance from it; the ratio lies
        between the extremes that both leave. A deviation is bounded from below by bets that need no range.

        Args:
            reach: How far a return can lie.
            overlap: Neighbours that depend on each other; 1 for none.
        """
        if math.isnan(self.sharpe):
            return UNKNOWN
        half = LEVEL / 2
        means = mean_ends(Sums(self.first, self.n, self.second, self.first, self.n), reach, overlap, half)
        low, high = math.inf, -math.inf
        for mean in (means.low, self.first / self.n, means.high):
            least, most = self._deviation(mean, reach, overlap, half)
            farther = math.copysign(math.inf, mean) if least == 0 else mean / least
            low, high = min(low, farther, mean / most), max(high, farther, mean / most)
        return UNKNOWN if math.isinf(low) and math.isinf(high) else Interval(low, high)

    def _deviation(self, mean: float, reach: Reach, overlap: int, level: float) -> tuple[float, float]:
        """Least and greatest root of the mean squared distance from `mean`."""
        n, first, second, third, fourth = self
        squares = second - 2 * mean * first + n * mean**2
        fourths = fourth - 4 * mean * third + 6 * mean**2 * second - 4 * mean**3 * first + n * mean**4
        greatest = max(reach.high - mean, mean - reach.low) ** 2
        found = mean_ends(Sums(squares, n, fourths, squares, n), Reach(0.0, greatest), overlap, level)
        return math.sqrt(found.low), math.sqrt(found.high)

    @property
    def _centre(self) -> tuple[float, float]:
        """Mean and variance (over n); zeros for none."""
        n = max(self.n, 1)
        mean = self.first / n
        return mean, max(0.0, self.second / n - mean * mean)
