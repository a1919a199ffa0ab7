"""Off-exchange share estimated from minute bars, where no file tells it, and how far that can be trusted.

Minute bars carry no venue, so the share cannot be read off them. What can be measured is volume that the
price does not show: the logarithm of a minute's volume is fitted on the minute of the day, the minute's
range and its move over the trailing days; what goes beyond the fit in minutes that hardly moved is counted.
A ridge regression learns from days whose share is known what that is worth, and is judged on days that it
had not seen. An estimate whose own out-of-sample R2 is below 0.1 is no estimate and stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from market.panel import FloatArray

TRAILING_DAYS: Final = 60
LEAST_DAYS: Final = 20
"""Days before one is fitted, and days judged before an R2 is believed."""

PURGE_DAYS: Final = 5
"""Days left out between those learnt from and the one estimated."""

LEAST_R2: Final = 0.1
PENALTY: Final = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated off-exchange shares.

    Attributes:
        share: Shape (days, tickers); NaN where none can be made, or the ticker's R2 is below 0.1.
        r2: Out-of-sample R2 of each ticker, shape (tickers,); NaN where fewer than 20 days could be judged.
    """

    share: FloatArray
    r2: FloatArray


def excess_share(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> FloatArray:
    """Return the share of each day's volume that the moves of its minutes do not explain.

    log V = a(minute) + b log(range + tick) + c |r| is fitted by least squares on the 60 days before; in
    minutes that moved less than the day's median, what exceeds the fit is counted.

    Args:
        open_: Minute bars of one ticker's regular sessions, shape (days, minutes); NaN where none traded.
        high: Likewise.
        low: Likewise.
        close: Likewise.
        volume: Likewise, shares.

    Returns:
        Shape (days,), in [0, 1]; NaN for days without 20 before.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.abs(np.log(close / open_))
        tick = 0.01 / close
        width = np.log(np.log(high / low) + tick)
        size = np.log(volume)
    known = np.isfinite(move) & np.isfinite(width) & np.isfinite(size)
    move, width, size = (np.where(known, values, np.nan) for values in (move, width, size))
    out = np.full(len(volume), np.nan)
    for day in range(LEAST_DAYS, len(volume)):
        before = slice(max(day - TRAILING_DAYS, 0), day)
        if not known[day].any() or known[before].sum() < LEAST_DAYS:
            continue
        fitted = _fit(width[before], move[before], size[before], width[day], move[day])
        quiet = move[day] <= np.nanmedian(move[day])
        with np.errstate(over="ignore"):
            beyond = np.where(quiet, np.maximum(0.0, volume[day] - np.exp(fitted)), 0.0)
        out[day] = float(np.nansum(beyond) / np.nansum(volume[day]))
    return out


def estimate(excess: FloatArray, others: FloatArray, share: FloatArray) -> Estimate:
    """Estimate shares on days whose share is unknown, from those on which it is known.

    Each ticker is learnt by itself, on days at least 5 before the one estimated; those whose share is known
    are estimated likewise, which is how the estimate is judged.

    Args:
        excess: What `excess_share` says, shape (days, tickers).
        others: What else may tell, as log of average volume, price and spread, shape (days, tickers, k).
        share: True shares, NaN where unknown, shape (days, tickers).
    """
    inputs = np.concatenate([excess[..., None], others], axis=-1)
    out, r2 = np.full(share.shape, np.nan), np.full(share.shape[1], np.nan)
    for column in range(share.shape[1]):
        out[:, column], r2[column] = _one(inputs[:, column], share[:, column])
    out[:, ~(r2 >= LEAST_R2)] = np.nan
    return Estimate(out, r2)


def _one(inputs: FloatArray, share: FloatArray) -> tuple[FloatArray, float]:
    made, plain = np.full(len(share), np.nan), np.full(len(share), np.nan)
    usable = np.asarray(np.isfinite(inputs).all(axis=1), dtype=np.bool_)
    for day in range(len(share)):
        rows = np.flatnonzero(
            usable[: max(day - PURGE_DAYS, 0)] & np.isfinite(share[: max(day - PURGE_DAYS, 0)])
        )
        if usable[day] and rows.size >= LEAST_DAYS:
            made[day] = _ridge(inputs[rows], share[rows], inputs[day])
            plain[day] = share[rows].mean()
    judged = np.isfinite(made) & np.isfinite(share)
    if judged.sum() < LEAST_DAYS:
        return made, float("nan")
    wrong = float(((share - made)[judged] ** 2).sum())
    naive = float(((share - plain)[judged] ** 2).sum())
    return made, 1.0 - wrong / naive if naive > 0 else float("nan")


def _ridge(inputs: FloatArray, share: FloatArray, new: FloatArray) -> float:
    """Ridge regression on standardised inputs (Hoerl and Kennard 1970), at one new row, kept in [0, 1]."""
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x, centre = (inputs - mean) / scale, share.mean()
    slope = np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ (share - centre))
    return float(np.clip(centre + (new - mean) / scale @ slope, 0.0, 1.0))


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
