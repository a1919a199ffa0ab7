"""The moments: five sums over returns that give the Sharpe ratio and an interval that holds at every look."""

from __future__ import annotations

import math
from typing import NamedTuple

from monitors.confidence_sequence import UNKNOWN, Interval, around
from monitors.sharpe import LEAST_SPREAD, ratio_error


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

    def interval(self) -> Interval:
        """The 95 % confidence sequence of the Sharpe ratio, as `sharpe_interval` of all returns."""
        ratio = self.sharpe
        if math.isnan(ratio):
            return UNKNOWN
        mean, variance = self._centre
        second, third, fourth = (power / self.n for power in (self.second, self.third, self.fourth))
        skew = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
        kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2
        return around(ratio, ratio_error(ratio, skew, kurtosis, self.n), self.n)

    @property
    def _centre(self) -> tuple[float, float]:
        """Mean and variance (over n); zeros for none."""
        n = max(self.n, 1)
        mean = self.first / n
        return mean, max(0.0, self.second / n - mean * mean)
