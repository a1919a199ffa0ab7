from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitors.arrays import FloatArray
from monitors.calibration import BETS, CalibrationState, calibration_readings, gains, step
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()
NOTHING = np.empty(0)


def resolved(
    sessions: int, *, slope: float = 1.0, bias: float = 0.0, tickers: int = 60, seed: int = 50
) -> CalibrationState:
    """Forecasts whose truth is 1/2 + slope (p - 1/2) + bias."""
    rng = np.random.default_rng(seed)
    state = CalibrationState()
    for _ in range(sessions):
        stated = np.clip(rng.normal(0.5, 0.12, tickers), 0.02, 0.98)
        truth = 0.5 + slope * (stated - 0.5) + bias
        state = step(state, stated, (rng.random(tickers) < truth).astype(float), LIMITS)
    return state


def read(state: CalibrationState) -> dict[str, Reading]:
    return {reading.metric: reading for reading in calibration_readings(SESSION, state, LIMITS)}


def test_a_calibrated_forecaster_is_ok_on_every_count() -> None:
    readings = read(resolved(120))
    assert {metric: reading.state for metric, reading in readings.items()} == {
        "ece": State.OK,
        "calibration_gap": State.OK,
        "calibration_evidence": State.OK,
    }
    assert readings["ece"].n == 60 * 60
    assert readings["ece"].threshold == 0.05
    assert readings["calibration_gap"].n == 20 * 60
    assert readings["calibration_gap"].threshold == 0.10
    assert readings["calibration_evidence"].n == 120
    assert readings["calibration_evidence"].threshold == 252 / 0.25 / 5
    for reading in readings.values():
        assert reading.monitor == "calibration"
        assert reading.subject == "universe"


def test_a_forecaster_without_skill_is_found_too_bold() -> None:
    readings = read(resolved(250, slope=0.0, tickers=120))
    assert readings["ece"].state is State.BREACH
    assert readings["ece"].value == pytest.approx(0.096, abs=0.02)  # mean |p - 1/2|
    assert readings["calibration_gap"].value == pytest.approx(0.096, abs=0.02)
    assert readings["calibration_gap"].evidence is not None
    assert readings["calibration_gap"].evidence.p_value is not None
    assert readings["calibration_gap"].evidence.p_value < 0.05


def test_a_turned_forecaster_breaks_the_sequential_evidence() -> None:
    reading = read(resolved(160, slope=-1.0))["calibration_evidence"]
    assert reading.state is State.BREACH
    assert reading.evidence is not None
    assert reading.evidence.e_value == reading.value


def test_a_gap_of_more_than_ten_points_is_a_breach() -> None:
    readings = read(resolved(60, slope=-1.0))
    assert readings["calibration_gap"].value > 0.10
    assert readings["calibration_gap"].state is State.BREACH


def test_too_few_forecasts_are_not_judged() -> None:
    readings = read(CalibrationState())
    assert all(reading.reason is NoData.TOO_FEW for reading in readings.values())
    early = read(resolved(4))
    assert early["ece"].reason is NoData.TOO_FEW
    assert early["calibration_evidence"].reason is NoData.TOO_FEW
    assert early["calibration_gap"].state is not State.NO_DATA
    assert early["calibration_gap"].evidence is None


def test_one_forecast_a_session_can_be_judged_too() -> None:
    readings = read(resolved(300, tickers=1))
    assert readings["ece"].reason is NoData.TOO_FEW  # sixty forecasts are no calibration curve
    assert readings["calibration_gap"].n == 20
    assert readings["calibration_evidence"].state is State.OK


def test_unresolved_forecasts_are_left_out() -> None:
    stated, came = np.array([0.6, np.nan, 0.4]), np.array([1.0, 1.0, np.nan])
    state = step(CalibrationState(), stated, came, LIMITS)
    assert state.counts == ((1, 1, 0.6),)
    assert step(CalibrationState(), np.full(3, np.nan), came, LIMITS).resolved == 0


def test_sessions_without_outcomes_end_in_stale() -> None:
    state = resolved(100)
    before = read(state)
    for _ in range(59):
        state = step(state, NOTHING, NOTHING, LIMITS)
    assert read(state) == before
    state = step(state, NOTHING, NOTHING, LIMITS)
    assert all(reading.reason is NoData.STALE for reading in read(state).values())


def test_impossible_numbers_are_refused() -> None:
    for stated, came, message in (
        (np.array([0.5, 0.5]), np.array([1.0]), "one to one"),
        (np.array([1.5]), np.array([1.0]), "outside 0 to 1"),
        (np.array([-np.inf]), np.array([1.0]), "outside 0 to 1"),
        (np.array([0.5]), np.array([0.5]), "neither 0 nor 1"),
    ):
        with pytest.raises(ValueError, match=message):
            step(CalibrationState(), stated, came, LIMITS)


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)), st.integers(0, 2**30 - 1))
def test_no_outcome_can_bankrupt_a_bet(stated: FloatArray, pattern: int) -> None:
    came = np.array([(pattern >> i) & 1 for i in range(stated.size)], dtype=np.float64)
    assert gains(stated, came).shape == (BETS,)
    assert (gains(stated, came) >= -1e-12).all()


@given(arrays(np.float64, 3, elements=st.integers(0, 1000).map(lambda share: share / 1000)))
def test_every_bet_is_fair_while_the_forecasts_are_calibrated(stated: FloatArray) -> None:
    expected = np.zeros(BETS)
    for pattern in range(8):
        came = np.array([(pattern >> i) & 1 for i in range(3)], dtype=np.float64)
        expected += float(np.prod(np.where(came > 0, stated, 1 - stated))) * gains(stated, came)
    assert np.allclose(expected, 1.0, atol=1e-9)


def test_bets_are_fair_when_all_tickers_move_as_one() -> None:
    stated = np.full(40, 0.53)
    expected = 0.53 * gains(stated, np.ones(40)) + 0.47 * gains(stated, np.zeros(40))
    assert np.allclose(expected, 1.0, atol=1e-12)


def test_certain_forecasts_do_not_break_the_bets() -> None:
    for stated in (np.zeros(5), np.ones(5), np.full(5, 0.5)):
        values = gains(stated, (stated > 0.4).astype(float))
        assert np.isfinite(values).all()
    assert not math.isnan(read(resolved(30))["ece"].value)


def test_the_sequential_evidence_keeps_its_budget_although_outcomes_overlap() -> None:
    # a budget of one false alarm in 252 / 4 = 63 sessions is quick to measure
    limits = WatchSettings(false_alarms_per_year=4.0)
    rng = np.random.default_rng(51)
    lengths = []
    for _ in range(40):
        state, horizon = CalibrationState(), limits.horizon
        noise = rng.standard_normal((400 + horizon, 20)) + 0.5 * rng.standard_normal((400 + horizon, 1))
        running = np.cumsum(noise, axis=0)
        latent = (running[horizon:] - running[:-horizon]) / math.sqrt(horizon * 1.25)
        length = 400
        for session, row in enumerate(latent):
            state = step(state, np.full(20, 0.5), (row < 0).astype(float), limits)
            reading = calibration_readings(SESSION, state, limits)[2]
            if reading.state is State.BREACH:
                length = session + 1
                break
        lengths.append(length)
    assert np.mean(lengths) >= 63
