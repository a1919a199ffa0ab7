"""The performance readings: win rate, Sharpe ratio and drawdown of the account."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from monitors import e_detector, win_rate
from monitors.arrays import FloatArray
from monitors.bounded import Reach, Seen
from monitors.confidence_sequence import beside, mean_interval
from monitors.moments import Moments
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.sharpe import fall_p, sharpe, sharpe_error
from monitors.tally import Tally
from monitors.verdict import Subject, graded

A_FACT = "a fact, not an estimate"
BETS = len(win_rate.FALLS) + len(win_rate.POOLED)


@dataclass(frozen=True, slots=True)
class PerformanceState:
    """What the performance monitors remember between sessions.

    Where no baseline is given, the first trades (and the first sessions' returns) become it and take no part
    in what is later held against it, so nothing is ever compared with its own future.

    Attributes:
        trades: Net returns of the newest trades after the reference, NaN = unknown.
        reference_trades: Trades in the reference.
        reference_wins: Winning trades among them.
        idle: Sessions since a trade was closed.
        levels: The win-rate bets, lane by lane; empty before the first.
        bet_sessions: Sessions that have been bet on.
        reference_returns: The account's first returns per session.
        returns: The newest returns per session after those.
        sessions: Sessions seen.
        all_wins: The `Tally` of all trades of known result, the reference's included, as a row.
        all_returns: The `Moments` of all returns per session, the reference's included, as a row.
        most_trades: Greatest number of trades of known result in a session.
        seen: How far all returns per session have reached, as a row of `Seen`.
    """

    trades: tuple[float, ...] = ()
    reference_trades: int = 0
    reference_wins: int = 0
    idle: int = 0
    levels: tuple[float, ...] = ()
    bet_sessions: int = 0
    reference_returns: tuple[float, ...] = ()
    returns: tuple[float, ...] = ()
    sessions: int = 0
    all_wins: tuple[float, ...] = ()
    all_returns: tuple[float, ...] = ()
    most_trades: int = 1
    seen: tuple[float, ...] = ()


def step(
    state: PerformanceState, trade_returns: FloatArray, equity_return: float, limits: WatchSettings
) -> PerformanceState:
    """Take in one session.

    Args:
        state: Before the session.
        trade_returns: Net returns of the trades closed, shape (trades,), NaN = unknown, in closing order.
        equity_return: The account's return since the last close; NaN is left out.
        limits: Window lengths and baselines.
    """
    state = replace(
        state,
        sessions=state.sessions + 1,
        idle=0 if trade_returns.size else state.idle + 1,
    )
    return _with_return(_with_trades(state, trade_returns, limits), equity_return, limits)


def _with_trades(
    state: PerformanceState, trade_returns: FloatArray, limits: WatchSettings
) -> PerformanceState:
    known = trade_returns[np.isfinite(trade_returns)]
    wins = Tally.of(state.all_wins).added(known.size, int((known > 0).sum()))
    state = replace(state, all_wins=wins, most_trades=max(state.most_trades, int(known.size)))
    later = trade_returns
    if limits.win_rate_baseline is None and state.reference_trades < limits.reference_trades:
        first = known[: limits.reference_trades - state.reference_trades]
        state = replace(
            state,
            reference_trades=state.reference_trades + int(first.size),
            reference_wins=state.reference_wins + int((first > 0).sum()),
        )
        later = known = known[first.size :]
    trades = (*state.trades, *(float(trade) if math.isfinite(trade) else math.nan for trade in later))
    state = replace(state, trades=trades[-limits.win_rate_window :])
    baseline = cautious_baseline(state, limits)
    if known.size == 0 or baseline is None:
        return state
    stakes = win_rate.pooled_bets(baseline)
    gains = win_rate.gains(float((known > 0).mean()), stakes, baseline)
    lane = state.bet_sessions % limits.trade_overlap
    levels = e_detector.advance(e_detector.resume(state.levels, limits.trade_overlap, BETS), gains, lane)
    return replace(state, levels=e_detector.plain(levels), bet_sessions=state.bet_sessions + 1)


def _with_return(state: PerformanceState, equity_return: float, limits: WatchSettings) -> PerformanceState:
    if not math.isfinite(equity_return):
        return state
    state = replace(
        state,
        all_returns=Moments.of(state.all_returns).added(float(equity_return)),
        seen=Seen.of(state.seen).added(np.array([equity_return])),
    )
    if limits.sharpe_baseline is None and len(state.reference_returns) < limits.reference_sessions:
        return replace(state, reference_returns=(*state.reference_returns, float(equity_return)))
    return replace(state, returns=(*state.returns, float(equity_return))[-limits.sharpe_window :])


def baseline_win_rate(state: PerformanceState, limits: WatchSettings) -> float | None:
    """The win rate to compare with: the given one, or that of the first trades; None until there is one."""
    if limits.win_rate_baseline is not None:
        return limits.win_rate_baseline
    if state.reference_trades < limits.reference_trades or state.reference_trades == 0:
        return None
    return state.reference_wins / state.reference_trades


def cautious_baseline(state: PerformanceState, limits: WatchSettings) -> float | None:
    """What the sequential evidence bets against: the given baseline, or the lower end of the measured one.

    A baseline measured on a hundred trades is off by five points either way; the 90 % lower Wilson bound
    keeps a lucky start from turning into an alarm.
    """
    baseline = baseline_win_rate(state, limits)
    if baseline is None or limits.win_rate_baseline is not None:
        return baseline
    return min(0.95, max(0.05, win_rate.wilson_lower(state.reference_wins, state.reference_trades)))


def win_rate_readings(
    session: date, state: PerformanceState, limits: WatchSettings
) -> tuple[Reading, Reading]:
    """The rolling win rate under its classic rule, and the sequential evidence."""
    window = limits.win_rate_window
    baseline = baseline_win_rate(state, limits)
    rolling = Subject(
        session,
        "performance",
        f"win_rate_last_{window}",
        "account",
        None if baseline is None else baseline - limits.win_rate_drop,
    )
    limit = limits.sessions_between_false_alarms / limits.trade_overlap
    detector = Subject(session, "performance", "win_rate_evidence", "account", limit)
    if baseline is None:
        clause = f"baseline: {state.reference_trades} of {limits.reference_trades} first trades"
        count = state.reference_trades
        return rolling.unknown(NoData.TOO_FEW, 0, clause), detector.unknown(NoData.TOO_FEW, count, clause)
    if state.idle >= limits.stale_after:
        clause = f"no trade closed for {state.idle} sessions"
        n = len(state.trades)
        return rolling.unknown(NoData.STALE, n, clause), detector.unknown(NoData.STALE, n, clause)
    return _rolling(rolling, state, baseline, limits), _evidence(detector, state, limit, limits)


def _rolling(subject: Subject, state: PerformanceState, baseline: float, limits: WatchSettings) -> Reading:
    n, window = len(state.trades), limits.win_rate_window
    if n < window:
        return subject.unknown(NoData.TOO_FEW, n, f"{n} of {window} trades")
    if not win_rate.has_dropped(0, n, baseline, limits.win_rate_drop):
        clause = f"a baseline of {baseline:.1%} cannot fall by more than {limits.win_rate_drop:.0%}"
        return subject.unknown(NoData.NOT_EVALUATED, n, clause)
    if any(math.isnan(trade) for trade in state.trades):
        return subject.unknown(NoData.MISSING, n, "a trade of unknown result")
    wins = sum(trade > 0 for trade in state.trades)
    dropped = win_rate.has_dropped(wins, n, baseline, limits.win_rate_drop)
    evidence = Evidence("exact_binomial", p_value=win_rate.binomial_p(wins, n, baseline))
    won = np.array([trade > 0 for trade in state.trades], dtype=np.float64)
    own = mean_interval(won) if limits.trade_overlap == 1 else None
    whole = Reach(0.0, 1.0, state.most_trades)
    record = Tally.of(state.all_wins).interval(whole, limits.trade_overlap)
    told = beside(own, record, "trades", ".1%")
    detail = f"{wins} of {n} trades won, baseline {baseline:.1%}; {told}"
    return subject.judged(wins / n, n, State.BREACH if dropped else State.OK, evidence, detail, own)


def _evidence(subject: Subject, state: PerformanceState, limit: float, limits: WatchSettings) -> Reading:
    against = cautious_baseline(state, limits)
    if not state.levels or against is None:
        return subject.unknown(NoData.TOO_FEW, 0, "no trade since the baseline")
    value = e_detector.level(np.array(state.levels))
    verdict = State.BREACH if value >= limit else State.OK
    detail = (
        f"bets that the win rate fell below {against:.1%}; at most {limits.false_alarms_per_year:g} "
        "false alarms a year"
    )
    return subject.judged(value, state.bet_sessions, verdict, Evidence("e_detector", e_value=value), detail)


def sharpe_reading(session: date, state: PerformanceState, limits: WatchSettings) -> Reading:
    """The rolling Sharpe ratio per session against its baseline, under the classic rule."""
    yearly = math.sqrt(limits.sessions_per_year)
    first = np.array(state.reference_returns)
    baseline = limits.sharpe_baseline if limits.sharpe_baseline is not None else sharpe(first)
    complete = limits.sharpe_baseline is not None or first.size >= limits.reference_sessions
    threshold = baseline - limits.sharpe_drop if complete and math.isfinite(baseline) else None
    subject = Subject(session, "performance", "sharpe_rolling", "account", threshold)
    recent = np.array(state.returns)
    if not complete:
        clause = f"baseline: {first.size} of {limits.reference_sessions} first sessions"
        return subject.unknown(NoData.TOO_FEW, 0, clause)
    if recent.size < limits.sharpe_window:
        return subject.unknown(
            NoData.TOO_FEW, int(recent.size), f"{recent.size} of {limits.sharpe_window} sessions"
        )
    ratio = sharpe(recent)
    if math.isnan(ratio) or threshold is None:
        return subject.unknown(NoData.CONSTANT, int(recent.size), "returns without variation")
    baseline_error = 0.0 if limits.sharpe_baseline is not None else sharpe_error(first)
    p = fall_p(ratio, sharpe_error(recent), baseline, baseline_error)
    dropped = baseline - ratio > limits.sharpe_drop
    reach = Seen.of(state.seen).reach(limits.return_bound)
    own, record = Moments.over(recent).interval(reach), Moments.of(state.all_returns).interval(reach)
    detail = (
        f"{ratio:.3f} per session, {ratio * yearly:.2f} annualised; "
        f"baseline {baseline:.3f}, {baseline * yearly:.2f} annualised; "
        f"{beside(own, record, 'sessions', '.3f')} {reach}"
    )
    return subject.judged(
        ratio,
        int(recent.size),
        State.BREACH if dropped else State.OK,
        Evidence("sharpe_standard_error", p_value=p),
        detail,
        own,
    )


def drawdown_reading(
    session: date, equity: float, peak: float, sessions: int, limits: WatchSettings
) -> Reading:
    """How far the account stands below its peak, as a positive fraction."""
    subject = Subject(session, "performance", "drawdown", "account", limits.drawdown_limit)
    if math.isinf(equity) or math.isinf(peak):
        return subject.unknown(NoData.INFINITE, sessions, "equity or peak is infinite")
    if math.isnan(equity) or math.isnan(peak) or peak <= 0:
        return subject.unknown(NoData.MISSING, sessions, "equity or peak is unknown")
    fall = max(0.0, (peak - equity) / peak)
    state = graded(fall, warn=limits.drawdown_warn, limit=limits.drawdown_limit)
    if fall == limits.drawdown_limit:
        state = State.BREACH
    return subject.judged(fall, sessions, state, detail=f"{equity:,.0f} USD, peak {peak:,.0f} USD; {A_FACT}")
