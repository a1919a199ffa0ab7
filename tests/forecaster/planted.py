"""Histories with a planted edge, or with none."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from forecaster.ranks import centred_ranks
from forecaster.signals import SIGNALS, History

FIRST = date(2010, 1, 4)
SIX = SIGNALS[:6]
SECTORS = ("Energy", "Utilities", "Materials", "Financials")
REGIMES = ("up_calm_broad", "down_volatile_narrow")


def planted(
    edge: float,
    *,
    seed: int = 1,
    sessions: int = 700,
    tickers: int = 40,
    horizon: int = 5,
    labelled: bool = True,
) -> History:
    """Slow features of noise; returns that overlap, and follow the first signal's ranks as far as `edge`."""
    rng = np.random.default_rng(seed)
    features = sum(len(signal.features) for signal in SIX)
    values = np.empty((sessions, tickers, features))
    now = rng.standard_normal((tickers, features))
    for t in range(sessions):
        now = 0.9 * now + np.sqrt(1 - 0.81) * rng.standard_normal(now.shape)
        values[t] = now
    ranks = np.array(centred_ranks(values))
    moves = rng.standard_normal((sessions + horizon, tickers))
    returns = np.stack([moves[t : t + horizon].sum(axis=0) for t in range(sessions)]) / np.sqrt(horizon)
    returns = returns + edge * (ranks[..., 0] - ranks[..., 1])
    median = np.median(returns, axis=1, keepdims=True)
    outcomes = np.where(returns > median, 1.0, np.where(returns < median, 0.0, np.nan))
    return History(
        tuple(FIRST + timedelta(days=t) for t in range(sessions)),
        ranks,
        outcomes,
        SIX,
        tuple(REGIMES[t // 50 % 2] for t in range(sessions)) if labelled else (),
        tuple(SECTORS[i % len(SECTORS)] for i in range(tickers)) if labelled else (),
    )
