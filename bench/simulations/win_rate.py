"""The win rate, one trade at a time, at one false alarm per 5,000 trades.

The e-detector of the daemon (eight bets mixed; what the rate fell to is not known to it) watches trades
that win 55 % of the time. The run to a false alarm is cut at 20,000 trades, so its mean is a little too
small. Delays are counted from the change, after 200 calm trades; paths that alarmed before the change are
left out.
"""

from __future__ import annotations

import numpy as np

from bench.finding import Finding
from monitors import e_detector, win_rate
from monitors.arrays import FloatArray

TITLE = "Win rate: one false alarm per 5,000 trades"
SEED = 20261122
FULL = 2_000  # paths
BASELINE, LIMIT, CALM, HORIZON = 0.55, 5_000.0, 200, 20_000


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Paths of each kind.
    """
    calm = run_lengths(BASELINE, size, horizon=HORIZON)
    found = [
        Finding.number(
            "win rate stays at 55 %: mean run to a false alarm",
            float(calm.mean()),
            "trades",
            at_least=LIMIT,
            error=float(calm.std() / np.sqrt(calm.size)),
        )
    ]
    for fallen, goal in ((0.45, 165.0), (0.40, 90.0), (0.50, np.inf)):
        delays = run_lengths(fallen, size, horizon=3_000, calm=CALM)
        what = f"falls to {fallen:.0%}: median delay"
        found.append(Finding.number(what, float(np.median(delays)), "trades", at_most=goal))
    return found


def run_lengths(now: float, paths: int, *, horizon: int, calm: int = 0, limit: float = LIMIT) -> FloatArray:
    """Trades from the change to the alarm, cut at `horizon`; paths that alarm in the calm are left out.

    Args:
        now: Win rate after the change.
        paths: How many.
        horizon: Most trades after the change.
        calm: Trades before it.
        limit: What the detector must reach.
    """
    rng = np.random.default_rng([SEED, round(100 * now), calm])
    stakes = win_rate.bets(BASELINE)[:, None]
    levels, lengths = np.zeros((1, stakes.size, paths)), np.full(paths, float(horizon))
    waiting = np.ones(paths, dtype=np.bool_)
    for trade in range(1 - calm, horizon + 1):
        won = (rng.random(waiting.size) < (BASELINE if trade <= 0 else now)).astype(np.float64)
        levels = e_detector.advance(levels, 1 + stakes * (BASELINE - won))
        fired = waiting & (levels.mean(axis=(0, 1)) >= limit)
        lengths[fired] = trade
        waiting &= ~fired
        if not waiting.any():
            break
    return np.asarray(lengths[lengths > 0])
