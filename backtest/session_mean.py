"""The session mean: an average over sessions and how well it is known, where outcomes overlap.

Stocks of one session move together, so sessions are the sample, and sessions whose outcomes overlap count
together: the standard error is Newey and West's (1987), with Bartlett's weights over twice the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from market.panel import FloatArray

NORMAL_95: Final = 1.959964
"""Standard errors on either side of a mean within which the true one lies in 95 %."""

LEAST: Final = 20
"""Sessions below which no error is stated."""


@dataclass(frozen=True, slots=True)
class SessionMean:
    """An average over sessions.

    Attributes:
        mean: NaN where there is no session.
        error: Its standard error; NaN with fewer than 20 sessions.
        sessions: How many there are.
    """

    mean: float
    error: float
    sessions: int

    @property
    def t(self) -> float:
        """The mean in standard errors; 0 for a mean of 0, NaN where the error is unknown."""
        if self.mean == 0:
            return 0.0
        return self.mean / self.error if self.error > 0 else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true mean lies in 95 %."""
        return self.mean - NORMAL_95 * self.error, self.mean + NORMAL_95 * self.error


def session_mean(values: FloatArray, horizon: int) -> SessionMean:
    """Average over sessions.

    Args:
        values: One a session in order of time, shape (sessions,); NaN is left out.
        horizon: Sessions an outcome spans; 1 means that none overlap.
    """
    known = values[~np.isnan(values)]
    n = known.size
    if n == 0:
        return SessionMean(math.nan, math.nan, 0)
    mean = float(known.mean())
    if n < LEAST:
        return SessionMean(mean, math.nan, n)
    left = known - mean
    lags = 2 * horizon if horizon > 1 else 0
    variance = float(left @ left) / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1)) * float(left[lag:] @ left[:-lag]) / n
    return SessionMean(mean, math.sqrt(max(variance, 0.0) / n), n)
