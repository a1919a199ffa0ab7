"""A hundred tickers pooled, at one false alarm per 1,000 sessions.

Each session a hundred tickers win or lose with a common cause: their normal scores are correlated by 0, 0.1
or 0.3. Each path first measures the law of the daily share on 2,000 calm sessions; then the win rate falls
from 55 % to 45 % (or 50 %) after 100 calm sessions. Runs to a false alarm are cut at 6,000 sessions.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri

from bench.finding import Finding
from monitors.arrays import FloatArray, IntArray
from monitors.pooled import PooledDetector, measured_law

TITLE = "100 tickers pooled: one false alarm per 1,000 sessions"
SEED = 20261122
FULL = 1_000  # paths
TICKERS, RATE, SESSIONS = 100, 0.55, 1_000.0
LEARNT, CALM, CUT, SOUGHT = 2_000, 100, 6_000, 1_000  # sessions
GOALS = {0.0: 3, 0.1: 16, 0.3: 35}  # median delay to 45 %


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Paths of each kind.
    """
    found = []
    for correlation, goal in GOALS.items():
        runs = calm_runs(correlation, size)
        found.append(
            Finding.number(
                f"correlation {correlation}: mean run to a false alarm",
                float(runs.mean()),
                "sessions",
                at_least=SESSIONS,
                error=float(runs.std() / math.sqrt(size)),
                note="the limit makes up for the overshoot to first order; measured, not a theorem",
            )
        )
        for fallen in (0.45, 0.50):
            delay = float(np.median(delays(correlation, fallen, size)))
            at_most = goal if fallen == 0.45 else np.inf
            what = f"correlation {correlation}: median delay to {fallen:.0%}"
            found.append(Finding.number(what, delay, "sessions", at_most=at_most))
    return found


def wins(rng: np.random.Generator, rate: float, correlation: float, shape: tuple[int, ...]) -> IntArray:
    """Winning tickers of a session: given the day's common score, they win independently of each other."""
    common = rng.standard_normal(shape)
    share = ndtr((ndtri(rate) - math.sqrt(correlation) * common) / math.sqrt(1 - correlation))
    return np.asarray(rng.binomial(TICKERS, share))


def learnt(rng: np.random.Generator, correlation: float, fallen: float) -> PooledDetector:
    """The detector of a fall to `fallen`, its law measured on calm sessions of its own."""
    calm = wins(rng, RATE, correlation, (LEARNT,)).astype(np.float64)
    return PooledDetector(measured_law(calm, np.full(LEARNT, float(TICKERS)), RATE), fallen, SESSIONS)


def calm_runs(correlation: float, paths: int, *, cut: int = CUT) -> FloatArray:
    """Sessions to the false alarm of detectors of a fall to 45 %, shape (paths,)."""
    rng = np.random.default_rng([SEED, round(100 * correlation), 0])
    detectors = [learnt(rng, correlation, 0.45) for _ in range(paths)]
    lengths = (run_length(detector, wins(rng, RATE, correlation, (cut,))) for detector in detectors)
    return np.array(list(lengths), dtype=np.float64)


def delays(correlation: float, fallen: float, paths: int) -> FloatArray:
    """Sessions from the change to the alarm; paths that alarm in the calm are left out."""
    rng = np.random.default_rng([SEED, round(100 * correlation), 1])
    found = []
    for _ in range(paths):
        detector = learnt(rng, correlation, fallen)
        before, after = wins(rng, RATE, correlation, (CALM,)), wins(rng, fallen, correlation, (SOUGHT,))
        found.append(run_length(detector, np.concatenate([before, after])))
    lengths = np.array(found, dtype=np.float64)
    return lengths[lengths > CALM] - CALM


def run_length(detector: PooledDetector, path: IntArray) -> int:
    """Sessions to the alarm, cut at the last; `path` holds wins, shape (sessions,)."""
    limit = detector.limit(TICKERS)
    for session, won in enumerate(path.tolist()):
        detector = detector.update(won, TICKERS)
        if detector.level >= limit:
            return session + 1
    return int(path.size)
