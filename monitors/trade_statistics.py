"""Statistics of trades and returns: profit factor, expectancy, turnover, drawdown."""

from __future__ import annotations

import math

import numpy as np

from monitors.arrays import FloatArray


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
