"""The study: features and outcomes in, scores out that claim to be out of sample; and its checks.

It is tried in made-up worlds, where it is known what can be found and when each outcome is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from backtest.leaks.result import Check, Result
from backtest.ranking import rank_ics
from backtest.session_mean import SessionMean, session_mean
from forecaster.ranks import centred_ranks
from market.panel import FloatArray

HORIZON: Final = 5
PURGE: Final = HORIZON + 1
"""Newest sessions whose outcome is still open at a close: it runs from the next open on."""

SESSIONS: Final = 360
TICKERS: Final = 30
FEATURES: Final = 8
CARRIERS: Final = FEATURES // 2
"""The first half of the features may carry an edge, the others are noise in every world."""

WORLDS: Final = 3
"""Made-up worlds over which chance is averaged."""

EDGE: Final = 0.8
"""Standard deviations of the outcome per unit of a carrier's rank: far more than real features say."""

SURE: Final = 3.0
"""Standard errors within which what is worth nothing must lie."""


@dataclass(frozen=True, slots=True)
class Study:
    """A way to fit and to forecast, as a named function.

    Attributes:
        name: Its name.
        compute: Takes centred ranks of shape (sessions, tickers, features) and outcomes of shape (sessions,
            tickers), 1.0, 0.0 or NaN, each known `PURGE` sessions after its own; returns scores of shape
            (sessions, tickers), larger is better, NaN where there is none.
    """

    name: str
    compute: Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class World:
    """Made-up features and the outcomes that follow them.

    Attributes:
        ranks: Centred ranks, shape (sessions, tickers, features).
        outcomes: 1.0 above the session's median, 0.0 below, shape (sessions, tickers).
    """

    ranks: FloatArray
    outcomes: FloatArray


def world(seed: int, *, edge: float, memory: float) -> World:
    """Make features that last, and outcomes that overlap and follow the carriers as far as `edge`."""
    rng = np.random.default_rng(seed)
    values = np.empty((SESSIONS, TICKERS, FEATURES))
    now = rng.standard_normal(values.shape[1:])
    for t in range(SESSIONS):
        now = memory * now + np.sqrt(1.0 - memory**2) * rng.standard_normal(now.shape)
        values[t] = now
    ranks = centred_ranks(values)
    moves = rng.standard_normal((SESSIONS + HORIZON, TICKERS))
    returns = np.stack([moves[t : t + HORIZON].sum(axis=0) for t in range(SESSIONS)]) / np.sqrt(HORIZON)
    signs = np.where(np.arange(CARRIERS) % 2, -1.0, 1.0)
    returns = returns + edge * ranks[..., :CARRIERS] @ signs
    return World(ranks, (returns > np.median(returns, axis=1, keepdims=True)).astype(np.float64))


def open_outcomes(study: Study, n: int, seed: int) -> Result:
    """Change the outcomes that are open at a close, and all later features; its scores must stay."""
    given = world(seed, edge=EDGE, memory=0.9)
    full = study.compute(given.ranks, given.outcomes)
    at = _fits(study, given, n, seed)
    misses, count, said = 0, 0, ""
    for t in at:
        ranks, outcomes = given.ranks.copy(), given.outcomes.copy()
        ranks[t + 1 :] = -ranks[t + 1 :][::-1]
        outcomes[t + 1 - PURGE :] = 1.0 - outcomes[t + 1 - PURGE :]
        row = study.compute(ranks, outcomes)[t]
        known = ~(np.isnan(row) & np.isnan(full[t]))
        wrong = known & (row != full[t])
        count, misses = count + int(known.sum()), misses + int(wrong.sum())
        if wrong.any() and not said:
            one = int(wrong.argmax())
            said = f"session {t} of a made-up world: {full[t, one]:.6g} becomes {row[one]:.6g}"
    return _result(Check.OUTCOMES, study, count, misses, said)


def _fits(study: Study, given: World, n: int, seed: int) -> list[int]:
    """Draw sessions at whose close it is fitted anew: an outcome that is used too early is used there.

    They are found by giving every session the same features: only another model then gives other scores.
    """
    same = np.broadcast_to(given.ranks[0], given.ranks.shape).copy()
    score = np.nan_to_num(study.compute(same, given.outcomes))
    rng = np.random.default_rng(seed)
    places = np.arange(1, SESSIONS - 1)
    fits = places[(score[1:-1] != score[:-2]).any(axis=1)]
    drawn = rng.choice(fits, min(n, len(fits)), replace=False)
    others = rng.choice(places[SESSIONS // 2 :], n - len(drawn), replace=False)
    return [int(t) for t in np.sort(np.concatenate([drawn, others]))]


def label_shuffle(study: Study, seed: int) -> Result:
    """Shuffle outcomes within each session; no score may foretell them."""
    found = []
    for one in range(seed, seed + WORLDS):
        given = world(one, edge=EDGE, memory=0.9)
        shuffled = np.random.default_rng(one).permuted(given.outcomes, axis=1)
        found.append(rank_ics(study.compute(given.ranks, shuffled), shuffled))
    return _by_chance(Check.LABEL_SHUFFLE, study, session_mean(np.concatenate(found), 1))


def no_edge(study: Study, seed: int) -> Result:
    """Give lasting features that say nothing of outcomes that overlap; shuffled folds see through them."""
    found = []
    for one in range(seed, seed + WORLDS):
        given = world(one, edge=0.0, memory=0.99)
        found.append(rank_ics(study.compute(given.ranks, given.outcomes), given.outcomes))
    return _by_chance(Check.FOLDS, study, session_mean(np.concatenate(found), HORIZON))


def noise_feature(study: Study, seed: int) -> Result:
    """Rank the features by how far scores follow them; none of noise may lie in the upper half."""
    follows, known = np.zeros(FEATURES), 0
    for one in range(seed, seed + WORLDS):
        given = world(one, edge=EDGE, memory=0.9)
        score = study.compute(given.ranks, given.outcomes)
        found = [session_mean(rank_ics(score, given.ranks[..., k]), 1).mean for k in range(FEATURES)]
        follows += np.nan_to_num(found) / WORLDS
        known += int((~np.isnan(score)).any(axis=1).sum())
    upper = np.argsort(-np.abs(follows), kind="stable")[:CARRIERS]
    noise = [int(k) for k in upper if k >= CARRIERS]
    said = f"noise {noise[0]} follows by {follows[noise[0]]:.3f}" if noise else ""
    return _result(Check.NOISE, study, known, len(noise), said)


def _by_chance(check: Check, study: Study, found: SessionMean) -> Result:
    limit = SURE * found.error
    said = f"rank IC {found.mean:.4f} ± {found.error:.4f}"
    return _result(check, study, found.sessions, int(not abs(found.mean) <= limit), said)


def _result(check: Check, study: Study, count: int, misses: int, said: str) -> Result:
    skipped = "" if count else "it gives no score"
    return Result(
        check,
        study.name,
        columns=1,
        compared=count,
        misses=misses if count else 0,
        leaking=(study.name,) if misses and count else (),
        said=said,
        skipped=skipped,
    )
