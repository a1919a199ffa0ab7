"""Tests of calibration on independent outcomes: two normal ones, and a bet that may be looked at any time."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from monitors import e_detector
from monitors.arrays import FloatArray, IntArray
from monitors.calibration import LEAST_RISK, STAKES
from monitors.overlap import mean_p

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


def tested(
    stated: FloatArray, came: FloatArray, starts: IntArray, overlap: int
) -> tuple[tuple[str, float, float], ...]:
    """Metric, z and p of each test; the p allows for forecasts of one time that depend on each other.

    Args:
        stated: Probabilities in order of time, shape (n,), without NaN.
        came: 0 or 1, shape (n,).
        starts: Where each time begins, shape (times,); at least `LEAST` where forecasts share one.
        overlap: Times an outcome spans; 1 for none.

    Returns:
        `spiegelhalter_z`, `sum_z` and `edge_z`; NaN where nothing can be told.
    """
    confidence = np.maximum(stated, 1 - stated)
    hit = ((stated >= 0.5) == (came > 0.5)).astype(np.float64)
    slope = 1 - 2 * stated
    rows = (
        ("spiegelhalter_z", spiegelhalter_z(stated, came), slope * (came - stated)),
        ("sum_z", sum_z(stated, came), came - stated),
        ("edge_z", too_bold_z(stated, came), hit - confidence),
    )
    found = []
    for metric, z, residual in rows:
        if math.isnan(z):
            found.append((metric, z, math.nan))
            continue
        alone = one_sided(z) if metric == "edge_z" else two_sided(z)
        found.append((metric, z, max(alone, _dependent_p(metric, residual, starts, overlap))))
    return tuple(found)


def method_of(stated: FloatArray, starts: IntArray, overlap: int = 1) -> str:
    """The name of the evidence of `tested`."""
    if overlap > 1:
        return "overlap_robust_t"
    return "normal" if starts.size == stated.size else "t_by_time"


def _dependent_p(metric: str, residual: FloatArray, starts: IntArray, overlap: int) -> float:
    """The p-value where forecasts of one time, or of neighbouring times, depend on each other; 0 if none do.

    Their sums by time are held against zero with a variance taken from the times (`monitors.overlap`).
    """
    if starts.size == residual.size and overlap == 1:
        return 0.0
    sums = np.add.reduceat(residual, starts)
    p = mean_p(sums, overlap)
    if metric != "edge_z":
        return p
    return p / 2 if sums.sum() < 0 else 1 - p / 2


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


def e_value(gains: FloatArray, overlap: int = 1) -> float:
    """The greatest wealth of the bets so far, their mean, started with 1: an e-process (Ville 1939).

    Under calibration it ever reaches 1 / a with a probability of at most a, however often one looks. Outcomes
    that overlap are dealt into lanes whose mean counts: that it keeps this at every look is measured, not
    proven.

    Args:
        gains: Shape (times, bets); zero times give 1.
        overlap: Times an outcome spans; 1 for none.
    """
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(gains, 0.0))
    lanes = np.zeros((logs.shape[0], overlap, logs.shape[1]))
    times = np.arange(logs.shape[0])
    lanes[times, times % overlap] = logs
    wealth = np.cumsum(lanes, axis=0).reshape(times.size, overlap * logs.shape[1])
    top = wealth.max(axis=1, initial=-math.inf, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    mean = top[:, 0] + np.log(np.maximum(np.exp(wealth - top).mean(axis=1), TINY))
    return math.exp(min(max(0.0, float(mean.max(initial=0.0))), LARGEST_LOG))


def first_alarm(gains: FloatArray, limit: float, overlap: int = 1) -> int | None:
    """After how many times the e-detector reaches `limit`, its average run between false alarms; or None.

    Args:
        gains: Shape (times, bets).
        limit: At least 1.
        overlap: Times an outcome spans; 1 for none.
    """
    levels = np.zeros((overlap, gains.shape[1]))
    for time, gain in enumerate(gains):
        levels = e_detector.advance(levels, gain, time % overlap)
        if e_detector.level(levels) >= limit / overlap:
            return time + 1
    return None
