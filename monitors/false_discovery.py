"""False discovery rate: which of many p-values stand once one remembers how many were looked at."""

from __future__ import annotations

import numpy as np

from monitors.arrays import BoolArray, FloatArray


def survivors(p_values: FloatArray, rate: float, *, dependent: bool = False) -> BoolArray:
    """The step-up rule of Benjamini and Hochberg (1995); holds under positive dependence.

    Args:
        p_values: Any shape, as (tickers, features); NaN is a test that was not made and does not count.
        rate: The share of false ones among the survivors to be tolerated, in (0, 1).
        dependent: Whether tests may depend on each other in any way; the rule of Benjamini and Yekutieli
            (2001) then divides the rate by 1 + 1/2 + ... + 1/tests.

    Returns:
        True where the test survives, same shape; all False when none was made.

    Example:
        >>> survivors(np.array([0.001, 0.02, np.nan, 0.9]), 0.05).tolist()
        [True, True, False, False]
        >>> survivors(np.array([0.001, 0.02, np.nan, 0.9]), 0.05, dependent=True).tolist()
        [True, False, False, False]
    """
    return np.asarray(adjusted(p_values, dependent=dependent) <= rate)


def adjusted(p_values: FloatArray, *, dependent: bool = False) -> FloatArray:
    """The smallest rate at which each test would survive (its q-value), in [0, 1]; NaN where none was made.

    Args:
        p_values: As in `survivors`.
        dependent: As in `survivors`.

    Example:
        >>> adjusted(np.array([0.01, 0.04, 0.03])).round(12).tolist()
        [0.03, 0.04, 0.04]
    """
    out = np.full(p_values.shape, np.nan)
    made = ~np.isnan(p_values)
    p = p_values[made]
    if p.size == 0:
        return out
    order = np.argsort(p, kind="stable")
    places = np.arange(1, p.size + 1)
    factor = float((1 / places).sum()) if dependent else 1.0
    stepped = p[order] * (factor * p.size) / places
    q = np.empty(p.size)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    out[made] = q
    return out
