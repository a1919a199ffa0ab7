"""The trades: profit factor, expectancy, the deepest fall and the turnover of the account."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from monitors.arrays import FloatArray
from monitors.bounded import Reach, Seen, widened
from monitors.confidence_sequence import beside
from monitors.ratio_tally import RatioTally
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.sharpe import LEAST_SPREAD
from monitors.tally import Tally
from monitors.trade_statistics import expectancy, greatest_drawdown, profit_factor, turnover
from monitors.verdict import Subject

LEAST = 20  # trades, or sessions with a trade, below which nothing is said


@dataclass(frozen=True, slots=True)
class TradeState:
    """What is remembered of the account's trades.

    Attributes:
        newest: Net returns of the newest trades, NaN = unknown, oldest first.
        all_time: The `Tally` of all trades of known result, as a row.
        turnovers: Turnover of the newest sessions in which it was known.
        idle: Sessions since a trade was closed.
        all_gains: The `RatioTally` of all sessions' gains and losses, as a row.
        all_turnovers: The `Tally` of all sessions' turnovers, as a row.
        seen: How far all trades' returns have reached, as a row of `Seen`.
    """

    newest: tuple[float, ...] = ()
    all_time: tuple[float, ...] = ()
    turnovers: tuple[float, ...] = ()
    idle: int = 0
    all_gains: tuple[float, ...] = ()
    all_turnovers: tuple[float, ...] = ()
    seen: tuple[float, ...] = ()


def step(
    state: TradeState, trade_returns: FloatArray, weights: FloatArray, limits: WatchSettings
) -> TradeState:
    """Take in one session.

    Args:
        state: Before the session.
        trade_returns: Net returns of the trades closed, shape (trades,), NaN = unknown, in closing order.
        weights: Share of equity in each ticker and in cash at the last close and at this one, shape (2,
            tickers + 1), or no row where the last close is unknown.
        limits: Window lengths.
    """
    known = trade_returns[np.isfinite(trade_returns)]
    closed = tuple(float(trade) if math.isfinite(trade) else math.nan for trade in trade_returns)
    moved = turnover(weights) if weights.shape[0] > 1 else math.nan
    turnovers, ever = state.turnovers, Tally.of(state.all_turnovers)
    if not math.isnan(moved):
        turnovers, ever = (*turnovers, moved), ever.added(1, moved)
    gains = RatioTally.of(state.all_gains)
    if known.size:
        gains = gains.added(float(known[known > 0].sum()), -float(known[known < 0].sum()))
    return TradeState(
        (*state.newest, *closed)[-limits.trade_window :],
        Tally.of(state.all_time).added(int(known.size), float(known.sum())),
        turnovers[-limits.turnover_window :],
        0 if closed else state.idle + 1,
        gains,
        ever,
        Seen.of(state.seen).added(known),
    )


def trade_readings(session: date, state: TradeState, limits: WatchSettings) -> tuple[Reading, ...]:
    """Profit factor, expectancy and deepest fall of the newest trades, expectancy of all, and turnover."""
    subject = partial(Subject, session, "performance")
    lately = f"last_{limits.trade_window}"
    return (
        *_newest(
            (
                subject("profit_factor", lately, 1.0),
                subject("expectancy", lately, 0.0),
                subject("trade_drawdown", lately),
            ),
            state,
            limits,
        ),
        _expectancy(subject("expectancy", "account", 0.0), state, limits),
        _turnover(subject("turnover", "account"), state, limits),
    )


def _newest(
    subjects: tuple[Subject, Subject, Subject], state: TradeState, limits: WatchSettings
) -> tuple[Reading, ...]:
    """What the newest trades came to; effect without evidence, so never more than a warning."""
    n = len(state.newest)
    reason, clause = None, ""
    if n < LEAST:
        reason, clause = NoData.TOO_FEW, f"{n} of {LEAST} trades"
    elif state.idle >= limits.stale_after:
        reason, clause = NoData.STALE, f"no trade closed for {state.idle} sessions"
    elif any(map(math.isnan, state.newest)):
        reason, clause = NoData.MISSING, "a trade of unknown result"
    if reason is not None:
        return tuple(subject.unknown(reason, n, clause) for subject in subjects)
    factor, mean, fall = subjects
    returns = np.array(state.newest)
    gain, deepest = expectancy(returns), greatest_drawdown(returns)
    judged = State.WARN if gain < 0 else State.OK
    reach = Seen.of(state.seen).reach(limits.return_bound)
    window = None
    if limits.trade_overlap == 1:
        window = Tally.over(returns).interval(reach._replace(most=1))
    record = Tally.of(state.all_time).interval(reach, limits.trade_overlap)
    clause = f"mean net return of a trade; {beside(window, record, 'trades', '.2%')} {reach}"
    return (
        _factor(factor, returns, state, limits),
        mean.judged(gain, n, judged, detail=clause, interval=window),
        fall.judged(
            deepest,
            n,
            State.BREACH if deepest >= 1 else State.OK,  # a trade lost all that it was given
            detail="as though each trade had been the whole account; a fact, not an estimate",
        ),
    )


def _factor(subject: Subject, returns: FloatArray, state: TradeState, limits: WatchSettings) -> Reading:
    """Gains over losses of the newest trades, beside what all trades allow."""
    ratio = profit_factor(returns)
    if not math.isfinite(ratio):
        return subject.unknown(NoData.INFINITE, returns.size, "no losing trade")
    reach = Seen.of(state.seen).reach(limits.return_bound)
    window = None
    if limits.trade_overlap == 1:
        window = RatioTally.over(returns).interval(reach._replace(most=1))
    record = RatioTally.of(state.all_gains).interval(reach, limits.trade_overlap)
    detail = f"gains over losses; {beside(window, record, 'trades', '.2f')} {reach}"
    judged = State.WARN if ratio < 1 else State.OK
    return subject.judged(ratio, returns.size, judged, detail=detail, interval=window)


def _expectancy(subject: Subject, state: TradeState, limits: WatchSettings) -> Reading:
    tally = Tally.of(state.all_time)
    if tally.sessions < LEAST:
        return subject.unknown(NoData.TOO_FEW, tally.n, f"{tally.sessions} of {LEAST} sessions with a trade")
    if state.idle >= limits.stale_after:
        return subject.unknown(NoData.STALE, tally.n, f"no trade closed for {state.idle} sessions")
    estimate = tally.estimate(limits.trade_overlap)
    if estimate.error * math.sqrt(tally.sessions) <= LEAST_SPREAD * abs(estimate.mean):
        return subject.unknown(NoData.CONSTANT, tally.n, "every session's trades came to the same")
    reach = Seen.of(state.seen).reach(limits.return_bound)
    interval, p = tally.interval(reach, limits.trade_overlap), tally.below_p(reach, limits.trade_overlap)
    detail = f"all trades; 95 % at all times {interval:.2%} {reach}"
    judged = State.BREACH if p <= limits.expectancy_p else State.WARN if estimate.mean < 0 else State.OK
    evidence = Evidence("bounded_bets", p_value=p)
    return subject.judged(estimate.mean, tally.n, judged, evidence, detail, interval)


def _turnover(subject: Subject, state: TradeState, limits: WatchSettings) -> Reading:
    n = len(state.turnovers)
    if n < limits.turnover_window:
        return subject.unknown(NoData.TOO_FEW, n, f"{n} of {limits.turnover_window} sessions")
    mean = math.fsum(state.turnovers) / n
    ever = Tally.of(state.all_turnovers)
    whole = Reach(0.0, widened(1.0, max(*state.turnovers, ever.mean)))
    record = ever.interval(whole, limits.trade_overlap)
    detail = (
        f"share of the account exchanged in a session; {mean * limits.sessions_per_year:.0f} times a year; "
        f"of all sessions 95 % at all times {record:.3f}"
    )
    return subject.judged(mean, n, State.OK, detail=detail)
