"""Confidence sequences: intervals that hold at every look at once, however often one looks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from monitors.arrays import FloatArray

LEVEL = 0.05
CAP = 0.5  # of the greatest stake that cannot go bankrupt
STEPS = 20  # halvings in the search for an end: a millionth of where it may lie
TUNED_FOR = 100  # observations at which an asymptotic sequence is narrowest
LARGEST_LOG = 690.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies with 95 % (or 1 - level) at all times; both ends NaN where nothing is known."""

    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Both ends in the format of one number, as `format(interval, ".1%")`; `unknown` where they are."""
        if math.isnan(self.low):
            return "unknown"
        low, high = ("no limit" if math.isinf(end) else format(end, spec) for end in (self.low, self.high))
        return f"{low} to {high}"

    def within(self, low: float, high: float) -> Interval:
        """The part between two bounds that the number cannot leave; unknown stays unknown."""
        return self if math.isnan(self.low) else Interval(max(self.low, low), min(self.high, high))


UNKNOWN = Interval(math.nan, math.nan)


def beside(window: Interval | None, record: Interval, what: str, spec: str) -> str:
    """The clause that a rolling number carries.

    Args:
        window: Its own interval, right at each look but not at all looks at once, as windows come and go;
            None where its values overlap, so that none could be told.
        record: That of everything since the start, right at all looks at once.
        what: What the record is of, as `trades`.
        spec: Format of a number.
    """
    look = "" if window is None else f"at this look {format(window, spec)}, "
    return f"95 % {look}of all {what} at all times {format(record, spec)}"


def mean_interval(values: FloatArray, low: float = 0.0, high: float = 1.0, level: float = LEVEL) -> Interval:
    """The mean of bounded values by hedged betting (Waudby-Smith, Ramdas 2023, theorem 3).

    A gambler bets against each candidate mean m; m is given up once his wealth has reached 2 / level. Holds
    at all times at once when each value's mean, given those before, is the same; no law is assumed.

    Args:
        values: In order of time, shape (n,), NaN left out; values outside `low` to `high` are cut.
        low: Least possible value.
        high: Greatest possible value.
        level: Chance of ever being wrong.

    Returns:
        Within `low` to `high`; unknown for n = 0.

    Example:
        >>> won = np.tile([1.0, 0.0], 200)
        >>> found = mean_interval(won)
        >>> 0.40 < found.low < 0.45 and 0.55 < found.high < 0.60
        True
    """
    x = (np.clip(values[~np.isnan(values)], low, high) - low) / (high - low)
    if x.size == 0:
        return UNKNOWN
    stakes = _stakes(x, level)
    limit = math.log(2 / level)
    span = high - low
    least = _last(lambda m: _wealth(x, stakes, m, 1.0) >= limit, 0.0, 1.0)
    most = _last(lambda m: _wealth(x, stakes, 1 - m, -1.0) >= limit, 0.0, 1.0)
    return Interval(low + span * least, high - span * most)


def around(estimate: float, error: float, n: float, level: float = LEVEL) -> Interval:
    """The asymptotic confidence sequence of an estimate with this standard error; unknown for NaN."""
    if math.isnan(error):
        return UNKNOWN
    far = error * reach(n, level)
    return Interval(estimate - far, estimate + far)


@lru_cache(maxsize=128)
def reach(n: float, level: float = LEVEL) -> float:
    """How many standard errors an asymptotic confidence sequence reaches to either side after n observations.

    sqrt((2 (n r + 1) / (n r)) ln(sqrt(n r + 1) / level)) (Waudby-Smith et al. 2024), narrowest at
    `TUNED_FOR`; n > 0 may be a fraction where observations overlap.
    """
    ahead = _ahead(n, level)
    return math.sqrt(2 * (ahead + 1) / ahead * math.log(math.sqrt(ahead + 1) / level))


def reach_p(errors: float, n: float) -> float:
    """The p-value of lying `errors` standard errors away, valid at every look: the level `reach` has there.

    It is below `LEVEL` exactly where the interval of that level leaves the null out; 1 at the most.
    """
    ahead = _ahead(n, LEVEL)
    log_p = 0.5 * math.log1p(ahead) - errors * errors * ahead / (2 * (ahead + 1))
    return math.exp(min(0.0, max(log_p, -LARGEST_LOG)))


def _ahead(n: float, level: float) -> float:
    tuned = -2 * math.log(level)
    return n * (tuned + math.log(tuned + 1)) / TUNED_FOR


def _stakes(x: FloatArray, level: float) -> FloatArray:
    """The predictable stakes of the paper's equation 26: sqrt(2 ln(2 / level) / (v t ln(1 + t)))."""
    t = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    return np.asarray(np.sqrt(2 * math.log(2 / level) / (before * t * np.log1p(t))))


def _wealth(x: FloatArray, stakes: FloatArray, mean: float, sign: float) -> float:
    """Log of the greatest wealth of betting that the mean lies above (+1) or below (-1) a candidate."""
    room = mean if sign > 0 else 1 - mean
    held = np.minimum(stakes, CAP / room) if room > 0 else stakes
    return float(np.cumsum(np.log1p(sign * held * (x - mean))).max())


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The end of the stretch from `low` on in which something holds; `low` where it does not hold near it."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
