"""The ratio tally: a few sums over sessions that give a ratio of two means and an interval at every look."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from monitors.arrays import FloatArray
from monitors.bounded import Reach, Sums, ratio_ends
from monitors.confidence_sequence import UNKNOWN, Interval


class RatioTally(NamedTuple):
    """Sums over the sessions that brought something, kept as a plain row of numbers.

    The ratio of two means lies at k where the mean of upper - k lower is zero. Bets against each k
    (`monitors.bounded`) leave those that may be the true one. As in `Tally` a session is one observation.

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
        >>> round(tally.ratio, 2), format(tally.interval(Reach(-0.1, 0.1)), ".2f")
        (1.5, '1.28 to 1.69')
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

    @classmethod
    def over(cls, returns: FloatArray) -> RatioTally:
        """Gains over losses of returns that each stand alone, shape (n,), without NaN."""
        gains, losses = np.maximum(returns, 0.0), np.maximum(-returns, 0.0)
        gained, lost = float((gains**2).sum()), float((losses**2).sum())
        return cls(returns.size, float(gains.sum()), float(losses.sum()), gained, 0.0, lost)

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

    def interval(self, reach: Reach, overlap: int = 1) -> Interval:
        """The 95 % confidence sequence of the ratio, from 0; unbounded where the lower mean may be zero.

        Args:
            reach: How far one of the values that were added up can lie, gains above and losses below zero.
            overlap: Sessions an observation spans; 1 for none.
        """
        if self.sessions < 2 or self.lower <= 0:
            return UNKNOWN
        return ratio_ends(Sums(*self[1:]), reach, overlap)
