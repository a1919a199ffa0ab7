"""The performance report: a series of returns, one verdict."""

from __future__ import annotations

import math
from datetime import date
from functools import partial

import numpy as np

from monitors import performance
from monitors.arrays import FloatArray
from monitors.bounded import Reach, Seen, ever_below_p
from monitors.confidence_sequence import Interval, mean_interval
from monitors.missing import missing_reading
from monitors.moments import Moments
from monitors.ratio_tally import RatioTally
from monitors.reading import Evidence, NoData, Reading, State
from monitors.report import UNDATED, PerformanceReport, verdict_of
from monitors.settings import WatchSettings
from monitors.sharpe import is_constant, sharpe
from monitors.tally import Tally
from monitors.trade_statistics import expectancy, greatest_drawdown, profit_factor
from monitors.verdict import Subject, graded

LEAST = 20
LEVEL = 0.01
BOUND = 0.2  # of a return, where no greater one was seen
DEFAULTS = WatchSettings(trade_overlap=1)
METRICS = ("expectancy", "hit_rate", "profit_factor", "sharpe", "drawdown")


def performance_report(
    returns: FloatArray,
    *,
    periods_per_year: float = 252,
    bound: float = BOUND,
    level: float = LEVEL,
    session: date = UNDATED,
    limits: WatchSettings = DEFAULTS,
) -> PerformanceReport:
    """Does a series of returns earn, and as much as it did at first?

    Two questions are decided, each by bets that may be looked at after every return: whether the mean return
    lies below zero, and whether the share of winning periods has fallen below that of the first hundred.

    A return of -1 has lost everything: a breach that needs no further evidence.

    Args:
        returns: Net, as fractions, one a trade or period, in order of time, shape (n,); NaN is left out.
        periods_per_year: For annualising.
        bound: Greatest size of a return that intervals and bets allow for, doubled to either side until it
            holds every return: none is cut.
        level: Chance that a series whose mean is zero or more is said to lose.
        session: What the readings are dated.
        limits: The classic limits, the budget of the win rate's bets, and how many neighbours overlap.

    Raises:
        ValueError: When the returns are not one column or one is below -1, or where `bound` or
            `periods_per_year` is not positive.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> performance_report(rng.normal(0.002, 0.01, 500)).verdict.value
        'ok'
        >>> performance_report(rng.normal(-0.005, 0.01, 500)).verdict.value
        'breach'
    """
    if returns.ndim != 1:
        raise ValueError(f"returns of shape {returns.shape}: one column is needed")
    if not (bound > 0 and periods_per_year > 0):
        raise ValueError(f"bound {bound} and periods_per_year {periods_per_year} must be positive")
    known = returns[~np.isnan(returns)].astype(np.float64)
    if (known < -1).any():
        raise ValueError(f"a return of {known.min():g}: more than everything cannot be lost, -1 is the least")
    reason = _reason(returns, known)
    subject = partial(Subject, session, "performance")
    missing = missing_reading(subject("missing", "returns"), returns.size - known.size, returns.size)
    if reason is not None:
        clause = f"{known.size} of {returns.size} returns known"
        unknown = (subject(metric, "returns").unknown(reason, known.size, clause) for metric in METRICS)
        return PerformanceReport((*unknown, *missing), State.NO_DATA)
    reach = Seen().added(known).reach(bound)._replace(most=1)
    mean = _expectancy(subject("expectancy", "returns", 0.0), known, reach, level, limits)
    shown = _shown(session, known, reach, periods_per_year, limits)
    classic, evidence = _rolling(session, known, limits)
    deciding = [mean, *missing, *(one for one in (evidence,) if one.state is not State.NO_DATA)]
    deciding += [fact for fact in shown if fact.metric == "drawdown" and fact.value >= 1]
    verdict = verdict_of(deciding)
    return PerformanceReport((mean, *shown, *classic, evidence, *missing), verdict)


def _reason(returns: FloatArray, known: FloatArray) -> NoData | None:
    if 2 * known.size < returns.size:
        return NoData.MISSING
    if known.size < LEAST:
        return NoData.TOO_FEW
    if np.isinf(known).any():
        return NoData.INFINITE
    return NoData.CONSTANT if is_constant(known) else None


def _expectancy(
    subject: Subject, known: FloatArray, reach: Reach, level: float, limits: WatchSettings
) -> Reading:
    """The mean return; below zero it is a warning, with evidence a breach."""
    interval = Tally.over(known).interval(reach, limits.trade_overlap)
    p, mean = ever_below_p(known, reach.high, limits.trade_overlap), expectancy(known)
    state = State.BREACH if p <= level else State.WARN if mean < 0 else State.OK
    detail = f"95 % at all times: {interval:.4g}, {reach}"
    return subject.judged(mean, known.size, state, Evidence("bounded_bets", p_value=p), detail, interval)


def _shown(
    session: date, known: FloatArray, reach: Reach, periods_per_year: float, limits: WatchSettings
) -> tuple[Reading, ...]:
    """Numbers to look at, each with its interval."""
    subject = partial(Subject, session, "performance")
    wins, n = (known > 0).astype(np.float64), known.size
    fall, overlap = greatest_drawdown(known), limits.trade_overlap
    deepest = subject("drawdown", "returns", limits.drawdown_limit).judged(
        fall,
        n,
        graded(fall, warn=limits.drawdown_warn, limit=limits.drawdown_limit),
        detail="greatest fall of the compounded returns; a fact, not an estimate",
    )
    won = mean_interval(wins) if overlap == 1 else Tally.over(wins).interval(Reach(0.0, 1.0), overlap)
    hits = subject("hit_rate", "returns").judged(
        float(wins.mean()), n, State.OK, detail=f"95 % at all times: {won:.4g}", interval=won
    )
    ratio = _factor(subject("profit_factor", "returns", 1.0), known, reach, overlap)
    return (
        hits,
        ratio,
        _sharpe(subject("sharpe", "returns"), known, reach, periods_per_year, overlap),
        deepest,
    )


def _factor(subject: Subject, known: FloatArray, reach: Reach, overlap: int) -> Reading:
    factor = profit_factor(known)
    if not math.isfinite(factor):
        return subject.unknown(NoData.TOO_FEW, known.size, "no losing return")
    interval = RatioTally.over(known).interval(reach, overlap)
    state = State.WARN if factor < 1 else State.OK
    detail = f"95 % at all times: {interval:.4g}, {reach}"
    return subject.judged(factor, known.size, state, detail=detail, interval=interval)


def _sharpe(
    subject: Subject, known: FloatArray, reach: Reach, periods_per_year: float, overlap: int
) -> Reading:
    ratio, yearly = sharpe(known), math.sqrt(periods_per_year)
    interval = Moments.over(known).interval(reach, overlap)
    annual = Interval(interval.low * yearly, interval.high * yearly)
    detail = (
        f"per period; {ratio * yearly:.2f} annualised; 95 % at all times: {interval:.4g}, "
        f"{annual:.2f} annualised, {reach}"
    )
    return subject.judged(ratio, known.size, State.OK, detail=detail, interval=interval)


def _rolling(
    session: date, known: FloatArray, limits: WatchSettings
) -> tuple[tuple[Reading, Reading], Reading]:
    """The classic rules and the win rate's bets as they stand at the end of the series."""
    state = performance.PerformanceState()
    for return_ in known:
        state = performance.step(state, np.array([return_]), float(return_), limits)
    rolling, evidence = performance.win_rate_readings(session, state, limits)
    return (rolling, performance.sharpe_reading(session, state, limits)), evidence
