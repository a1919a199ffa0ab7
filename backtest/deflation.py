"""Deflation: what the best of several trials shows by luck alone, and what could be seen at all."""

from __future__ import annotations

import math
from typing import Final

from scipy.stats import norm

EULER: Final = 0.5772156649015329
POWER: Final = 0.8


def best_by_luck(trials: int) -> float:
    """Return the expected greatest of several independent standard normals (Bailey, Lopez de Prado 2014).

    Args:
        trials: How many configurations were tried on the data, at least 1.

    Raises:
        ValueError: Fewer than one.
    """
    if trials < 1:
        raise ValueError(f"{trials} trials: at least 1 was made")
    if trials == 1:
        return 0.0
    first = float(norm.ppf(1.0 - 1.0 / trials))
    second = float(norm.ppf(1.0 - 1.0 / (trials * math.e)))
    return (1.0 - EULER) * first + EULER * second


def detectable(error: float) -> float:
    """Return the smallest effect found with a power of 80 % at a two-sided level of 5 %.

    Args:
        error: Standard error of the effect.
    """
    return error * float(norm.ppf(0.975) + norm.ppf(POWER))
