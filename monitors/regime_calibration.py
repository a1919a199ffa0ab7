"""The calibration by regime: each regime's gap, and one bet over all of them under one budget.

Every session belongs to one regime, known when its forecasts were made. Each regime has bets of its own,
which move in its sessions alone: M <- (M + 1) e. Each session adds at most 1 to the expected *sum* over
regimes, so that the sum is an e-detector with the budget of a single one, however many regimes there are
(Shin, Ramdas, Rinaldo 2024, the Shiryaev-Roberts form). It finds a forecaster who is wrong in one regime and
right, or wrong the other way, in the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from monitors import e_detector
from monitors.arrays import FloatArray
from monitors.calibration import STAKES, gains
from monitors.gap_by_group import GroupGap, gap_readings
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.tally import Tally
from monitors.verdict import Subject

BETS = 4  # directions; of the stakes the middle one, so that little is kept for each regime
MIDDLE = slice(len(STAKES) // 2, None, len(STAKES))


@dataclass(frozen=True, slots=True)
class RegimeState:
    """What is remembered of each regime.

    Attributes:
        sessions: Sessions seen.
        resolved: Sessions with a resolved forecast of known regime.
        names: The regimes seen, sorted.
        tallies: Of each, the `Tally` of hit less confidence, as a row.
        seen: When each last had a resolved forecast, counted in sessions.
        levels: Of each, the bets against calibration, lane by lane.
    """

    sessions: int = 0
    resolved: int = 0
    names: tuple[str, ...] = ()
    tallies: tuple[tuple[float, ...], ...] = ()
    seen: tuple[int, ...] = ()
    levels: tuple[tuple[float, ...], ...] = ()


def step(
    state: RegimeState,
    probabilities: FloatArray,
    outcomes: FloatArray,
    regimes: tuple[str, ...],
    limits: WatchSettings,
) -> RegimeState:
    """Take in the forecasts resolved in one session; pairs with a NaN are left out.

    Args:
        state: Before the session.
        probabilities: Stated, shape (tickers,).
        outcomes: 0 or 1, shape (tickers,).
        regimes: Of each forecast; "" is unknown. They are of one session and so of one regime: the first
            known one counts.
        limits: The horizon.
    """
    sessions = state.sessions + 1
    known = ~np.isnan(probabilities) & ~np.isnan(outcomes)
    regime = next(filter(None, regimes), "")
    if not regime or not known.any():
        return RegimeState(sessions, state.resolved, state.names, state.tallies, state.seen, state.levels)
    stated, came = probabilities[known], outcomes[known]
    hits = int(((stated >= 0.5) == (came > 0.5)).sum())
    confidence = float(np.maximum(stated, 1 - stated).sum())
    rows = zip(state.tallies, state.seen, state.levels, strict=True)
    kept = dict(zip(state.names, rows, strict=True))
    tally, _, levels = kept.get(regime, ((), 0, ()))
    after = e_detector.advance(
        e_detector.resume(levels, limits.horizon, BETS),
        gains(stated, came)[MIDDLE],
        state.resolved % limits.horizon,
    )
    moved = Tally.of(tally).added(int(stated.size), hits - confidence)
    kept[regime] = moved, sessions, e_detector.plain(after)
    names = tuple(sorted(kept))
    tallies, seen, held = zip(*(kept[name] for name in names), strict=True)
    return RegimeState(sessions, state.resolved + 1, names, tallies, seen, held)


def regime_readings(session: date, state: RegimeState, limits: WatchSettings) -> tuple[Reading, ...]:
    """`calibration_gap_by_regime` of each regime seen, and `calibration_evidence_by_regime` over all."""
    limit = limits.sessions_between_false_alarms / limits.horizon
    groups = [
        _group(session, name, Tally.of(tally), state.sessions - seen, limits)
        for name, tally, seen in zip(state.names, state.tallies, state.seen, strict=True)
    ]
    gaps = gap_readings(
        groups,
        limit=limits.calibration_gap_limit,
        level=limits.calibration_p,
        overlap=limits.horizon,
        least=limits.hit_rate_sessions,
    )
    subject = Subject(session, "calibration", "calibration_evidence_by_regime", "universe", limit)
    return *gaps, _evidence(subject, state, limit, limits)


def _group(session: date, name: str, tally: Tally, idle: int, limits: WatchSettings) -> GroupGap:
    metric, limit = "calibration_gap_by_regime", limits.calibration_gap_limit
    subject = Subject(session, "calibration", metric, f"regime:{name}", limit)
    if idle >= limits.stale_after:
        return GroupGap(subject, tally, NoData.STALE, f"none resolved for {idle} sessions")
    return GroupGap(subject, tally)


def _evidence(subject: Subject, state: RegimeState, limit: float, limits: WatchSettings) -> Reading:
    if state.resolved < limits.horizon:
        return subject.unknown(NoData.TOO_FEW, state.resolved, f"{state.resolved} resolved sessions")
    if state.sessions - max(state.seen) >= limits.stale_after:
        return subject.unknown(NoData.STALE, state.resolved, "no outcome lately")
    parts = [e_detector.level(np.array(row)) if row else 0.0 for row in state.levels]
    value, most = sum(parts), state.names[int(np.argmax(parts))]
    detail = (
        f"one bet over {len(parts)} regimes, most of it in {most}; at most "
        f"{limits.false_alarms_per_year:g} false alarms a year"
    )
    verdict = State.BREACH if value >= limit else State.OK
    return subject.judged(value, state.resolved, verdict, Evidence("e_detector", e_value=value), detail)
