"""False discovery rate: which of many p-values stand once one remembers how many were looked at."""

from __future__ import annotations

import numpy as np

from monitors.arrays import BoolArray, FloatArray


def survivors(p_values: FloatArray, rate: float) -> BoolArray:
    """The step-up rule of Benjamini and Hochberg (1995); holds under positive dependence (2001).

    Args:
        p_values: Shape (tests,); NaN is a test that was not made and does not count.
        rate: The share of false ones among the survivors to be tolerated, in (0, 1).

    Returns:
        True where the test survives, shape (tests,); all False when none was made.
    """
    made = ~np.isnan(p_values)
    count = int(made.sum())
    if count == 0:
        return np.zeros(p_values.shape, dtype=np.bool_)
    ordered = np.sort(p_values[made])
    passing = np.flatnonzero(ordered <= rate * np.arange(1, count + 1) / count)
    limit = ordered[passing[-1]] if passing.size else -1.0
    return np.asarray(made & (p_values <= limit))
