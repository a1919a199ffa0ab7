"""The ranking: whether a score puts tickers into the order in which they then returned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from backtest.session_mean import SessionMean, session_mean
from forecaster.ranks import centred_ranks
from market.panel import FloatArray
from monitors.sharpe import sharpe

LEAST_TICKERS = 3
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True)
class Ranking:
    """How good a score's order was; every number is NaN where the score orders nothing.

    Attributes:
        rank_ic: Spearman's correlation of score and return, averaged over sessions.
        hit_rate: Share of tickers on the side of the median that the score's sign or half says.
        sharpe: Annualised, gross, of holding the upper half against the lower half, each for the horizon.
    """

    rank_ic: SessionMean
    hit_rate: SessionMean
    sharpe: float


def ranking(score: FloatArray, returns: FloatArray, outcomes: FloatArray, horizon: int) -> Ranking:
    """Judge a score.

    Args:
        score: Larger is better, shape (sessions, tickers); NaN where there is none.
        returns: Over the horizon, fractions, the same shape; NaN unknown.
        outcomes: 1.0 where the target came, 0.0 where not, NaN else, the same shape.
        horizon: Sessions held.
    """
    return Ranking(
        session_mean(rank_ics(score, returns), horizon),
        session_mean(hits(score, outcomes), horizon),
        annual_sharpe(spreads(score, returns), horizon),
    )


def rank_ics(score: FloatArray, returns: FloatArray) -> FloatArray:
    """Return each session's rank correlation, shape (sessions,); NaN below 3 tickers or for equal values."""
    known = ~np.isnan(score) & ~np.isnan(returns)
    ranks = [
        np.nan_to_num(centred_ranks(np.where(known, values, np.nan)[..., None])[..., 0])
        for values in (score, returns)
    ]
    products = (ranks[0] * ranks[1]).sum(axis=1)
    scale = np.sqrt(np.square(ranks[0]).sum(axis=1) * np.square(ranks[1]).sum(axis=1))
    enough = (known.sum(axis=1) >= LEAST_TICKERS) & (scale > 0)
    return np.asarray(np.divide(products, scale, out=np.full(scale.shape, np.nan), where=enough))


def hits(score: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Return each session's share of right directions, shape (sessions,).

    Above the session's median score means up, below it down; a score at the median says nothing.
    """
    known = ~np.isnan(score) & ~np.isnan(outcomes)
    side = np.sign(score - _median(np.where(known, score, np.nan))[:, None])
    says = known & (side != 0)
    right = says & ((side > 0) == (outcomes > 0.5))
    n = says.sum(axis=1)
    return np.asarray(np.divide(right.sum(axis=1), n, out=np.full(n.shape, np.nan), where=n > 0))


def spreads(score: FloatArray, returns: FloatArray) -> FloatArray:
    """Return of the upper half less the lower half, over the horizon, shape (sessions,)."""
    known = ~np.isnan(score) & ~np.isnan(returns)
    side = np.sign(score - _median(np.where(known, score, np.nan))[:, None])
    halves = []
    for wanted in (1.0, -1.0):
        held = known & (side == wanted)
        n = held.sum(axis=1)
        total = np.where(held, returns, 0.0).sum(axis=1)
        halves.append(np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0))
    return np.asarray(halves[0] - halves[1])


def annual_sharpe(returns: FloatArray, horizon: int) -> float:
    """Return the mean over the starting days of the Sharpe ratio without overlap, annualised (Sharpe 1994).

    Args:
        returns: Over the horizon, one a session, shape (sessions,); NaN is left out.
        horizon: Sessions held.
    """
    found = []
    for first in range(horizon):
        own = returns[first::horizon]
        found.append(sharpe(own[~np.isnan(own)]))
    known = [ratio for ratio in found if not math.isnan(ratio)]
    if not known:
        return math.nan
    return math.fsum(known) / len(known) * math.sqrt(SESSIONS_PER_YEAR / horizon)


def _median(values: FloatArray) -> FloatArray:
    """Median of each row's known values; NaN where there is none."""
    out = np.full(len(values), np.nan)
    some = ~np.isnan(values).all(axis=1)
    out[some] = np.nanmedian(values[some], axis=1)
    return out
