"""Statistics of trades and returns: profit factor, expectancy, turnover, drawdown, hit rate by group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.arrays import FloatArray
from monitors.confidence_sequence import LEVEL, Interval, mean_interval


@dataclass(frozen=True, slots=True)
class GroupRate:
    """How often one group came true.

    Attributes:
        group: Its name, as a regime, a sector, a direction or a decile of confidence.
        n: Trades or forecasts in it.
        hits: How many came true.
        rate: Their share.
        interval: 95 % at all times; holds per group, not for all at once.
    """

    group: str
    n: int
    hits: int
    rate: float
    interval: Interval


def profit_factor(returns: FloatArray) -> float:
    """Sum of gains over sum of losses.

    Args:
        returns: Fractions, shape (n,); NaN is left out.

    Returns:
        Non-negative; infinite without a loss, NaN without either.

    Example:
        >>> profit_factor(np.array([0.03, -0.01, -0.01]))
        1.5
    """
    known = returns[~np.isnan(returns)]
    gain, loss = float(known[known > 0].sum()), -float(known[known < 0].sum())
    if loss == 0:
        return math.inf if gain > 0 else math.nan
    return gain / loss


def expectancy(returns: FloatArray) -> float:
    """Mean return of a trade or period, a fraction; NaN is left out, NaN for none.

    Example:
        >>> round(expectancy(np.array([0.03, -0.01, np.nan])), 12)
        0.01
    """
    known = returns[~np.isnan(returns)]
    return float(known.mean()) if known.size else math.nan


def turnover(weights: FloatArray) -> float:
    """Mean over sessions of half the sum of changes of weight: 1 is a whole account exchanged in a session.

    Args:
        weights: Share of equity in each ticker, shape (sessions, tickers); a session with a NaN, and the one
            after it, are left out.

    Returns:
        Non-negative; NaN with fewer than two neighbouring known sessions.

    Example:
        >>> turnover(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
        0.5
    """
    moved = 0.5 * np.abs(np.diff(weights, axis=0)).sum(axis=1)
    known = moved[~np.isnan(moved)]
    return float(known.mean()) if known.size else math.nan


def greatest_drawdown(returns: FloatArray) -> float:
    """The deepest fall of compounded returns below their peak, as a positive fraction.

    Args:
        returns: Fractions per period, shape (n,), not infinite; NaN counts as no return, and less than -1 as
            -1: more than everything cannot be lost.

    Returns:
        In [0, 1], 1 from the first return of -1 on; NaN for n = 0.

    Example:
        >>> round(greatest_drawdown(np.array([0.1, -0.2, 0.1, -0.1])), 3)
        0.208
    """
    if returns.size == 0:
        return math.nan
    with np.errstate(divide="ignore"):  # the logarithm of nothing left
        wealth = np.cumsum(np.log1p(np.maximum(np.nan_to_num(returns, nan=0.0), -1.0)))
    peak = np.maximum.accumulate(np.maximum(wealth, 0.0))
    return float(-np.expm1(wealth - peak).min())


def hit_rates(hits: FloatArray, groups: NDArray[Any], level: float = LEVEL) -> tuple[GroupRate, ...]:
    """Hit rate of each group, in whole numbers and with an interval.

    Args:
        hits: 1 or 0 in order of time, NaN = unknown and left out, shape (n,).
        groups: Of each, any values that can be sorted, shape (n,).
        level: Chance that a group's interval is ever wrong.

    Returns:
        In order of the groups' names.

    Example:
        >>> found = hit_rates(np.array([1.0, 0.0, 1.0]), np.array(["up", "up", "down"]))
        >>> [(rate.group, rate.hits, rate.n) for rate in found]
        [('down', 1, 1), ('up', 1, 2)]
    """
    known = ~np.isnan(hits)
    names, place = np.unique(groups[known], return_inverse=True)
    out = []
    for i, name in enumerate(names.tolist()):
        own = hits[known][place == i]
        won = int((own > 0.5).sum())
        out.append(GroupRate(str(name), own.size, won, won / own.size, mean_interval(own, level=level)))
    return tuple(out)


def deciles(values: FloatArray) -> NDArray[np.int64]:
    """Decile of each value, 1 to 10 by rank, 0 where it is NaN: a grouping for `hit_rates` by confidence.

    Example:
        >>> deciles(np.arange(20.0)).tolist()[::2]
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    """
    out = np.zeros(values.size, dtype=np.int64)
    known = ~np.isnan(values)
    ranks = np.argsort(np.argsort(values[known], kind="stable"), kind="stable")
    out[known] = 1 + ranks * 10 // max(int(known.sum()), 1)
    return out
