from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from monitors import calibration, e_detector
from monitors.calibration import CalibrationState
from monitors.gap_by_group import GroupGap, gap_readings, mean_wealth
from monitors.reading import NoData, Reading, State
from monitors.regime_calibration import RegimeState, regime_readings, step
from monitors.settings import WatchSettings
from monitors.tally import Tally
from monitors.verdict import Subject

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings(horizon=1)
TICKERS = 60


def fold(
    seed: int, sessions: int, gaps: dict[str, float], limits: WatchSettings = LIMITS
) -> tuple[RegimeState, CalibrationState]:
    """Regimes in turn, 20 sessions each; in each confidence exceeds what comes true by its gap."""
    rng = np.random.default_rng(seed)
    state, whole, names = RegimeState(), CalibrationState(), list(gaps)
    for session in range(sessions):
        name = names[session // 20 % len(names)]
        stated = rng.uniform(0.55, 0.75, TICKERS)
        came = (rng.random(TICKERS) < stated - gaps[name]).astype(float)
        state = step(state, stated, came, ("", *(name,) * (TICKERS - 1)), limits)
        whole = calibration.step(whole, stated, came, limits)
    return state, whole


def read(state: RegimeState, limits: WatchSettings = LIMITS) -> dict[str, Reading]:
    return {one.subject: one for one in regime_readings(SESSION, state, limits)}


def test_a_forecaster_wrong_in_opposite_ways_is_found_by_regime_and_not_as_a_whole() -> None:
    state, whole = fold(1, 400, {"up": 0.12, "down": -0.12})
    found = read(state)
    assert found["regime:up"].state is found["regime:down"].state is State.BREACH
    assert 0.10 < found["regime:up"].value < 0.14
    assert found["regime:up"].detail.startswith("-1")  # less came true than was stated
    assert found["universe"].state is State.BREACH
    assert "most of it in" in found["universe"].detail
    limit = LIMITS.sessions_between_false_alarms
    assert e_detector.level(np.array(whole.levels)) < limit <= found["universe"].value


def test_calibrated_regimes_are_in_order() -> None:
    found = read(fold(2, 400, {"up": 0.0, "down": 0.0, "side": 0.0})[0])
    assert {one.state for one in found.values()} == {State.OK}
    assert all(one.value < 0.02 for name, one in found.items() if name != "universe")


def test_the_sum_over_regimes_keeps_the_budget_of_one() -> None:
    limits = replace(LIMITS, false_alarms_per_year=252 / 60)
    limit = limits.sessions_between_false_alarms
    rng, alarms, sessions = np.random.default_rng(3), 0, 0
    for _ in range(30):
        state = RegimeState()
        for session in range(150):
            stated = rng.uniform(0.4, 0.7, 10)
            came = (rng.random(10) < stated).astype(float)
            state = step(state, stated, came, (f"r{session // 5 % 6}",) * 10, limits)
            sessions += 1
            if sum(e_detector.level(np.array(row)) for row in state.levels) >= limit:
                alarms, state = alarms + 1, RegimeState()
    assert 1 <= alarms <= sessions / limit + 3 * np.sqrt(sessions / limit)


def test_a_small_regime_is_never_called_in_order_but_may_be_called_wrong() -> None:
    state, _ = fold(4, 400, {"up": 0.0, "down": 0.0})
    rng = np.random.default_rng(5)
    for _ in range(25):
        stated = rng.uniform(0.55, 0.75, 2)
        state = step(state, stated, (rng.random(2) < stated).astype(float), ("rare",) * 2, LIMITS)
    reading = read(state)["regime:rare"]
    assert reading.reason is NoData.TOO_FEW
    assert "too few to tell a gap of 10%" in reading.detail
    for _ in range(30):
        state = step(state, np.full(8, 0.9), np.zeros(8), ("odd",) * 8, LIMITS)
    assert read(state)["regime:odd"].state is State.BREACH


def test_a_session_of_unknown_regime_or_without_an_outcome_changes_no_regime() -> None:
    state, _ = fold(6, 40, {"up": 0.0})
    for probabilities, outcomes, regimes in (
        (np.array([0.6]), np.array([1.0]), ("",)),
        (np.array([0.6]), np.array([np.nan]), ("up",)),
        (np.empty(0), np.empty(0), ()),
    ):
        after = step(state, probabilities, outcomes, regimes, LIMITS)
        assert replace(after, sessions=state.sessions) == state


def test_an_early_and_a_stale_store_say_so() -> None:
    assert read(RegimeState())["universe"].reason is NoData.TOO_FEW
    state, _ = fold(7, 60, {"up": 0.0})
    stale = replace(state, sessions=state.sessions + LIMITS.stale_after)
    assert {one.reason for one in read(stale).values()} == {NoData.STALE}
    anew = replace(state, levels=((),))
    assert read(anew)["universe"].value == 0.0


def test_no_group_at_all_brings_no_reading() -> None:
    assert gap_readings([], limit=0.1, level=0.01, overlap=1, least=20) == ()
    few = GroupGap(Subject(SESSION, "calibration", "calibration_gap", "a"), Tally())
    (reading,) = gap_readings([few], limit=0.1, level=0.01, overlap=1, least=20)
    assert (reading.reason, reading.detail) == (NoData.TOO_FEW, "0 of 20 sessions")
    assert mean_wealth([]) == 1.0
    assert mean_wealth([-np.inf, -np.inf]) == 0.0
    assert mean_wealth([0.0, -np.inf]) == 0.5
