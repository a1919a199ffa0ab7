"""The calibration readings: do the stated probabilities come true?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from monitors import e_detector
from monitors.arrays import FloatArray
from monitors.ece import BINS, debiased
from monitors.overlap import mean_p, null_sums
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.verdict import Subject, agreed

RECENT = 250  # stated probabilities kept to place the bins
PER_SESSION = 25  # of which one session contributes at most this many
LEAST_SESSIONS = 20
LEAST_FORECASTS = 250
LEAST_FOR_GAP = 20
STAKES = (0.2, 0.5, 0.9)  # shares of the greatest stake that cannot go bankrupt
BETS = 4 * len(STAKES)
LEAST_RISK = 1e-6  # forecasts of 0 or 1 risk nothing; the stake stays finite


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """What the calibration monitors remember between sessions.

    Attributes:
        residuals: Per resolved session the sum of outcome - probability in each bin, newest last.
        counts: Per resolved session: forecasts, hits, and the sum of confidences.
        recent: The newest stated probabilities, thinned; their quantiles are the bins' edges.
        levels: The bets against calibration, lane by lane.
        resolved: Resolved sessions seen.
        idle: Sessions since an outcome was known.
    """

    residuals: tuple[tuple[float, ...], ...] = ()
    counts: tuple[tuple[int, int, float], ...] = ()
    recent: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    resolved: int = 0
    idle: int = 0


def step(
    state: CalibrationState, probabilities: FloatArray, outcomes: FloatArray, limits: WatchSettings
) -> CalibrationState:
    """Take in the forecasts resolved in one session; pairs with a NaN are left out.

    Args:
        state: Before the session.
        probabilities: Stated, in [0, 1], shape (tickers,).
        outcomes: 0 or 1, shape (tickers,).
        limits: Window lengths and horizon.

    Raises:
        ValueError: When the shapes differ, a probability lies outside [0, 1] or an outcome is neither 0 nor
            1.
    """
    stated, came = _checked(probabilities, outcomes)
    lanes = limits.horizon
    levels = e_detector.resume(state.levels, lanes, BETS)
    if stated.size == 0:
        return replace(state, idle=state.idle + 1, levels=e_detector.plain(levels))
    recent = _with_recent(state.recent, stated)
    edges = np.quantile(recent, np.arange(1, BINS) / BINS)
    sums = np.bincount(edges.searchsorted(stated, "left"), came - stated, BINS)
    confidence = np.maximum(stated, 1 - stated)
    hits = int(((stated >= 0.5) == (came > 0.5)).sum())
    counted = (int(stated.size), hits, round(float(confidence.sum()), 6))
    levels = e_detector.advance(levels, gains(stated, came), state.resolved % lanes)
    kept = max(limits.calibration_window, limits.gap_window)
    return CalibrationState(
        residuals=(*state.residuals, tuple(round(float(value), 6) for value in sums))[
            -limits.calibration_window :
        ],
        counts=(*state.counts, counted)[-kept:],
        recent=recent,
        levels=e_detector.plain(levels),
        resolved=state.resolved + 1,
        idle=0,
    )


def gains(stated: FloatArray, came: FloatArray) -> FloatArray:
    """What twelve bets against calibration gain on one cross-section, shape (12,).

    A bet gains 1 + s mean(g (y - p)) with a direction g fixed by the forecasts alone: too low (+1), too high
    (-1), too timid (sign and size of p - 1/2) and too bold (the opposite). Each stake s is a share of the
    greatest one that cannot turn the gain negative. If E[y | p] = p for every ticker, the mean gain is 1
    however the tickers move together, since only the mean over the cross-section enters.

    Args:
        stated: Probabilities, shape (tickers,), at least one.
        came: 0 or 1, shape (tickers,).
    """
    tilt = stated - 0.5
    widest = float(np.abs(tilt).max())
    slope = tilt / widest if widest > 0 else np.zeros(stated.size)
    out = []
    for weight in (np.ones(stated.size), slope):
        moved = float((weight * (came - stated)).mean())
        for sign in (1.0, -1.0):
            signed = sign * weight
            # the worst outcome for this bet: every y against it
            worst = float(np.where(signed > 0, signed * stated, -signed * (1 - stated)).mean())
            out += [1 + share * sign * moved / max(worst, LEAST_RISK) for share in STAKES]
    return np.array(out)


def calibration_readings(
    session: date, state: CalibrationState, limits: WatchSettings
) -> tuple[Reading, Reading, Reading]:
    """Calibration error, the gap between confidence and hit rate, and the sequential evidence."""
    limit = limits.sessions_between_false_alarms / limits.horizon
    error = Subject(session, "calibration", "ece", "universe", limits.ece_limit)
    gap = Subject(session, "calibration", "calibration_gap", "universe", limits.calibration_gap_limit)
    detector = Subject(session, "calibration", "calibration_evidence", "universe", limit)
    n = sum(count for count, _, _ in state.counts[-limits.calibration_window :])
    if state.idle >= limits.stale_after:
        clause = f"no outcome for {state.idle} sessions"
        return (
            error.unknown(NoData.STALE, n, clause),
            gap.unknown(NoData.STALE, n, clause),
            detector.unknown(NoData.STALE, state.resolved, clause),
        )
    return (
        _error(error, state, n, limits),
        _gap(gap, state, limits),
        _evidence(detector, state, limit, limits),
    )


def _error(subject: Subject, state: CalibrationState, n: int, limits: WatchSettings) -> Reading:
    sessions = len(state.residuals)
    if sessions < LEAST_SESSIONS or n < LEAST_FORECASTS:
        return subject.unknown(NoData.TOO_FEW, n, f"{n} forecasts of {sessions} sessions")
    residuals = np.array(state.residuals)
    gaps = residuals.sum(axis=0) / n
    null = null_sums(residuals, limits.horizon) / n
    raw, chance = float(np.abs(gaps).sum()), np.abs(null).sum(axis=1)
    value = debiased(gaps, null.std(axis=0))
    p = (1 + int((chance >= raw).sum())) / (1 + chance.size)
    detail = (
        f"raw {raw:.3f}; 95 % of calibrated forecasters stay below {float(np.quantile(chance, 0.95)):.3f}; "
        f"{sessions} sessions"
    )
    verdict = agreed(value > limits.ece_limit, p <= limits.calibration_p)
    return subject.judged(value, n, verdict, Evidence("session_bootstrap", p_value=p), detail)


def _gap(subject: Subject, state: CalibrationState, limits: WatchSettings) -> Reading:
    counts = state.counts[-limits.gap_window :]
    n = sum(count for count, _, _ in counts)
    if n < LEAST_FOR_GAP:
        return subject.unknown(NoData.TOO_FEW, n, f"{n} resolved forecasts")
    hits = sum(hit for _, hit, _ in counts)
    confidence = math.fsum(stated for _, _, stated in counts)
    gap = abs(confidence - hits) / n
    evidence = None
    if len(counts) >= LEAST_SESSIONS // 2:
        p = mean_p(np.array([hit - stated for _, hit, stated in counts]), limits.horizon)
        evidence = Evidence("overlap_robust_t", p_value=p)
    detail = f"confidence {confidence / n:.1%}, {hits / n:.1%} came true, {len(counts)} sessions"
    state_ = State.BREACH if gap > limits.calibration_gap_limit else State.OK
    return subject.judged(gap, n, state_, evidence, detail)


def _evidence(subject: Subject, state: CalibrationState, limit: float, limits: WatchSettings) -> Reading:
    if state.resolved < limits.horizon:
        return subject.unknown(NoData.TOO_FEW, state.resolved, f"{state.resolved} resolved sessions")
    value = e_detector.level(np.array(state.levels))
    verdict = State.BREACH if value >= limit else State.OK
    detail = (
        f"{limits.horizon} interleaved bets; at most {limits.false_alarms_per_year:g} false alarms a year"
    )
    return subject.judged(value, state.resolved, verdict, Evidence("e_detector", e_value=value), detail)


def _checked(probabilities: FloatArray, outcomes: FloatArray) -> tuple[FloatArray, FloatArray]:
    if probabilities.shape != outcomes.shape or probabilities.ndim != 1:
        raise ValueError(
            f"probabilities {probabilities.shape} and outcomes {outcomes.shape} do not pair up one to one"
        )
    known = ~np.isnan(probabilities) & ~np.isnan(outcomes)
    stated, came = probabilities[known].astype(np.float64), outcomes[known].astype(np.float64)
    if ((stated < 0) | (stated > 1)).any():
        raise ValueError("a stated probability lies outside 0 to 1")
    if ((came != 0) & (came != 1)).any():
        raise ValueError("an outcome is neither 0 nor 1")
    return stated, came


def _with_recent(recent: tuple[float, ...], stated: FloatArray) -> tuple[float, ...]:
    """The newest probabilities, this session's thinned evenly by rank and rounded to five digits."""
    ordered = np.sort(stated)
    taken = min(PER_SESSION, ordered.size)
    ranks = (np.arange(taken) * ordered.size + ordered.size // 2) // taken
    thinned = ordered[np.minimum(ranks, ordered.size - 1)]
    return (*recent, *(round(float(value), 5) for value in thinned))[-RECENT:]
