"""Scores of stated probabilities: Brier, log-loss, and what they gain over knowing the base rate alone."""

from __future__ import annotations

import math

import numpy as np

from monitors.arrays import FloatArray


def brier(probability: FloatArray, outcome: FloatArray) -> float:
    """Mean of (p - y)^2 (Brier 1950); equals `sklearn.metrics.brier_score_loss`.

    Args:
        probability: In [0, 1], shape (n,), without NaN.
        outcome: 0 or 1, shape (n,).

    Returns:
        In [0, 1], less is better; NaN for n = 0.

    Example:
        >>> round(brier(np.array([0.9, 0.2]), np.array([1.0, 0.0])), 12)
        0.025
    """
    if probability.size == 0:
        return math.nan
    return float(((probability - outcome) ** 2).mean())


def log_loss(probability: FloatArray, outcome: FloatArray) -> float:
    """Mean of -ln of the probability of what came (Good 1952), nats; equals `sklearn.metrics.log_loss`.

    Probabilities of 0 and 1 are moved inwards by the float's rounding step, as there.

    Args:
        probability: In [0, 1], shape (n,), without NaN.
        outcome: 0 or 1, shape (n,).

    Returns:
        Non-negative, less is better; NaN for n = 0.

    Example:
        >>> round(log_loss(np.array([0.5, 0.5]), np.array([1.0, 0.0])), 6)
        0.693147
    """
    if probability.size == 0:
        return math.nan
    step = float(np.finfo(np.float64).eps)
    stated = np.clip(probability, step, 1 - step)
    return float(-np.where(outcome > 0.5, np.log(stated), np.log1p(-stated)).mean())


def skill(score: float, climatology: float) -> float:
    """Share of the climatology's score that a forecaster saves: 1 is perfect, 0 no better, below 0 worse.

    Args:
        score: The forecaster's Brier score or log-loss.
        climatology: The same of the base rate stated every time.

    Returns:
        NaN where climatology is perfect already, as when every outcome is the same.

    Example:
        >>> round(skill(0.2, 0.25), 12)
        0.2
    """
    return 1 - score / climatology if climatology > 0 else math.nan
