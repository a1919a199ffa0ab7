"""The performance report: a series of returns, one verdict."""

from __future__ import annotations

import math
from datetime import date
from functools import partial

import numpy as np

from monitors import performance
from monitors.arrays import FloatArray
from monitors.confidence_sequence import (
    Interval,
    loss_e_value,
    mean_interval,
    profit_factor_interval,
    sharpe_interval,
)
from monitors.reading import Evidence, NoData, Reading, State
from monitors.report import UNDATED, PerformanceReport, verdict_of
from monitors.settings import WatchSettings
from monitors.sharpe import is_constant, sharpe
from monitors.trade_statistics import expectancy, greatest_drawdown, profit_factor
from monitors.verdict import Subject, graded

LEAST = 20
LEVEL = 0.01
BOUND = 0.2  # a greater return counts as this where an interval needs a bound
DEFAULTS = WatchSettings(trade_overlap=1)


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

    Two questions are decided, each by a bet that may be looked at after every return: whether the mean return
    lies below zero, and whether the share of winning periods has fallen below that of the first hundred.

    A return of -1 has lost everything: a breach that needs no further evidence.

    Args:
        returns: Net, as fractions, one a trade or period, in order of time, shape (n,); NaN is left out.
        periods_per_year: For annualising.
        bound: Greatest size of a return; what lies beyond is cut, for intervals and bets only.
        level: Chance that a series whose mean is zero or more is said to lose.
        session: What the readings are dated.
        limits: The classic limits and the budget of the win rate's bets.

    Raises:
        ValueError: When the returns are not one column or one is below -1, or where `bound` or
            `periods_per_year` is not positive.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> performance_report(rng.normal(0.001, 0.01, 500)).verdict.value
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
    if reason is not None:
        clause = f"{known.size} of {returns.size} returns known"
        metrics = ("expectancy", "hit_rate", "profit_factor", "sharpe", "drawdown")
        return PerformanceReport(
            tuple(subject(metric, "returns").unknown(reason, known.size, clause) for metric in metrics),
            State.NO_DATA,
        )
    mean = _expectancy(subject("expectancy", "returns", 0.0), known, bound, level)
    shown = _shown(session, known, bound, periods_per_year, limits)
    classic, evidence = _rolling(session, known, limits)
    deciding = [mean] if evidence.state is State.NO_DATA else [mean, evidence]
    deciding += [fact for fact in shown if fact.metric == "drawdown" and fact.value >= 1]
    verdict = verdict_of(deciding)
    return PerformanceReport((mean, *shown, *classic, evidence), verdict)


def _reason(returns: FloatArray, known: FloatArray) -> NoData | None:
    if 2 * known.size < returns.size:
        return NoData.MISSING
    if known.size < LEAST:
        return NoData.TOO_FEW
    if np.isinf(known).any():
        return NoData.INFINITE
    return NoData.CONSTANT if is_constant(known) else None


def _expectancy(subject: Subject, known: FloatArray, bound: float, level: float) -> Reading:
    interval = mean_interval(known, -bound, bound)
    lost = loss_e_value(known, bound)
    cut = int((np.abs(known) > bound).sum())
    detail = f"95 % at all times: {interval}; {cut} returns cut to {bound:g}"
    state = State.BREACH if lost >= 1 / level else State.OK
    evidence = Evidence("betting_mean_below_zero", e_value=lost)
    return subject.judged(expectancy(known), known.size, state, evidence, detail)


def _shown(
    session: date, known: FloatArray, bound: float, periods_per_year: float, limits: WatchSettings
) -> tuple[Reading, ...]:
    """Numbers to look at, each with its interval."""
    subject = partial(Subject, session, "performance")
    wins, n = (known > 0).astype(np.float64), known.size
    factor, fall = profit_factor(known), greatest_drawdown(known)
    ratios = subject("profit_factor", "returns", 1.0)
    if math.isfinite(factor):
        ratio = _with_interval(ratios, factor, n, profit_factor_interval(known, bound))
    else:
        ratio = ratios.unknown(NoData.TOO_FEW, n, "no losing return")
    deepest = subject("drawdown", "returns", limits.drawdown_limit).judged(
        fall,
        n,
        graded(fall, warn=limits.drawdown_warn, limit=limits.drawdown_limit),
        detail="greatest fall of the compounded returns; a fact, not an estimate",
    )
    hits = _with_interval(subject("hit_rate", "returns"), float(wins.mean()), n, mean_interval(wins))
    return hits, ratio, _sharpe(subject("sharpe", "returns"), known, periods_per_year), deepest


def _sharpe(subject: Subject, known: FloatArray, periods_per_year: float) -> Reading:
    ratio, yearly = sharpe(known), math.sqrt(periods_per_year)
    interval = sharpe_interval(known)
    detail = (
        f"per period; {ratio * yearly:.2f} annualised; 95 % at all times for long series: {interval}, "
        f"{interval.low * yearly:.2f} to {interval.high * yearly:.2f} annualised"
    )
    return subject.judged(ratio, known.size, State.OK, detail=detail)


def _with_interval(subject: Subject, value: float, n: int, interval: Interval) -> Reading:
    return subject.judged(value, n, State.OK, detail=f"95 % at all times: {interval}")


def _rolling(
    session: date, known: FloatArray, limits: WatchSettings
) -> tuple[tuple[Reading, Reading], Reading]:
    """The classic rules and the win rate's bets as they stand at the end of the series."""
    state = performance.PerformanceState()
    for return_ in known:
        state = performance.step(state, np.array([return_]), float(return_), limits)
    rolling, evidence = performance.win_rate_readings(session, state, limits)
    return (rolling, performance.sharpe_reading(session, state, limits)), evidence
