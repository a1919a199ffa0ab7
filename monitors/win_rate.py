"""The win rate: wins among the last trades in whole numbers, and the bets against its baseline."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy.special import bdtr

from monitors.arrays import FloatArray

# what the win rate may have fallen to, over the baseline; at 55 %: 52, 50, 47.5, 45, 42.5, 40, 35, 30 %
POOLED = (0.63, 0.81, 0.945)  # further stakes for sessions of many trades, over the greatest stake allowed
FALLS = tuple(fallen / 55.0 for fallen in (52.0, 50.0, 47.5, 45.0, 42.5, 40.0, 35.0, 30.0))


def has_dropped(wins: int, trades: int, baseline: float, drop: float) -> bool:
    """Whether wins / trades lies more than `drop` below `baseline`, decided in exact arithmetic.

    In floats 0.55 - 9/20 > 0.10 is true; here it is not.

    Args:
        wins: Winning trades.
        trades: All trades, at least 1.
        baseline: Expected share, read as the nearest fraction with a denominator up to a million.
        drop: Fraction, read the same way.
    """
    return _exact(baseline) - Fraction(wins, trades) > _exact(drop)


def binomial_p(wins: int, trades: int, baseline: float) -> float:
    """P(at most `wins` of `trades` independent trades win) at the baseline: one-sided exact binomial test."""
    p = float(bdtr(wins, trades, baseline))
    return min(1.0, max(p, np.finfo(np.float64).tiny))


def wilson_lower(wins: int, trades: int, z: float = 1.2815515655446004) -> float:
    """Lower end of Wilson's interval (1927) for a share; z = 1.28 leaves 10 % below.

    Args:
        wins: Winning trades.
        trades: All trades, at least 1.
        z: Normal quantile.
    """
    share, extra = wins / trades, z * z / trades
    spread = z * math.sqrt(share * (1 - share) / trades + extra / (4 * trades))
    return (share + extra / 2 - spread) / (1 + extra)


def bets(baseline: float) -> FloatArray:
    """Stakes of the eight bets that the win rate has fallen below `baseline`, shape (8,).

    A stake s gains 1 + s (baseline - x) on a result x in [0, 1]. With s = ((1 - q) / (1 - baseline) - 1) /
    baseline this is the likelihood ratio of win rate q against the baseline for a single trade.

    Args:
        baseline: Share in (0, 1).
    """
    fallen = baseline * np.array(FALLS)
    return np.asarray(((1 - fallen) / (1 - baseline) - 1) / baseline)


def pooled_bets(baseline: float) -> FloatArray:
    """`bets` and three greater stakes, for sessions in which many trades average out, shape (11,)."""
    return np.concatenate([bets(baseline), np.array(POOLED) / (1 - baseline)])


def gains(win_share: float, stakes: FloatArray, baseline: float) -> FloatArray:
    """What each stake gains on a session's share of winning trades, shape of `stakes`; NaN in, NaN out.

    The mean gain is at most 1 while the share's mean is the baseline or more. Only the share enters, so
    trades closed in one session may depend on each other as they like.
    """
    return np.asarray(1 + stakes * (baseline - win_share))


def _exact(share: float) -> Fraction:
    return Fraction(share).limit_denominator(1_000_000)
