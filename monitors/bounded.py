"""Bounded bets: means and ratios of values within a stated range, right at every look, for any law.

An asymptotic interval believes the spread it has seen. Where one trade in a hundred loses twenty times what
the others gain it is wrong until that trade comes. These bets ask how far a value can reach instead, and
hold for every law within that range, however skewed and however few the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np

from monitors.arrays import FloatArray
from monitors.confidence_sequence import LEVEL, Interval

SHARES = tuple(0.9 * 0.5**halving for halving in range(10))  # stakes, of the greatest that cannot lose all
PRICES = tuple(math.log((rank + 1) * (rank + 2)) for rank in range(len(SHARES)))  # their weights add up to 1
COSTS = tuple(-math.log1p(-share) - share for share in SHARES)
STEPS = 24  # halvings in the search for an end
FARTHEST = 1e3  # times a ratio's estimate; beyond, it has no limit
LARGEST_LOG = 690.0


class Seen(NamedTuple):
    """How far values have reached, kept as a plain row of numbers.

    Attributes:
        most: Greatest number of values in one session.
        least: Least value, 0 at most.
        greatest: Greatest value, 0 at least.
    """

    most: int = 0
    least: float = 0.0
    greatest: float = 0.0

    @classmethod
    def of(cls, row: tuple[float, ...]) -> Self:
        """The row as it was kept; an empty row is the start."""
        return cls._make(row) if row else cls()

    def added(self, values: FloatArray) -> Seen:
        """After a session that brought these values, shape (n,), without NaN."""
        if values.size == 0:
            return self
        least, greatest = min(self.least, float(values.min())), max(self.greatest, float(values.max()))
        return Seen(max(self.most, int(values.size)), least, greatest)

    def reach(self, bound: float) -> Reach:
        """What is allowed for: `bound` to either side, doubled until it holds what was seen."""
        return Reach(-widened(bound, -self.least), widened(bound, self.greatest), max(self.most, 1))


class Reach(NamedTuple):
    """The range that a value cannot leave, by assumption or by nature.

    Attributes:
        low: Least possible value.
        high: Greatest possible value.
        most: Greatest number of values in one session.
    """

    low: float
    high: float
    most: int = 1

    def __str__(self) -> str:
        return f"while none lies beyond {self.low:+.0%} to {self.high:+.0%}"


class Sums(NamedTuple):
    """Sums over sessions of two quantities whose means' ratio is asked for; a mean has a count below.

    Attributes:
        upper: Sum of the upper quantity.
        lower: Sum of the lower one, positive.
        upper_upper: Sum of the squared upper one.
        upper_lower: Sum of the product.
        lower_lower: Sum of the squared lower one.
    """

    upper: float
    lower: float
    upper_upper: float
    upper_lower: float
    lower_lower: float

    def about(self, ratio: float) -> tuple[float, float]:
        """Sum and sum of squares of upper - ratio x lower."""
        squares = self.upper_upper - 2 * ratio * self.upper_lower + ratio * ratio * self.lower_lower
        return self.upper - ratio * self.lower, max(0.0, squares)


def widened(bound: float, seen: float) -> float:
    """The bound, doubled until it holds what was seen.

    Whatever the true reach is, all looks from the first value beyond half of it on use one and the same
    bound, so that no bet is chosen by its outcome.
    """
    while bound < seen:
        bound *= 2
    return bound


def log_wealth(total: float, squares: float, depth: float, overlap: int = 1) -> float:
    """Log of what the best of ten bets that a mean lies above zero has come to, its price paid.

    exp(s x - (-ln(1 - s) - s) x^2) <= 1 + s x for x >= -1 and 0 <= s < 1 (Fan, Grama, Liu 2015; Howard and
    others 2021), so each bet's wealth is at most 1 on average while the mean is zero or less.

    Values that overlap are dealt into lanes; what counts is the geometric mean of the lanes' wealth, and e
    times the geometric mean of p-values is one again, however they depend (Vovk, Wang 2020).

    Args:
        total: Sum of the values.
        squares: Sum of their squares.
        depth: No value lies below -`depth`; at 0 nothing is told.
        overlap: Sessions a value spans; 1 for none.
    """
    if depth <= 0:
        return -math.inf
    scaled, varied = total / (depth * overlap), squares / (depth * depth * overlap)
    best = max(
        share * scaled - cost * varied - price
        for share, cost, price in zip(SHARES, COSTS, PRICES, strict=True)
    )
    return best - (overlap > 1)


def ever_below_p(values: FloatArray, greatest: float, overlap: int = 1) -> float:
    """The p-value, right at all looks, that the mean of a series is zero or more, from its best look.

    Args:
        values: In order of time, shape (n,), without NaN.
        greatest: No value lies above this; positive.
        overlap: Neighbours that depend on each other; 1 for none.
    """
    if values.size == 0:
        return 1.0
    scaled = -np.cumsum(values) / (greatest * overlap)
    varied = np.cumsum(values**2) / (greatest * greatest * overlap)
    best = max(
        float((share * scaled - cost * varied).max()) - price
        for share, cost, price in zip(SHARES, COSTS, PRICES, strict=True)
    )
    return p_of(best - (overlap > 1))


def p_of(log: float) -> float:
    """The p-value that a wealth is (Ville 1939), in (0, 1]."""
    return math.exp(-min(max(log, 0.0), LARGEST_LOG))


def below_p(sums: Sums, reach: Reach, overlap: int = 1) -> float:
    """The p-value, right at every look, that the mean is zero or more."""
    total, squares = sums.about(0.0)
    return p_of(log_wealth(-total, squares, reach.high * reach.most, overlap))


def mean_ends(sums: Sums, reach: Reach, overlap: int = 1, level: float = LEVEL) -> Interval:
    """The confidence sequence of a mean: upper is a session's sum, lower its number of values.

    The low end needs `reach.low` alone, the high end `reach.high`: that a mean is above zero does not depend
    on how great a gain can be.
    """
    most = reach.most
    return _ends(
        sums,
        Interval(reach.low, reach.high),
        lambda mean: (mean - reach.low) * most,
        lambda mean: (reach.high - mean) * most,
        overlap,
        level,
    )


def ratio_ends(sums: Sums, reach: Reach, overlap: int = 1, level: float = LEVEL) -> Interval:
    """The confidence sequence of gains over losses, both non-negative; its high end may be infinite."""
    limit = FARTHEST * max(sums.upper / sums.lower, 1e-9)
    found = _ends(
        sums,
        Interval(0.0, limit),
        lambda ratio: -ratio * reach.low * reach.most,
        lambda _: reach.high * reach.most,
        overlap,
        level,
    )
    return Interval(found.low, math.inf if found.high >= limit else found.high)


def _ends(
    sums: Sums,
    within: Interval,
    below: Callable[[float], float],
    above: Callable[[float], float],
    overlap: int,
    level: float,
) -> Interval:
    """How far to either side of the estimate the bets against a ratio have not been won.

    Args:
        sums: Of both quantities.
        within: What the ratio cannot leave.
        below: How far below zero upper - ratio x lower can lie.
        above: How far above.
        overlap: As `log_wealth` takes it.
        level: Chance of ever being wrong.
    """
    limit, middle = math.log(2 / level), sums.upper / sums.lower

    def too_low(ratio: float) -> bool:
        total, squares = sums.about(ratio)
        return log_wealth(total, squares, below(ratio), overlap) >= limit

    def too_high(ratio: float) -> bool:
        total, squares = sums.about(ratio)
        return log_wealth(-total, squares, above(ratio), overlap) >= limit

    return Interval(end(middle, within.low, too_low), end(middle, within.high, too_high))


def end(held: float, last: float, given_up: Callable[[float], bool]) -> float:
    """Where between a number that is held and the last one possible numbers begin to be given up."""
    out = last
    for _ in range(STEPS):
        middle = (held + out) / 2
        if given_up(middle):
            out = middle
        else:
            held = middle
    return out
