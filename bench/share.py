"""A share that was counted, and how far chance alone may have moved it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many.

    Attributes:
        hits: How often it happened.
        of: How often it could have.
    """

    hits: int
    of: int

    def __add__(self, other: Share) -> Share:
        return Share(self.hits + other.hits, self.of + other.of)

    @property
    def value(self) -> float:
        """The share; NaN for none."""
        return self.hits / self.of if self.of else math.nan

    @property
    def error(self) -> float:
        """Standard error, as if every case were independent; NaN for none."""
        return math.sqrt(self.value * (1 - self.value) / self.of) if self.of else math.nan

    def may_be(self, low: float, high: float, *, level: float = 0.9999) -> bool:
        """Whether a true share between `low` and `high` could have given this count.

        Args:
            low: Least true share.
            high: Greatest true share.
            level: Coverage of the exact interval (Clopper, Pearson 1934) that must meet the two.
        """
        interval = binomtest(self.hits, self.of).proportion_ci(level)
        return bool(interval.low <= high and interval.high >= low)
