"""The pooled hits: all tickers of a session as one number, watched for a fall of the hit rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from monitors.arrays import BoolArray, FloatArray
from monitors.pooled import UNSURE, PooledDetector, PooledLaw, measured_law
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.tally import Tally
from monitors.verdict import Subject

BELOW = 1.2815515655446004  # standard errors: the lower end of an interval of 80 %
LEAST_RATE, MOST_RATE = 0.1, 0.95  # between which a baseline is held


@dataclass(frozen=True, slots=True)
class PooledState:
    """What the pooled detector remembers between sessions.

    The first resolved sessions become the law and take no part in what is later held against it.

    Attributes:
        hits: Forecasts that came true in each of the first sessions; empty once the law is known.
        counts: Forecasts resolved in each of them.
        rate: The law's hit rate, 0 until it is known.
        correlation: The measured correlation of two tickers of one session.
        levels: The detector's level, lane by lane.
        resolved: Sessions with a resolved forecast since the law is known.
        tickers: Forecasts in the newest of them.
        idle: Sessions since an outcome was known.
    """

    hits: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    rate: float = 0.0
    correlation: float = 0.0
    levels: tuple[float, ...] = ()
    resolved: int = 0
    tickers: int = 0
    idle: int = 0


def step(
    state: PooledState,
    probabilities: FloatArray,
    outcomes: FloatArray,
    limits: WatchSettings,
    said_up: BoolArray | None = None,
) -> PooledState:
    """Take in the forecasts resolved in one session; pairs with a NaN are left out.

    Args:
        state: Before the session.
        probabilities: Stated, shape (tickers,).
        outcomes: 0 or 1, shape (tickers,).
        limits: The horizon, the fall to be found and the length of the reference.
        said_up: The directions, shape (tickers,); None takes one half or more for up.
    """
    known = ~np.isnan(probabilities) & ~np.isnan(outcomes)
    count = int(known.sum())
    if count == 0:
        return replace(state, idle=state.idle + 1)
    called = probabilities >= 0.5 if said_up is None else said_up
    hits = int((called == (outcomes > 0.5))[known].sum())
    if not state.rate:
        state = replace(state, hits=(*state.hits, hits), counts=(*state.counts, count), idle=0)
        return _with_law(state, limits) if len(state.hits) >= limits.reference_sessions else state
    lanes = limits.horizon
    levels = list(state.levels) if len(state.levels) == lanes else [0.0] * lanes
    lane = state.resolved % lanes
    levels[lane] = _detector(state, levels[lane], limits).update(hits, count).level
    return replace(state, levels=tuple(levels), resolved=state.resolved + 1, tickers=count, idle=0)


def _with_law(state: PooledState, limits: WatchSettings) -> PooledState:
    """Measure the law; its rate is the lower end of what the first sessions allow, or a coin's where less.

    A lucky start must not turn into an alarm, and a baseline above what was ever shown neither.
    """
    tally = Tally()
    for hits, count in zip(state.hits, state.counts, strict=True):
        tally = tally.added(count, hits)
    estimate = tally.estimate(limits.horizon)
    law = measured_law(np.array(state.hits, dtype=float), np.array(state.counts, dtype=float))
    rate = min(MOST_RATE, max(LEAST_RATE, estimate.mean - BELOW * estimate.error))
    return replace(state, hits=(), counts=(), rate=rate, correlation=law.correlation)


def _detector(state: PooledState, level: float, limits: WatchSettings) -> PooledDetector:
    law = PooledLaw(state.rate, state.correlation)
    fallen = max(state.rate - limits.pooled_fall, state.rate / 2)
    return PooledDetector(law, fallen, _lane_sessions(limits), level)


def _lane_sessions(limits: WatchSettings) -> float:
    return limits.sessions_between_false_alarms / limits.horizon


def pooled_reading(session: date, state: PooledState, limits: WatchSettings) -> Reading:
    """The mean of the lanes' levels; a breach where it reaches its limit.

    That is the sessions between false alarms, dealt into lanes, and a margin.

    The margin is for a law that is measured, not known (`monitors.pooled`). What a level overshoots its limit
    by is not taken off here: a mean over lanes overshoots less.
    """
    limit = UNSURE * _lane_sessions(limits)
    subject = Subject(session, "performance", "pooled_evidence", "universe", limit)
    if not state.rate:
        n = len(state.hits)
        return subject.unknown(NoData.TOO_FEW, n, f"{n} of {limits.reference_sessions} first sessions")
    if state.resolved < limits.horizon:
        return subject.unknown(NoData.TOO_FEW, state.resolved, f"{state.resolved} resolved sessions")
    if state.idle >= limits.stale_after:
        return subject.unknown(NoData.STALE, state.resolved, f"no outcome for {state.idle} sessions")
    value = math.fsum(state.levels) / max(len(state.levels), 1)
    detail = (
        f"bets that the hit rate fell below {state.rate:.1%}, {state.tickers} tickers of a session as one "
        f"(correlation {state.correlation:.2f}); {limits.false_alarms_per_year:g} false alarms a year at most"
    )
    verdict = State.BREACH if value >= limit else State.OK
    return subject.judged(value, state.resolved, verdict, Evidence("shiryaev_roberts", e_value=value), detail)
