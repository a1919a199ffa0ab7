"""An axis: one measure of the market held against its own past, in a few levels that are slow to change."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from market.panel import FloatArray

TRAILING: Final = 504
LEAST: Final = 252  # values before an axis has a score
CONFIRM: Final = 5  # equal closes before a change is believed


@dataclass(frozen=True, slots=True)
class Axis:
    """What one axis remembers.

    Attributes:
        values: The newest known ones, at most 504, newest last.
        level: Which of its levels holds; -1 before the first score.
        score: The last known score.
        error: Root mean square of its five-session changes, in the score's unit.
        idle: Sessions since then.
    """

    values: tuple[float, ...] = ()
    level: int = -1
    score: float = 0.0
    error: float = 0.0
    idle: int = 0


def scored(axis: Axis, value: float, edges: tuple[float, ...], band: float) -> tuple[Axis, float]:
    """Take in one value; return the axis after it, and the value's score against those before.

    Args:
        axis: Before the value.
        value: NaN where it is unknown: the level is held, and idle for one session more.
        edges: Scores at which the level changes, ascending.
        band: By how much an edge must be passed.
    """
    if not math.isfinite(value):
        return replace(axis, idle=axis.idle + 1), math.nan
    values = appended(axis.values, value, TRAILING)
    past = np.array(axis.values)
    low, median, high = _quartiles(past)
    if not high > low:
        return replace(axis, values=values, idle=axis.idle + 1), math.nan
    score = (value - median) / (high - low)
    moves = past[CONFIRM:] - past[:-CONFIRM]
    error = math.sqrt(float((moves * moves).mean())) / (high - low)
    level = int(np.searchsorted(_held(edges, band, axis.level), score))
    return Axis(values, level, score, error, 0), score


def _quartiles(past: FloatArray) -> tuple[float, float, float]:
    """Interpolated as by `numpy.quantile`, which takes ten times as long; NaN for too few values."""
    if past.size < LEAST:
        return (math.nan,) * 3
    ordered = np.sort(past)
    places = np.array((0.25, 0.5, 0.75)) * (past.size - 1)
    below = places.astype(np.int64)
    low, median, high = (ordered[below] + (places - below) * (ordered[below + 1] - ordered[below])).tolist()
    return low, median, high


def _held(edges: tuple[float, ...], band: float, level: int) -> list[float]:
    """The edges as seen from a level: each one farther away by the dead band."""
    if level < 0:
        return list(edges)
    return [edge + band if i >= level else edge - band for i, edge in enumerate(edges)]


def law(axis: Axis, edges: tuple[float, ...], band: float) -> list[float]:
    """Return the probability of each level five sessions on, summing to 1.

    The score is taken to move by a normal law whose spread is the root mean square of its five-session
    changes so far, widened by sqrt(1 + idle / 5). Without a score every level is as likely.
    """
    if axis.level < 0:
        return [1.0 / (len(edges) + 1)] * (len(edges) + 1)
    spread = max(axis.error, 1e-9) * math.sqrt(1.0 + axis.idle / CONFIRM)
    below = [_normal((edge - axis.score) / spread) for edge in _held(edges, band, axis.level)]
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def appended(values: tuple[float, ...], newest: float, n: int) -> tuple[float, ...]:
    """Return the newest `n` values once one more has come."""
    return (*values, newest)[-n:]
