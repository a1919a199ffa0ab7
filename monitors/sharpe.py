"""The Sharpe ratio per period, its standard error, and how likely a fall is by chance."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from monitors.arrays import FloatArray

LEAST_SPREAD = 1e-4  # of the mean: what varies less is a constant and its rounding


def is_constant(returns: FloatArray) -> bool:
    """Whether returns hardly vary: their deviation is below a ten-thousandth of their mean's size.

    What rounding alone leaves of an accrual would otherwise pass for a Sharpe ratio of thousands.

    Args:
        returns: Fractions, shape (periods,), without NaN; none counts as constant.
    """
    if returns.size == 0 or (returns == returns[0]).all():
        return True
    return bool(returns.std() <= LEAST_SPREAD * abs(float(returns.mean())))


def sharpe(returns: FloatArray) -> float:
    """Mean over standard deviation (n - 1) of returns per period, not annualised (Sharpe 1994, benchmark 0).

    Args:
        returns: Fractions, shape (periods,), without NaN.

    Returns:
        NaN with fewer than two returns or when they hardly vary, see `is_constant`.
    """
    if returns.size < 2 or is_constant(returns):
        return math.nan
    return float(returns.mean()) / float(returns.std(ddof=1))


def sharpe_error(returns: FloatArray) -> float:
    """Standard error of `sharpe`: sqrt((1 - skew S + (kurtosis - 1) / 4 S^2) / n) (Lo 2002, Mertens 2002).

    Args:
        returns: Fractions, shape (periods,), without NaN; taken as independent from period to period.

    Returns:
        NaN where the ratio itself is NaN.
    """
    ratio = sharpe(returns)
    if math.isnan(ratio):
        return math.nan
    scaled = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((scaled**3).mean()), float((scaled**4).mean())
    return ratio_error(ratio, skew, kurtosis, returns.size)


def ratio_error(ratio: float, skew: float, kurtosis: float, n: int) -> float:
    """The formula of `sharpe_error`: kurtosis is 3 for a normal law, n at least 1."""
    return math.sqrt(max((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / n, 0.0))


def fall_p(ratio: float, error: float, baseline: float, baseline_error: float) -> float:
    """One-sided normal p-value that a ratio lies this far below its baseline; 1 when no error is known."""
    spread = math.hypot(error, baseline_error)
    if not spread > 0:
        return 1.0
    return min(1.0, max(float(ndtr((ratio - baseline) / spread)), np.finfo(np.float64).tiny))
