"""Overlapping outcomes: means and their chance when neighbouring sessions share most of their returns."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import stdtr

from monitors.arrays import FloatArray

DRAWS = 499
SEED = 20261122


def mean_p(residuals: FloatArray, horizon: int) -> float:
    """Two-sided p-value that a series of session means has mean zero although neighbours are dependent.

    The long-run variance is the mean of v squared cosine projections and the ratio follows Student's t with v
    degrees (Lazarus, Lewis, Stock, Watson 2018); v = max(2, 0.4 n^(2/3)) for overlapping outcomes, n - 1
    without overlap.

    Args:
        residuals: One number per session in order of time, shape (n,).
        horizon: Sessions an outcome spans; 1 means no overlap.

    Returns:
        In (0, 1]; 1 with fewer than ten sessions or no variation about a zero mean.
    """
    n = residuals.size
    if n < 10:
        return 1.0
    mean = float(residuals.mean())
    if horizon <= 1:
        degrees = n - 1
        variance = float(residuals.var(ddof=1))
    else:
        degrees = max(2, int(0.4 * n ** (2 / 3)))
        waves = np.cos(np.pi * np.outer(np.arange(1, degrees + 1), np.arange(n) + 0.5) / n)
        variance = float((((waves * residuals).sum(axis=1) * math.sqrt(2 / n)) ** 2).mean())
    if variance <= 0:
        return 1.0 if mean == 0 else float(np.finfo(np.float64).tiny)
    ratio = abs(mean) * math.sqrt(n / variance)
    return min(1.0, max(2 * float(stdtr(degrees, -ratio)), float(np.finfo(np.float64).tiny)))


def null_sums(residuals: FloatArray, horizon: int, draws: int = DRAWS) -> FloatArray:
    """Draws of what the column sums of session residuals would be if each had mean zero.

    The dependent wild bootstrap (Shao 2010): sessions are multiplied as whole rows, so that tickers of one
    session stay together, by a moving average of normals over twice the horizon, so that overlapping sessions
    do too. Two known shortfalls are corrected: the kernel's for outcomes that overlap like a moving sum, and
    that of centring. A Student factor with 1.5 n / span degrees stands for the variance being estimated.

    Args:
        residuals: Shape (sessions, bins), in order of time.
        horizon: Sessions an outcome spans; 1 means no overlap.
        draws: How many.

    Returns:
        Shape (draws, bins); the same for the same residuals.
    """
    sessions = residuals.shape[0]
    span = 2 * horizon if horizon > 1 else 1
    weights = _weights(sessions, span, draws)
    lags = np.arange(1, horizon)
    shortfall = 1 + 2 * float(((1 - lags / span) * (1 - lags / horizon)).sum())
    scale = math.sqrt(horizon / shortfall / max(1 - span / sessions, 0.25))
    centred = residuals - residuals.mean(axis=0)
    return np.asarray(scale * np.einsum("dt,tb->db", weights, centred, optimize=False))


@lru_cache(maxsize=8)
def _weights(sessions: int, span: int, draws: int) -> FloatArray:
    """Multipliers of unit variance, correlated 1 - lag / span, shape (draws, sessions)."""
    rng = np.random.default_rng(SEED)
    running = np.cumsum(rng.standard_normal((draws, sessions + span)), axis=1)
    moving = (running[:, span:] - running[:, :-span]) / math.sqrt(span)
    degrees = max(3.0, 1.5 * sessions / span)
    student = np.sqrt(degrees / rng.chisquare(degrees, (draws, 1)))
    return np.asarray(moving * student)
