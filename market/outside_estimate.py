"""Outside, estimated: the share traded off exchange where no file tells it, from the sessions before.

What minutes do not explain is joined by the day's own volume and range. Averages and levels are left out.
They move slowly, as the share does, and two slow series without any connection agree for months.
"""

from __future__ import annotations

import numpy as np

from market.outside import KEPT
from market.panel import FloatArray, Panel
from market.short_volume_estimate import estimate

EXACT, UNEXPLAINED, ESTIMATE, R2 = (
    KEPT.index(name) for name in ("off_exchange", "unexplained", "off_exchange_estimate", "estimate_r2")
)


def estimated(shares: FloatArray, bars: Panel) -> FloatArray:
    """Return the newest session's shares with an estimate for each ticker of which no file told.

    Args:
        shares: What was told of each session itself, oldest first, shape (kept, sessions, tickers).
        bars: Of the same sessions and tickers.

    Returns:
        Shape (kept, tickers). The estimate is NaN where the ticker's R2 is below 0.1; the R2 is there
        wherever it could be measured.
    """
    newest = shares[:, -1].copy()
    wanted = np.isnan(newest[EXACT]) & np.isfinite(newest[UNEXPLAINED])
    if wanted.any():
        found = estimate(
            shares[UNEXPLAINED, :, wanted].T, _others(bars)[:, wanted], shares[EXACT, :, wanted].T
        )
        newest[ESTIMATE, wanted], newest[R2, wanted] = found.share[-1], found.r2
    return newest


def _others(bars: Panel) -> FloatArray:
    """Return the logarithms of volume and relative range, shape (sessions, tickers, 2); NaN where unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(np.stack([bars.volume, (bars.high - bars.low) / bars.close], axis=-1))
    return np.where(np.isfinite(found), found, np.nan)
