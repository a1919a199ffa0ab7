from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from monitors import trades
from monitors.bounded import Reach
from monitors.ratio_tally import RatioTally
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.tally import Tally
from monitors.trade_statistics import expectancy, greatest_drawdown, profit_factor
from monitors.trades import TradeState, trade_readings

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()
STILL = np.array([[0.5, 0.5], [0.5, 0.5]])
LATELY = "last_100"


def fold(returns: list[list[float]], state: TradeState | None = None) -> TradeState:
    state = state or TradeState()
    for closed in returns:
        state = trades.step(state, np.array(closed), STILL, LIMITS)
    return state


def read(state: TradeState) -> dict[tuple[str, str], Reading]:
    return {(one.metric, one.subject): one for one in trade_readings(SESSION, state, LIMITS)}


def test_the_newest_trades_give_what_the_statistics_of_them_give() -> None:
    all_ = np.random.default_rng(1).normal(0.001, 0.02, 150)
    found = read(fold([[float(one)] for one in all_]))
    newest = all_[-100:]
    assert found["profit_factor", LATELY].value == pytest.approx(profit_factor(newest))
    assert found["expectancy", LATELY].value == pytest.approx(expectancy(newest))
    assert found["trade_drawdown", LATELY].value == pytest.approx(greatest_drawdown(newest))
    assert found["expectancy", "account"].value == pytest.approx(all_.mean())
    assert (found["expectancy", LATELY].n, found["expectancy", "account"].n) == (100, 150)


def test_the_newest_trades_carry_the_interval_of_all_trades() -> None:
    all_ = np.random.default_rng(4).normal(0.002, 0.02, 400)
    state = fold([[float(one)] for one in all_])
    found = read(state)
    ratio, mean = found["profit_factor", LATELY], found["expectancy", LATELY]
    gains = RatioTally.of(state.all_gains)
    assert gains.ratio == pytest.approx(profit_factor(all_))
    reach = Reach(-0.2, 0.2)
    told_of_all = f"of all trades at all times {gains.interval(reach, LIMITS.trade_overlap):.2f} {reach}"
    assert ratio.detail.endswith(told_of_all)
    assert mean.detail.split("all times ")[1] == found["expectancy", "account"].detail.split("all times ")[1]
    assert "at this look" not in ratio.detail + mean.detail
    single = replace(LIMITS, trade_overlap=1)
    told = {(one.metric, one.subject): one.detail for one in trade_readings(SESSION, state, single)}
    assert f"at this look {RatioTally.over(all_[-100:]).interval(reach):.2f}" in told["profit_factor", LATELY]
    assert f"at this look {Tally.over(all_[-100:]).interval(reach):.2%}" in told["expectancy", LATELY]


def test_losing_lately_is_a_warning_and_a_breach_only_with_evidence_from_all_trades() -> None:
    rng = np.random.default_rng(2)
    won = [[float(one)] for one in rng.normal(0.02, 0.02, 300)]
    lost = [[float(one)] for one in rng.normal(-0.01, 0.02, 100)]
    mixed, losing = read(fold([*won, *lost])), read(fold(lost * 20))
    for metric in ("profit_factor", "expectancy"):
        assert mixed[metric, LATELY].state is State.WARN
    assert mixed["expectancy", "account"].state is State.OK
    assert losing["expectancy", "account"].state is State.BREACH


@pytest.mark.parametrize(
    ("often", "rare", "chance"), [(0.002 / 0.99, -0.2, 0.01), (-0.005, 0.245, 0.02), (-0.005, 0.095, 0.05)]
)
def test_rare_great_trades_raise_no_alarm_before_they_come(often: float, rare: float, chance: float) -> None:
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(20):
        state, was_wrong = TradeState(), False
        returns = np.where(rng.random(200) < chance, rare, often) + rng.normal(0, 0.003, 200)
        for session, return_ in enumerate(returns):
            state = trades.step(state, np.array([return_]), STILL, LIMITS)
            if session % 10 == 9 and session >= 19:
                reading = read(state)["expectancy", "account"]
                assert reading.interval is not None
                low, high = reading.interval
                was_wrong |= low > 0 or high < 0 or reading.state is State.BREACH
        wrong += was_wrong
    assert wrong == 0


def test_a_trade_beyond_the_bound_widens_it_and_is_told() -> None:
    state = fold([[0.01], [-0.02]] * 15)
    assert "while none lies beyond -20% to +20%" in read(state)["expectancy", "account"].detail
    wider = fold([[0.01], [-0.02]] * 15 + [[0.5]])
    assert "while none lies beyond -20% to +80%" in read(wider)["expectancy", "account"].detail


def test_trades_of_one_session_are_one_observation_of_the_evidence() -> None:
    few = read(fold([[-0.01] * 30] * 19))["expectancy", "account"]
    assert (few.reason, few.n) == (NoData.TOO_FEW, 570)


def test_too_few_unknown_stale_and_unvarying_trades_are_not_judged() -> None:
    some = [[0.01], [-0.01]] * 15
    assert {one.reason for one in read(TradeState()).values()} == {NoData.TOO_FEW}
    assert read(fold([*some, [math.nan]]))["profit_factor", LATELY].reason is NoData.MISSING
    assert read(fold([*some, [math.inf]]))["profit_factor", LATELY].reason is NoData.MISSING
    idle = read(fold([*some, *[[]] * LIMITS.stale_after]))
    assert idle["expectancy", LATELY].reason is idle["expectancy", "account"].reason is NoData.STALE
    assert read(fold([[0.01]] * 30))["expectancy", "account"].reason is NoData.CONSTANT
    assert read(fold([[0.01]] * 30))["profit_factor", LATELY].reason is NoData.INFINITE


def test_trades_that_differ_by_rounding_alone_are_not_judged() -> None:
    noise = 1e-12 * np.random.default_rng(3).standard_normal(40)
    for mean in (0.01, -0.01):
        reading = read(fold([[mean + float(one)] for one in noise]))["expectancy", "account"]
        assert reading.reason is NoData.CONSTANT


def test_a_trade_that_lost_everything_is_a_breach() -> None:
    mixed = [[0.01], [-0.02]] * 15
    assert read(fold(mixed))["trade_drawdown", LATELY].state is State.OK
    fall = read(fold([*mixed, [-1.0], [0.5]]))["trade_drawdown", LATELY]
    assert (fall.value, fall.state) == (1.0, State.BREACH)


def test_turnover_is_half_of_what_weights_moved_on_average() -> None:
    state = TradeState()
    moved = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    for session in range(LIMITS.turnover_window):
        state = trades.step(state, np.empty(0), moved if session % 2 else np.array([[1.0], [1.0]]), LIMITS)
    reading = read(state)["turnover", "account"]
    assert (reading.value, reading.n, reading.state) == (0.25, 20, State.OK)
    assert "63 times a year; of all sessions 95 % at all times 0.000 to" in reading.detail


@pytest.mark.parametrize("weights", [np.empty((0, 0)), np.array([[1.0, 0.0], [np.nan, np.nan]])])
def test_a_session_of_unknown_weights_has_no_turnover(
    weights: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    state = trades.step(fold([[]] * 19), np.empty(0), weights, LIMITS)
    assert len(state.turnovers) == 19
    assert read(state)["turnover", "account"].reason is NoData.TOO_FEW


def test_the_state_keeps_no_more_than_the_windows() -> None:
    state = fold([[0.01, -0.02, 0.03]] * 200)
    assert (len(state.newest), len(state.turnovers), len(state.all_time)) == (100, 20, 6)
    assert (len(state.all_gains), len(state.all_turnovers)) == (6, 6)
