"""The tally: a few sums over sessions that give a mean and an interval that holds at every look."""

from __future__ import annotations

import math
from typing import NamedTuple

from monitors.arrays import FloatArray
from monitors.bounded import Reach, Sums, below_p, mean_ends
from monitors.confidence_sequence import UNKNOWN, Interval, around, reach_p


class Tally(NamedTuple):
    """Sums over the sessions that brought something, kept as a plain row of numbers.

    Observations of one session may depend on each other as they like: only the session's own sums enter, as
    one cluster (the ratio estimator of survey sampling, Cochran 1977, chapter 6). Where outcomes overlap, the
    variance is taken as many times as large as sessions overlap, the most that overlapping can do. Sums of
    counts are whole numbers, so nothing is lost however long the run.

    Attributes:
        sessions: Sessions that brought at least one observation.
        n: Observations.
        total: Their sum.
        n_n: Sum over sessions of the squared number of observations.
        n_total: Sum of the number times the session's sum.
        total_total: Sum of the session's squared sum.

    Example:
        >>> tally = Tally()
        >>> for hits in (3, 2, 4, 1):
        ...     tally = tally.added(4, hits)
        >>> tally.sessions, tally.n, tally.mean
        (4, 16, 0.625)
    """

    sessions: int = 0
    n: int = 0
    total: float = 0
    n_n: int = 0
    n_total: float = 0
    total_total: float = 0

    @classmethod
    def of(cls, row: tuple[float, ...]) -> Tally:
        """The tally kept as a row; an empty row is the start."""
        return cls._make(row) if row else cls()

    @classmethod
    def over(cls, values: FloatArray) -> Tally:
        """The tally of values that each stand alone, shape (n,), without NaN."""
        n, total, squares = values.size, float(values.sum()), float((values**2).sum())
        return cls(n, n, total, n, total, squares)

    def added(self, n: int, total: float) -> Tally:
        """The tally after a session of `n` observations that add up to `total`; none changes nothing."""
        if n == 0:
            return self
        return Tally(
            self.sessions + 1,
            self.n + n,
            self.total + total,
            self.n_n + n * n,
            self.n_total + n * total,
            self.total_total + total * total,
        )

    @property
    def mean(self) -> float:
        """Mean of an observation; NaN for none."""
        return self.total / self.n if self.n else math.nan

    def interval(self, reach: Reach, overlap: int = 1) -> Interval:
        """The 95 % confidence sequence of the mean, for any law within `reach`; unknown below two sessions.

        Args:
            reach: How far an observation can lie, and how many a session can bring.
            overlap: Sessions an outcome spans; 1 for none.
        """
        return UNKNOWN if self.sessions < 2 else mean_ends(self._sums, reach, overlap)

    def below_p(self, reach: Reach, overlap: int = 1) -> float:
        """The p-value, valid at every look, that the mean is zero or more, for any law within `reach`."""
        return below_p(self._sums, reach, overlap)

    @property
    def _sums(self) -> Sums:
        return Sums(self.total, self.n, self.total_total, self.n_total, self.n_n)

    def estimate(self, overlap: int, prior: float = 0.0) -> Estimate:
        """The mean and how well it is known.

        Args:
            overlap: Sessions an outcome spans; 1 for none.
            prior: One further session is thought to have missed the mean by this, so that a short run without
                variation does not pass for certainty.
        """
        if self.sessions < 2:
            return Estimate(self.mean, math.nan, self.sessions / overlap)
        mean, size = self.total / self.n, self.n / self.sessions
        spread = self.total_total - 2 * mean * self.n_total + mean * mean * self.n_n
        variance = max(0.0, spread) / (size * size) + prior * prior
        error = math.sqrt(overlap * variance / ((self.sessions - 1) * self.sessions))
        return Estimate(mean, error, self.sessions / overlap)


class Estimate(NamedTuple):
    """A mean, for runs long enough that the central limit theorem speaks.

    Attributes:
        mean: NaN for no observation.
        error: Its standard error; NaN with fewer than two sessions.
        n: Sessions that do not overlap, a fraction.
    """

    mean: float
    error: float
    n: float

    def interval(self) -> Interval:
        """The 95 % confidence sequence; unknown with fewer than two sessions."""
        return around(self.mean, self.error, self.n)

    def below_p(self, null: float) -> float:
        """The p-value of lying this far below `null`, valid at every look; 1 where it lies above."""
        if math.isnan(self.error) or self.mean >= null:
            return 1.0
        return reach_p((null - self.mean) / self.error if self.error > 0 else math.inf, self.n)

    def apart_p(self, null: float) -> float:
        """The two-sided p-value of lying this far from `null`, valid at every look."""
        if math.isnan(self.error):
            return 1.0
        far = abs(self.mean - null)
        return reach_p(far / self.error if self.error > 0 else math.inf * far if far else 0.0, self.n)
