"""Tests of calibration on independent outcomes: two normal ones, and a bet that may be looked at any time."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from monitors import e_detector
from monitors.arrays import FloatArray, IntArray
from monitors.calibration import LEAST_RISK, STAKES

TINY = float(np.finfo(np.float64).tiny)
LEAST = 20  # forecasts, or times, below which nothing is judged
SHARES = (0.05, 0.1, 0.2, 0.5)  # stakes: single outcomes carry less than the daemon's whole cross-sections
LARGEST_LOG = 690.0  # of an e-value: just below the greatest float


def spiegelhalter_z(probability: FloatArray, outcome: FloatArray) -> float:
    """Spiegelhalter's (1986) z: sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)).

    Standard normal under calibration; positive where forecasts are too bold, negative where too timid.

    Args:
        probability: In [0, 1], shape (n,), without NaN.
        outcome: 0 or 1, shape (n,).

    Returns:
        NaN where nothing can be told, as when every p is 0, 1/2 or 1.

    Example:
        >>> p, y = np.array([0.9, 0.8, 0.7, 0.9]), np.array([1.0, 0.0, 0.0, 0.0])
        >>> round(spiegelhalter_z(p, y), 4)
        3.0816
    """
    slope = 1 - 2 * probability
    spread = math.sqrt(float((slope**2 * probability * (1 - probability)).sum()))
    return float(((outcome - probability) * slope).sum()) / spread if spread > 0 else math.nan


def sum_z(probability: FloatArray, outcome: FloatArray) -> float:
    """The sum test's z: sum (y - p) / sqrt(sum p (1 - p)), standard normal under calibration (Cox 1958).

    Negative: fewer came true than was stated. Given confidences and hits it finds a halved edge.

    Args:
        probability: In [0, 1], shape (n,), without NaN.
        outcome: 0 or 1, shape (n,).

    Returns:
        NaN for n = 0 and where every p is 0 or 1.

    Example:
        >>> round(sum_z(np.full(100, 0.6), np.repeat([1.0, 0.0], 50)), 4)
        -2.0412
    """
    spread = math.sqrt(float((probability * (1 - probability)).sum()))
    return float((outcome - probability).sum()) / spread if spread > 0 else math.nan


def two_sided(z: float) -> float:
    """Normal p-value of a z in either direction, in (0, 1]; NaN for NaN."""
    return math.nan if math.isnan(z) else min(1.0, max(2 * float(ndtr(-abs(z))), TINY))


def one_sided(z: float) -> float:
    """Normal p-value of a z this low or lower, in (0, 1]; NaN for NaN."""
    return math.nan if math.isnan(z) else min(1.0, max(float(ndtr(z)), TINY))


def too_bold_z(probability: FloatArray, outcome: FloatArray) -> float:
    """`sum_z` of confidence max(p, 1 - p) against hits; below 0 where less is known than was claimed."""
    confidence = np.maximum(probability, 1 - probability)
    return sum_z(confidence, ((probability >= 0.5) == (outcome > 0.5)).astype(np.float64))


def tested(stated: FloatArray, came: FloatArray, starts: IntArray) -> tuple[tuple[str, float, float], ...]:
    """Metric, z and p of each test; the p allows for forecasts of one time that depend on each other.

    Args:
        stated: Probabilities in order of time, shape (n,), without NaN.
        came: 0 or 1, shape (n,).
        starts: Where each time begins, shape (times,).

    Returns:
        `spiegelhalter_z`, `sum_z` and `edge_z`; NaN where nothing can be told.
    """
    confidence = np.maximum(stated, 1 - stated)
    hit = ((stated >= 0.5) == (came > 0.5)).astype(np.float64)
    slope, variance = 1 - 2 * stated, stated * (1 - stated)
    rows = (
        ("spiegelhalter_z", spiegelhalter_z(stated, came), slope * (came - stated), slope**2 * variance),
        ("sum_z", sum_z(stated, came), came - stated, variance),
        ("edge_z", too_bold_z(stated, came), hit - confidence, variance),
    )
    found = []
    for metric, z, residual, expected in rows:
        if math.isnan(z):
            found.append((metric, z, math.nan))
            continue
        held = z / _inflation(residual, float(expected.sum()), starts)
        found.append((metric, z, one_sided(held) if metric == "edge_z" else two_sided(held)))
    return tuple(found)


def method_of(stated: FloatArray, starts: IntArray) -> str:
    """The name of the evidence of `tested`."""
    return "normal" if starts.size == stated.size else "normal_by_time"


def _inflation(residual: FloatArray, expected: float, starts: IntArray) -> float:
    """By how much a z is too large because forecasts of one time depend on each other, at least 1."""
    if starts.size == residual.size or starts.size < LEAST:
        return 1.0
    sums = np.add.reduceat(residual, starts)
    observed = float(((sums - sums.mean()) ** 2).sum()) * starts.size / (starts.size - 1)
    return math.sqrt(max(1.0, observed / expected)) if expected > 0 else 1.0


def gains_by_time(
    probability: FloatArray,
    outcome: FloatArray,
    starts: IntArray,
    shares: tuple[float, ...] = STAKES,
) -> FloatArray:
    """`monitors.calibration.gains` of every cross-section at once.

    Args:
        probability: In order of time, shape (n,).
        outcome: 0 or 1, shape (n,).
        starts: Where each time begins, strictly increasing from 0, shape (times,).
        shares: Stakes as shares of the greatest that cannot go bankrupt; four directions times these are
            the bets.

    Returns:
        Shape (times, bets).
    """
    sizes = np.diff(starts, append=probability.size)
    tilt = probability - 0.5
    widest = np.repeat(np.maximum.reduceat(np.abs(tilt), starts), sizes)
    slope = np.divide(tilt, widest, out=np.zeros(tilt.size), where=widest > 0)
    stakes = np.array(shares)
    out = np.empty((starts.size, 4 * stakes.size))
    for place, weight in enumerate((np.ones(tilt.size), slope)):
        moved = np.add.reduceat(weight * (outcome - probability), starts) / sizes
        for turn, sign in enumerate((1.0, -1.0)):
            signed = sign * weight
            risk = np.where(signed > 0, signed * probability, -signed * (1 - probability))
            worst = np.maximum(np.add.reduceat(risk, starts) / sizes, LEAST_RISK)
            first = (2 * place + turn) * stakes.size
            out[:, first : first + stakes.size] = 1 + np.outer(sign * moved / worst, stakes)
    return out


def e_value(gains: FloatArray) -> float:
    """The greatest wealth of the bets so far, their mean, started with 1: an e-process (Ville 1939).

    Under calibration it ever reaches 1 / a with a probability of at most a, however often one looks.

    Args:
        gains: Shape (times, bets); zero times give 1.
    """
    with np.errstate(divide="ignore"):
        logs = np.cumsum(np.log(np.maximum(gains, 0.0)), axis=0)
    top = logs.max(axis=1, initial=-math.inf, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    wealth = top[:, 0] + np.log(np.maximum(np.exp(logs - top).mean(axis=1), TINY))
    return math.exp(min(max(0.0, float(wealth.max(initial=0.0))), LARGEST_LOG))


def first_alarm(gains: FloatArray, limit: float) -> int | None:
    """After how many times the e-detector reaches `limit`, its average run between false alarms; or None.

    Args:
        gains: Shape (times, bets).
        limit: At least 1.
    """
    levels = np.zeros((1, gains.shape[1]))
    for time, gain in enumerate(gains):
        levels = e_detector.advance(levels, gain)
        if e_detector.level(levels) >= limit:
            return time + 1
    return None
