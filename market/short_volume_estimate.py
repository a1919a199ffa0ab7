"""Off-exchange share estimated from minute bars, where no file tells it, and how far that can be trusted.

Minute bars carry no venue, so the share cannot be read off them. What can be measured is volume that the
price does not show: the logarithm of a minute's volume is fitted on the minute of the day, the minute's
range and its move over the trailing days; what goes beyond the fit in minutes that hardly moved is counted.
A ridge regression learns from days whose share is known what that is worth, and is judged on days that it
had not seen. An estimate whose own out-of-sample R2 is below 0.1 is no estimate and stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.minutes import Grid, measure
from market.panel import FloatArray

BoolArray = NDArray[np.bool_]

TRAILING_DAYS: Final = 60
LEAST_DAYS: Final = 20
"""Days before one is fitted, and days judged before an R2 is believed."""

PURGE_DAYS: Final = 5
"""Days left out between those learnt from and the one estimated."""

LEARNT_DAYS: Final = 252
"""Days from which one is estimated and judged at the most: a year."""

LEAST_R2: Final = 0.1
PENALTY: Final = 1.0

ROUNDING: Final = 1e-12
"""Variance over squared mean below which an input is constant."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated off-exchange shares.

    Attributes:
        share: Shape (days, tickers); NaN where none can be made, or the ticker's R2 is below 0.1.
        r2: Out-of-sample R2 of each ticker, shape (tickers,); NaN where fewer than 20 days could be judged.
    """

    share: FloatArray
    r2: FloatArray


def unexplained(before: Sequence[FloatArray], day: Grid) -> FloatArray:
    """Return the share of a day's volume that the moves of its minutes do not explain.

    log V = a(minute) + b log(range + tick) + c |r| is fitted by least squares on the 60 days before; in
    minutes that moved less than the day's median, what exceeds the fit is counted.

    Args:
        before: What `Grid.logs` holds of the days before, oldest first, all of the same tickers; the newest
            60 are read.
        day: The day.

    Returns:
        Shape (tickers,), in [0, 1]; NaN without 20 days before of which the ticker has minutes.
    """
    days = (*before[-TRAILING_DAYS:], day.logs)
    minutes = max(logs.shape[-1] for logs in days)
    return np.array(
        [
            _beyond(np.stack([_padded(logs[:, row], minutes) for logs in days]), _padded(volume, minutes))
            for row, volume in enumerate(day.volume)
        ]
    )


def excess_share(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> FloatArray:
    """Return what `unexplained` says of each day of one ticker.

    Args:
        open_: Minute bars of one ticker's regular sessions, shape (days, minutes); NaN where none traded.
        high: Likewise.
        low: Likewise.
        close: Likewise.
        volume: Likewise, shares.

    Returns:
        Shape (days,), in [0, 1]; NaN for days without 20 before.
    """
    fields = (open_, high, low, close, volume)
    grids = [measure(*(one[day : day + 1] for one in fields)) for day in range(len(volume))]
    return np.concatenate(
        [unexplained([one.logs for one in grids[:day]], grid) for day, grid in enumerate(grids)]
    )


def estimate(excess: FloatArray, others: FloatArray, share: FloatArray) -> Estimate:
    """Estimate shares on days whose share is unknown, from those on which it is known.

    Each ticker is learnt by itself, on days at least 5 before the one estimated; those whose share is known
    are estimated likewise, which is how the estimate is judged.

    Args:
        excess: What `unexplained` says, shape (days, tickers).
        others: What else may tell, as the log of the day's volume, shape (days, tickers, k).
        share: True shares, NaN where unknown, shape (days, tickers).
    """
    inputs = np.concatenate([excess[..., None], others], axis=-1)
    usable = np.isfinite(inputs).all(axis=-1)
    made, plain = _ridge(inputs, share, usable & np.isfinite(share))
    made = np.where(usable, made, np.nan)
    r2 = _r2(share, made, plain)
    return Estimate(np.where(r2 >= LEAST_R2, made, np.nan), r2)


def _padded(values: FloatArray, minutes: int) -> FloatArray:
    """Return a day that closed early as long as the others."""
    missing = minutes - values.shape[-1]
    if missing == 0:
        return values
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)], constant_values=np.nan)


def _beyond(logs: FloatArray, volume: FloatArray) -> float:
    """Return the unexplained share of the last of some days, of logs of shape (days, measures, minutes)."""
    traded = np.count_nonzero(np.isfinite(logs[:, 0]), axis=1)
    if np.count_nonzero(traded[:-1]) < LEAST_DAYS or traded[-1] == 0:
        return float("nan")
    width, move, size = logs.swapaxes(0, 1)
    fitted = _fit(width[:-1], move[:-1], size[:-1], width[-1], move[-1])
    quiet = move[-1] <= np.nanmedian(move[-1])
    with np.errstate(over="ignore"):
        beyond = np.where(quiet, np.maximum(0.0, volume - np.exp(fitted)), 0.0)
    return float(np.nansum(beyond) / np.nansum(volume))


def _ridge(inputs: FloatArray, share: FloatArray, learnt: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Ridge regression on standardised inputs (Hoerl and Kennard 1970), one for each day and ticker.

    Sums of products over the days learnt from are enough for it, and grow from day to day.

    Returns:
        What it says of each day, kept in [0, 1], and the mean of the shares that it learnt from, each of
        shape (days, tickers); NaN where there are fewer than 20.
    """
    x, y = np.where(learnt[..., None], inputs, 0.0), np.where(learnt, share, 0.0)
    products = x[..., :, None] * x[..., None, :]
    n, sx, sy, sxy, sxx = (
        _purged(one) for one in (learnt.astype(np.float64), x, y, x * y[..., None], products)
    )
    enough = n >= LEAST_DAYS
    n = np.where(enough, n, 1.0)[..., None]
    mean, centre = sx / n, sy / n[..., 0]
    spread = sxx / n[..., None] - mean[..., :, None] * mean[..., None, :]
    variance = np.diagonal(spread, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(variance > ROUNDING * np.square(mean), variance, 1.0))
    within = n[..., None] * spread / (scale[..., :, None] * scale[..., None, :])
    with_share = (sxy - mean * sy[..., None]) / scale
    slope = np.linalg.solve(within + PENALTY * np.eye(x.shape[-1]), with_share[..., None])[..., 0]
    made = np.clip(centre + ((inputs - mean) / scale * slope).sum(axis=-1), 0.0, 1.0)
    return np.where(enough, made, np.nan), np.where(enough, centre, np.nan)


def _purged(values: FloatArray) -> FloatArray:
    """Return the sum over the days that each may learn from: those more than 5 before it."""
    sums = np.cumsum(values, axis=0)
    return np.concatenate([np.zeros((PURGE_DAYS + 1, *values.shape[1:])), sums])[: len(values)]


def _r2(share: FloatArray, made: FloatArray, plain: FloatArray) -> FloatArray:
    """R2 of estimates against the mean known when each was made; NaN below 20 days that can be judged."""
    judged = np.isfinite(made) & np.isfinite(share)
    wrong, naive = (np.where(judged, np.square(share - one), 0.0).sum(axis=0) for one in (made, plain))
    told = (judged.sum(axis=0) >= LEAST_DAYS) & (naive > 0)
    return np.where(told, 1.0 - wrong / np.where(told, naive, 1.0), np.nan)


def _fit(
    width: FloatArray, move: FloatArray, size: FloatArray, new_width: FloatArray, new_move: FloatArray
) -> FloatArray:
    """Least squares with a mean of its own for each minute: taken out first (Frisch and Waugh 1933)."""
    count = np.maximum(np.isfinite(size).sum(axis=0), 1)
    means = [np.nansum(values, axis=0) / count for values in (width, move, size)]
    x = np.stack(
        [np.nan_to_num(values - mean).ravel() for values, mean in zip((width, move), means, strict=False)]
    )
    y = np.nan_to_num(size - means[2]).ravel()
    slope, *_ = np.linalg.lstsq(x @ x.T, x @ y, rcond=None)
    fitted: FloatArray = means[2] + slope[0] * (new_width - means[0]) + slope[1] * (new_move - means[1])
    return np.where(np.isfinite(size).any(axis=0), fitted, np.nan)
