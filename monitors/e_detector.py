"""The e-detector: a running bet against "nothing changed" whose false-alarm rate is a theorem.

Each observation brings a gain e >= 0 whose mean is at most 1 while nothing changed. The level M <- (M + 1) e
then reaches A after A observations or more on average (Shin, Ramdas, Rinaldo 2024, the Shiryaev-Roberts
form), and so does the mean of the levels of several bets. No law, independence or number of looks is assumed.

Outcomes that overlap in time do break the premise: the last one foretells the next. They are dealt into
lanes, as many as outcomes overlap, so that within a lane each one starts after the one before has ended. The
mean over the lanes then reaches A after A observations of each lane. The theorem covers each lane at its own
steps; that the mean over lanes keeps it at every look is measured, not proven.
"""

from __future__ import annotations

import numpy as np

from monitors.arrays import FloatArray

CEILING = 1e9  # a level is cut here; a smaller level is still an e-detector


def resume(stored: tuple[float, ...], lanes: int, bets: int) -> FloatArray:
    """Levels as they were kept, shape (lanes, bets); all zero, a new start, where the number does not fit."""
    if len(stored) != lanes * bets:
        return np.zeros((lanes, bets))
    return np.array(stored).reshape(lanes, bets)


def plain(levels: FloatArray) -> tuple[float, ...]:
    """The levels as they are kept."""
    return tuple(float(value) for value in levels.ravel())


def advance(levels: FloatArray, gains: FloatArray, lane: int = 0, ceiling: float = CEILING) -> FloatArray:
    """One observation: M <- (M + 1) e in one lane, for every bet.

    Args:
        levels: Shape (lanes, bets).
        gains: Non-negative, shape (bets,). A NaN gain is no observation and changes nothing.
        lane: Which lane the observation belongs to.
        ceiling: Where a level is cut; it must lie well above the limit times lanes and bets.

    Returns:
        New levels; the argument is left as it is.
    """
    after = levels.copy()
    if np.isnan(gains).any():
        return after
    after[lane] = np.minimum((levels[lane] + 1.0) * gains, ceiling)
    return after


def level(levels: FloatArray) -> float:
    """The detector's value: the mean over lanes and bets, non-negative."""
    return float(levels.mean())
