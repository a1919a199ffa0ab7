"""The multivariate check: a correlation that turns round while every margin stays.

Panels of 30 tickers and 8 features with a daily common shock (correlation 0.3) and slow features (AR(1),
0.9). Features one and two are correlated by 0.6; in the rotated panels by -0.6 in the newest 20 sessions,
which no PSI and no KS can see. The daemon's weekly look, for which the newest 378 sessions are prepared once,
is shown beside the full check.
"""

from __future__ import annotations

import math

import numpy as np

from bench.finding import Finding
from bench.share import Share
from monitors.arrays import FloatArray
from monitors.domain import domain_shift
from monitors.joint import prepare_joint

TITLE = "Multivariate drift: a rotation that no margin shows"
SEED = 20261122
FULL = 150  # calm panels; a fifth as many rotated ones
TICKERS, FEATURES, WINDOW = 30, 8, 20
CALM_SESSIONS, ROTATED_SESSIONS = 600, 400
SLOW, COMMON, CORRELATION = 0.9, 0.3, 0.6
NAMES = tuple("abcdefgh")


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Calm panels; a fifth as many rotated ones.
    """
    calm, rotated = calm_p_values(size), rotated_p_values(max(1, size // 5))
    found = []
    for column, name in enumerate(("", ", weekly look")):
        found += [
            Finding.share(
                f"calm panels with p at most 5 %{name}", _share(calm[:, column], 0.05), at_most=0.06
            ),
            Finding.share(
                f"calm panels with p at most 1 %{name}", _share(calm[:, column], 0.01), at_most=0.015
            ),
            Finding.share(
                f"rotated panels found at 1 %{name}", _share(rotated[:, column], 0.01), at_least=0.99
            ),
        ]
    return found


def calm_p_values(count: int) -> FloatArray:
    """p-values of panels in which nothing changes, in full and by the weekly look, shape (count, 2)."""
    found = []
    for seed in range(count):
        values = panel(np.random.default_rng([SEED, 0, seed]), CALM_SESSIONS + WINDOW, CORRELATION)
        found.append(_p(values[:-WINDOW], values[-WINDOW:]))
    return np.array(found)


def rotated_p_values(count: int) -> FloatArray:
    """p-values of panels whose newest window has the correlation turned round, shape (count, 2)."""
    found = []
    for seed in range(count):
        old = panel(np.random.default_rng([SEED, 1, seed]), ROTATED_SESSIONS, CORRELATION)
        new = panel(np.random.default_rng([SEED, 2, seed]), 300 + WINDOW, -CORRELATION)
        found.append(_p(old, new[-WINDOW:]))
    return np.array(found)


def panel(rng: np.random.Generator, sessions: int, correlation: float) -> FloatArray:
    """Features with standard normal margins, shape (sessions, tickers, features)."""
    common = math.sqrt(COMMON) * rng.standard_normal((sessions, 1, FEATURES))
    values = common + math.sqrt(1 - COMMON) * rng.standard_normal((sessions, TICKERS, FEATURES))
    for session in range(1, sessions):
        values[session] = SLOW * values[session - 1] + math.sqrt(1 - SLOW**2) * values[session]
    values[:, :, 1] = correlation * values[:, :, 0] + math.sqrt(1 - correlation**2) * values[:, :, 1]
    return np.asarray(values)


def _p(old: FloatArray, new: FloatArray) -> list[float]:
    reference = prepare_joint(old, NAMES, window=WINDOW)
    shifts = domain_shift(old, new, NAMES), None if reference is None else reference.shift(new)
    return [math.nan if shift is None else shift.p_value for shift in shifts]


def _share(p_values: FloatArray, level: float) -> Share:
    return Share(int((p_values <= level).sum()), p_values.size)
