from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from monitors.bounded import Reach
from monitors.confidence_sequence import mean_interval
from monitors.moments import Moments
from monitors.performance import (
    PerformanceState,
    baseline_win_rate,
    cautious_baseline,
    drawdown_reading,
    sharpe_reading,
    step,
    win_rate_readings,
)
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.tally import Tally

SESSION = date(2024, 3, 7)
GIVEN = WatchSettings(win_rate_baseline=0.55, sharpe_baseline=0.05)
NOTHING = np.empty(0)


def traded(wins: int, losses: int, limits: WatchSettings = GIVEN) -> PerformanceState:
    """One trade a session, the losses last."""
    state = PerformanceState()
    for won in [True] * wins + [False] * losses:
        state = step(state, np.array([0.02 if won else -0.02]), math.nan, limits)
    return state


def rolling(state: PerformanceState, limits: WatchSettings = GIVEN) -> Reading:
    return win_rate_readings(SESSION, state, limits)[0]


def evidence(state: PerformanceState, limits: WatchSettings = GIVEN) -> Reading:
    return win_rate_readings(SESSION, state, limits)[1]


def test_nine_wins_of_twenty_are_no_breach_and_eight_are() -> None:
    nine, eight = rolling(traded(9, 11)), rolling(traded(8, 12))
    assert nine.state is State.OK
    assert nine.value == 0.45
    assert eight.state is State.BREACH
    assert eight.metric == "win_rate_last_20"
    assert eight.subject == "account"
    assert eight.n == 20
    assert eight.threshold == pytest.approx(0.45)
    assert eight.evidence is not None
    assert eight.evidence.p_value == pytest.approx(0.1308, abs=1e-4)


def test_the_rolling_win_rate_carries_the_interval_of_all_trades() -> None:
    rng = np.random.default_rng(44)
    state, tally = PerformanceState(), Tally()
    for _ in range(300):
        closed = np.where(rng.random(2) < 0.55, 0.01, -0.01)
        state = step(state, closed, math.nan, GIVEN)
        tally = tally.added(2, int((closed > 0).sum()))
    record = tally.interval(Reach(0.0, 1.0, 2), GIVEN.trade_overlap)
    assert record.high - record.low < 0.5
    reading = rolling(state)
    assert reading.detail.endswith(f"95 % of all trades at all times {record:.1%}")
    assert "at this look" not in reading.detail  # the trades overlap: twenty of them say too little
    single = replace(GIVEN, trade_overlap=1)
    won = (np.array(state.trades) > 0).astype(np.float64)
    assert f"at this look {mean_interval(won):.1%}, of all" in rolling(state, single).detail


def test_fewer_than_twenty_trades_are_not_judged() -> None:
    reading = rolling(traded(9, 10))
    assert reading.reason is NoData.TOO_FEW
    assert reading.n == 19


def test_a_trade_of_unknown_result_leaves_no_verdict() -> None:
    state = step(traded(20, 0), np.array([math.nan]), math.nan, GIVEN)
    assert rolling(state).reason is NoData.MISSING
    infinite = step(traded(20, 0), np.array([math.inf]), math.nan, GIVEN)
    assert rolling(infinite).reason is NoData.MISSING


def test_only_the_last_twenty_count() -> None:
    state = step(traded(0, 30), np.full(20, 0.01), math.nan, GIVEN)
    assert rolling(state).value == 1.0


def test_a_trade_that_gains_nothing_is_not_a_win() -> None:
    assert rolling(step(PerformanceState(), np.zeros(20), math.nan, GIVEN)).value == 0.0


def test_the_first_trades_are_the_baseline_and_are_not_held_against_it() -> None:
    limits = WatchSettings(reference_trades=50)
    start = step(PerformanceState(), np.repeat([0.01, -0.01], [20, 20]), math.nan, limits)
    assert baseline_win_rate(start, limits) is None
    assert rolling(start, limits).reason is NoData.TOO_FEW
    assert evidence(start, limits).reason is NoData.TOO_FEW
    # the next session straddles: ten more trades belong to the baseline, the rest do not
    state = step(start, np.repeat([0.01, -0.01], [10, 20]), math.nan, limits)
    assert baseline_win_rate(state, limits) == 30 / 50
    assert state.trades == (-0.01,) * 20
    assert rolling(state, limits).state is State.BREACH
    later = step(state, np.full(40, 0.01), math.nan, limits)
    assert baseline_win_rate(later, limits) == 30 / 50


def test_the_bets_are_against_the_lower_end_of_a_measured_baseline() -> None:
    limits = WatchSettings(reference_trades=50)
    state = step(PerformanceState(), np.repeat([0.01, -0.01], [30, 20]), math.nan, limits)
    cautious = cautious_baseline(state, limits)
    assert cautious is not None
    assert 0.48 < cautious < 0.60
    assert cautious_baseline(state, GIVEN) == 0.55


def test_bets_are_dealt_into_as_many_lanes_as_trades_overlap() -> None:
    state = traded(0, 7)
    levels = np.array(state.levels).reshape(5, -1)
    assert state.bet_sessions == 7
    assert (levels[:2] > levels[2:].max()).all()
    single = replace(GIVEN, trade_overlap=1)
    assert len(traded(0, 7, single).levels) * 5 == len(state.levels)


def test_a_long_losing_run_reaches_the_limit_and_a_calm_one_does_not() -> None:
    limit = 252 / 0.25 / 5
    reading = evidence(traded(0, 60))
    assert reading.threshold == limit
    assert reading.state is State.BREACH
    assert reading.evidence is not None
    assert reading.evidence.e_value == reading.value >= limit
    rng = np.random.default_rng(40)
    state = PerformanceState()
    for _ in range(250):
        state = step(state, np.where(rng.random(3) < 0.55, 0.01, -0.01), math.nan, GIVEN)
    assert evidence(state).state is State.OK


def test_sessions_without_trades_change_nothing_until_they_make_it_stale() -> None:
    state = traded(12, 8)
    idle = state
    for _ in range(59):
        idle = step(idle, NOTHING, math.nan, GIVEN)
    assert rolling(idle).value == rolling(state).value
    assert idle.levels == state.levels
    stale = step(idle, NOTHING, math.nan, GIVEN)
    assert rolling(stale).reason is NoData.STALE
    assert evidence(stale).reason is NoData.STALE


def with_returns(returns: np.ndarray, limits: WatchSettings) -> PerformanceState:
    state = PerformanceState()
    for value in returns:
        state = step(state, NOTHING, float(value), limits)
    return state


def test_the_sharpe_ratio_is_told_per_session_and_annualised() -> None:
    returns = np.random.default_rng(41).normal(0.001, 0.01, 63)
    reading = sharpe_reading(SESSION, with_returns(returns, GIVEN), GIVEN)
    ratio = returns.mean() / returns.std(ddof=1)
    assert reading.value == pytest.approx(ratio, rel=1e-12)
    assert reading.n == 63
    assert reading.threshold == pytest.approx(-0.05)
    assert f"{ratio * math.sqrt(252):.2f} annualised" in reading.detail
    assert reading.state is State.OK


def test_the_rolling_sharpe_ratio_carries_its_interval_and_that_of_all_sessions() -> None:
    returns = np.random.default_rng(45).normal(0.001, 0.01, 400)
    reading = sharpe_reading(SESSION, with_returns(returns, GIVEN), GIVEN)
    reach = Reach(-0.2, 0.2)
    window, record = (Moments.over(part).interval(reach) for part in (returns[-63:], returns))
    assert f"95 % at this look {window:.3f}, of all sessions at all times {record:.3f}" in reading.detail


def test_a_drawdown_says_that_it_is_no_estimate() -> None:
    assert drawdown_reading(SESSION, 90.0, 100.0, 12, GIVEN).detail.endswith("a fact, not an estimate")


def test_a_fall_of_more_than_a_tenth_is_a_breach() -> None:
    returns = np.random.default_rng(42).normal(0.0, 0.01, 63)
    returns += -0.06 * returns.std(ddof=1) - returns.mean()
    reading = sharpe_reading(SESSION, with_returns(returns, GIVEN), GIVEN)
    assert reading.state is State.BREACH
    assert reading.evidence is not None
    assert reading.evidence.p_value is not None
    assert reading.evidence.p_value > 0.1  # and yet it is nothing unusual


def test_the_first_sessions_are_the_sharpe_baseline() -> None:
    limits = WatchSettings(reference_sessions=30, sharpe_window=20)
    returns = np.random.default_rng(43).normal(0.001, 0.01, 50)
    for seen, reason in ((29, NoData.TOO_FEW), (49, NoData.TOO_FEW), (50, None)):
        reading = sharpe_reading(SESSION, with_returns(returns[:seen], limits), limits)
        assert reading.reason is reason
    first = returns[:30].mean() / returns[:30].std(ddof=1)
    assert reading.threshold == pytest.approx(first - 0.1, rel=1e-12)


def test_returns_without_variation_have_no_sharpe_ratio() -> None:
    reading = sharpe_reading(SESSION, with_returns(np.zeros(63), GIVEN), GIVEN)
    assert reading.reason is NoData.CONSTANT


def test_unknown_returns_are_left_out() -> None:
    state = step(PerformanceState(), NOTHING, math.nan, GIVEN)
    assert step(state, NOTHING, math.inf, GIVEN).returns == ()


@pytest.mark.parametrize(
    ("equity", "state"),
    [
        (100.0, State.OK),
        (120.0, State.OK),
        (95.1, State.OK),
        (94.0, State.WARN),
        (90.0, State.BREACH),
        (0.0, State.BREACH),
    ],
)
def test_the_drawdown_is_a_positive_fraction_of_the_peak(equity: float, state: State) -> None:
    reading = drawdown_reading(SESSION, equity, 100.0, 12, GIVEN)
    assert reading.value == pytest.approx(max(0.0, 1 - equity / 100))
    assert reading.state is state
    assert reading.n == 12
    assert reading.threshold == 0.10


@pytest.mark.parametrize(
    ("equity", "peak", "reason"),
    [
        (math.nan, 100.0, NoData.MISSING),
        (100.0, math.nan, NoData.MISSING),
        (100.0, 0.0, NoData.MISSING),
        (math.inf, 100.0, NoData.INFINITE),
    ],
)
def test_an_unknown_account_has_no_drawdown(equity: float, peak: float, reason: NoData) -> None:
    assert drawdown_reading(SESSION, equity, peak, 12, GIVEN).reason is reason


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="win_rate_baseline is 55"):
        WatchSettings(win_rate_baseline=55)
    with pytest.raises(ValueError, match="false_alarms_per_year is 0"):
        WatchSettings(false_alarms_per_year=0)
    with pytest.raises(ValueError, match="return_bound is 0"):
        WatchSettings(return_bound=0)
    with pytest.raises(ValueError, match="horizon is 0"):
        WatchSettings(horizon=0)
