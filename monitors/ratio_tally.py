"""The ratio tally: a few sums over sessions that give a ratio of two means and an interval at every look."""

from __future__ import annotations

import math
from typing import NamedTuple

from monitors.confidence_sequence import UNKNOWN, Interval, reach


class RatioTally(NamedTuple):
    """Sums over the sessions that brought something, kept as a plain row of numbers.

    The ratio of two means lies at k where the mean of upper - k lower is zero. For the true k that mean has
    an asymptotic confidence sequence (Waudby-Smith et al. 2024), and the k whose sequence holds zero are the
    ratio's: Fieller's set (1954), with the reach of a sequence for the normal quantile. As in `Tally` a
    session is one observation and overlap multiplies the variance.

    Attributes:
        sessions: Sessions that brought something.
        upper: Sum of the upper quantity, as the gains of trades that won.
        lower: Sum of the lower one, as the losses of the others, non-negative.
        upper_upper: Sum of the session's squared upper quantity.
        upper_lower: Sum of the session's product of both.
        lower_lower: Sum of the session's squared lower quantity.

    Example:
        >>> tally = RatioTally()
        >>> for _ in range(200):
        ...     tally = tally.added(0.03, 0.02).added(0.0, 0.01).added(0.03, 0.01)
        >>> round(tally.ratio, 2), format(tally.interval(), ".2f")
        (1.5, '1.38 to 1.62')
    """

    sessions: int = 0
    upper: float = 0.0
    lower: float = 0.0
    upper_upper: float = 0.0
    upper_lower: float = 0.0
    lower_lower: float = 0.0

    @classmethod
    def of(cls, row: tuple[float, ...]) -> RatioTally:
        """The tally kept as a row; an empty row is the start."""
        return cls._make(row) if row else cls()

    def added(self, upper: float, lower: float) -> RatioTally:
        """The tally after a session that brought these two sums."""
        return RatioTally(
            self.sessions + 1,
            self.upper + upper,
            self.lower + lower,
            self.upper_upper + upper * upper,
            self.upper_lower + upper * lower,
            self.lower_lower + lower * lower,
        )

    @property
    def ratio(self) -> float:
        """Upper over lower; infinite without a lower one, NaN without either."""
        if self.lower == 0:
            return math.inf if self.upper > 0 else math.nan
        return self.upper / self.lower

    def interval(self, overlap: int = 1) -> Interval:
        """The 95 % confidence sequence of the ratio, from 0; unbounded where the lower mean may be zero.

        Args:
            overlap: Sessions an observation spans; 1 for none.
        """
        n = self.sessions
        if n < 2 or self.lower <= 0:
            return UNKNOWN
        upper, lower = self.upper / n, self.lower / n
        far = reach(n / overlap) ** 2 * overlap / (n * (n - 1))
        # (upper - k lower)^2 <= far * spread(k), that is a k^2 - 2 b k + c <= 0
        a = lower * lower - far * (self.lower_lower - n * lower * lower)
        b = upper * lower - far * (self.upper_lower - n * upper * lower)
        c = upper * upper - far * (self.upper_upper - n * upper * upper)
        if a <= 0:  # the losses' mean may be zero: no ratio is too great
            return Interval(_least_root(a, b, c), math.inf)
        root = math.sqrt(max(b * b - a * c, 0.0))
        return Interval(max(0.0, (b - root) / a), (b + root) / a)


def _least_root(a: float, b: float, c: float) -> float:
    """The ratio from which on all are possible, where a <= 0."""
    if c <= 0:
        return 0.0
    return c / (b + math.sqrt(b * b - a * c)) if b > 0 or a < 0 else 0.0
