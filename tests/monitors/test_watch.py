from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import date, timedelta

import numpy as np
import pytest

from monitors import hit_rate
from monitors.drift import DriftReference, prepare_reference
from monitors.joint import JointReference, prepare_joint
from monitors.reading import NoData, Reading, State
from monitors.watch import Facts, WatchSettings, WatchState, watch

NAMES = tuple(f"feature_{i}" for i in range(16))
FIRST = date(2023, 1, 2)
HISTORY = np.random.default_rng(60).standard_normal((504, 120, 16))
ALWAYS = [
    "drift_share",
    "drift_incidents",
    "domain_auc",
    "win_rate_last_20",
    "win_rate_evidence",
    "pooled_evidence",
    "sharpe_rolling",
    "drawdown",
    *["hit_rate"] * len(hit_rate.ALWAYS),
    "profit_factor",
    "expectancy",
    "trade_drawdown",
    "expectancy",
    "turnover",
    "ece",
    "calibration_gap",
    "calibration_evidence",
    "calibration_evidence_by_regime",
    "execution_failure_rate",
    "bars_missing_rate",
]


@pytest.fixture(scope="module")
def reference() -> DriftReference:
    return prepare_reference(HISTORY, NAMES, window=20)


@pytest.fixture(scope="module")
def joint() -> JointReference:
    found = prepare_joint(HISTORY, NAMES, window=20)
    assert found is not None
    return found


def facts_of(session: int, reference: DriftReference | None, *, tickers: int = 120) -> Facts:
    rng = np.random.default_rng(1_000 + session)
    stated = np.clip(rng.normal(0.5, 0.05, tickers), 0.0, 1.0)
    return Facts(
        session=FIRST + timedelta(days=session),
        features=rng.standard_normal((20, 120, 16)) if reference is not None else None,
        reference=reference,
        trade_returns=np.where(rng.random(4) < 0.55, 0.02, -0.02),
        probabilities=stated,
        outcomes=(rng.random(tickers) < stated).astype(float),
        equity=100_000.0,
        peak=101_000.0,
        equity_return=float(rng.normal(0.0005, 0.01)),
        orders=4,
        failed_orders=0,
        bars_expected=120,
        bars_missing=0,
        labels=(("sector", tuple("Energy" if i % 2 else "" for i in range(tickers))),),
        weights=np.array([[0.4, 0.6], [0.5, 0.5]]),
    )


def metrics_of(readings: tuple[Reading, ...]) -> list[str]:
    """The metrics in order, but for the hit rates of sectors: they begin with the first outcome of one."""
    return [reading.metric for reading in readings if not reading.subject.startswith("sector:")]


def fold(sessions: int) -> tuple[WatchState, tuple[Reading, ...]]:
    state, readings = WatchState.start(), tuple[Reading, ...]()
    for session in range(sessions):
        state, readings = watch(state, facts_of(session, None))
    return state, readings


def test_every_session_brings_every_reading_from_the_first_on(reference: DriftReference) -> None:
    _, without = watch(WatchState.start(), facts_of(0, None))
    assert metrics_of(without) == ALWAYS
    _, readings = watch(WatchState.start(), facts_of(0, reference))
    assert metrics_of(readings) == ["psi"] * 16 + ["ks"] * 16 + ALWAYS
    assert tuple(r.subject for r in readings[:16]) == NAMES
    assert all(r.session == FIRST for r in readings)


def test_what_cannot_be_judged_yet_is_never_ok() -> None:
    _, readings = watch(WatchState.start(), facts_of(0, None))
    judged = {reading.metric for reading in readings if reading.state is not State.NO_DATA}
    assert judged == {"drawdown", "calibration_gap", "bars_missing_rate"}


def test_a_calm_account_ends_in_ok(reference: DriftReference, joint: JointReference) -> None:
    state, _ = fold(260)
    _, readings = watch(state, replace(facts_of(260, reference), joint=joint))
    unknown = [reading.metric for reading in readings if reading.state is State.NO_DATA]
    assert unknown == ["calibration_evidence_by_regime"]  # these forecasts name no regime
    breaches = {reading.metric for reading in readings if reading.state is State.BREACH}
    assert breaches <= {
        "sharpe_rolling",
        "win_rate_last_20",
        "hit_rate",
    }  # the classic rules are noisy by their nature


def test_equal_arguments_give_equal_results_to_the_last_bit(
    reference: DriftReference, joint: JointReference
) -> None:
    state, _ = fold(30)
    facts = replace(facts_of(30, reference), joint=joint)
    once, twice = watch(state, facts), watch(state, facts)
    assert once == twice
    in_a_copy = watch(pickle.loads(pickle.dumps(state)), pickle.loads(pickle.dumps(facts)))  # noqa: S301
    assert in_a_copy == once


def test_another_process_gets_the_same_bits(reference: DriftReference, joint: JointReference) -> None:
    state, _ = fold(30)
    facts = replace(facts_of(30, reference), joint=joint)
    program = (
        "import pickle, sys; from monitors.watch import watch; "
        "sys.stdout.buffer.write(pickle.dumps(watch(*pickle.load(sys.stdin.buffer))))"
    )
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], input=pickle.dumps((state, facts)), capture_output=True, check=True
    )
    # by their text: a NaN from elsewhere equals none of ours
    assert repr(pickle.loads(ran.stdout)) == repr(watch(state, facts))  # noqa: S301


def test_a_weekly_look_is_repeated_until_the_next_and_forgotten_when_none_comes(
    reference: DriftReference, joint: JointReference
) -> None:
    state, readings = watch(WatchState.start(), replace(facts_of(0, reference), joint=joint))
    looked = next(one for one in readings if one.metric == "domain_auc")
    assert looked.state is State.OK
    for session in range(1, 17):
        state, readings = watch(state, facts_of(session, reference))
        found = next(one for one in readings if one.metric == "domain_auc")
        assert found.value == looked.value if session <= 15 else found.reason is NoData.STALE


def test_features_that_move_together_and_drift_are_one_incident_since_it_began(
    reference: DriftReference,
) -> None:
    state = WatchState.start()
    for session in range(4):
        facts = facts_of(session, reference)
        assert facts.features is not None
        moved = facts.features.copy()
        moved[:, :, 2] += 3.0
        moved[:, :, 5] = moved[:, :, 2] ** 3
        state, readings = watch(state, replace(facts, features=moved) if session else facts)
        found = next(one for one in readings if one.metric == "drift_incidents")
        assert (found.value, found.state) == ((1.0, State.WARN) if session else (0.0, State.OK))
    assert {"feature_2", "feature_5"} == set(state.incidents.names)
    assert "(100% of the evidence, 3 sessions)" in found.detail
    assert WatchState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_the_state_survives_json_and_continues_alike() -> None:
    state, _ = fold(150)
    state, _ = watch(state, replace(facts_of(150, None), trade_returns=np.array([math.nan])))
    stored = json.dumps(state.to_dict(), allow_nan=False)
    again = WatchState.from_dict(json.loads(stored))
    assert again == state
    assert json.dumps(again.to_dict()) == stored
    facts = facts_of(151, None)
    assert watch(again, facts) == watch(state, facts)


def test_the_stored_state_is_what_a_walk_over_every_field_gives() -> None:
    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {name: walk(part) for name, part in value.items()}
        if isinstance(value, tuple):
            return [walk(part) for part in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    state, _ = fold(150)
    state, _ = watch(state, replace(facts_of(150, None), trade_returns=np.array([math.nan, 0.01])))
    for kept in (state, WatchState.start(), state.restarted()):
        assert json.dumps(kept.to_dict()) == json.dumps(walk(asdict(kept)))


def test_storing_the_state_takes_a_fraction_of_a_millisecond() -> None:
    state, _ = fold(320)
    stored = state.to_dict()
    taken: dict[str, list[float]] = {"to": [], "from": []}
    for _ in range(30):
        started = time.perf_counter()
        state.to_dict()
        between = time.perf_counter()
        WatchState.from_dict(stored)
        taken["to"].append(between - started)
        taken["from"].append(time.perf_counter() - between)
    assert min(taken["to"]) < 0.0015  # 0.07 ms; the rest is for a busy machine under coverage
    assert min(taken["from"]) < 0.0015  # 0.08 ms


def test_the_first_state_survives_json_too() -> None:
    stored = json.dumps(WatchState.start().to_dict())
    assert WatchState.from_dict(json.loads(stored)) == WatchState.start()


def test_the_state_stays_small() -> None:
    state, _ = fold(320)
    assert len(json.dumps(state.to_dict())) < 21_000


def test_a_state_of_unknown_parts_is_refused() -> None:
    stored = WatchState.start().to_dict()
    with pytest.raises(KeyError):
        WatchState.from_dict({"performance": stored["performance"]})
    with pytest.raises(TypeError):
        WatchState.from_dict({**stored, "execution": {"orders": [], "mood": 3}})


def test_after_a_restart_the_bets_start_anew_and_baselines_stay() -> None:
    state, _ = fold(60)
    anew = state.restarted()
    assert anew.performance.levels == anew.calibration.levels == ()
    assert anew.performance.reference_wins == state.performance.reference_wins
    assert anew.performance.trades == state.performance.trades
    assert anew.calibration.residuals == state.calibration.residuals
    _, readings = watch(anew, facts_of(60, None))
    values = {reading.metric: reading.value for reading in readings}
    assert values["win_rate_evidence"] < 2
    assert values["calibration_evidence"] < 2


def test_facts_that_contradict_each_other_are_refused() -> None:
    for wrong in (
        replace(facts_of(0, None), failed_orders=9),
        replace(facts_of(0, None), bars_missing=999),
        replace(facts_of(0, None), outcomes=np.empty(0)),
    ):
        with pytest.raises(ValueError, match=r"."):
            watch(WatchState.start(), wrong)


def test_changed_lengths_in_the_settings_start_the_bets_anew_and_nothing_fails() -> None:
    state, _ = fold(150)
    shorter = WatchSettings(horizon=3, trade_overlap=2, calibration_window=30, sharpe_window=21)
    _, readings = watch(state, facts_of(150, None), shorter)
    assert metrics_of(readings) == ALWAYS


def test_a_pause_in_everything_ends_in_stale_or_too_few() -> None:
    state, _ = fold(150)
    for session in range(60):
        empty = replace(
            facts_of(session, None),
            trade_returns=np.empty(0),
            probabilities=np.empty(0),
            outcomes=np.empty(0),
            labels=(),
            orders=0,
        )
        state, readings = watch(state, empty)
    reasons = {reading.metric: reading.reason for reading in readings}
    assert reasons["win_rate_last_20"] is reasons["win_rate_evidence"] is NoData.STALE
    assert reasons["ece"] is reasons["calibration_gap"] is reasons["calibration_evidence"] is NoData.STALE
    assert reasons["execution_failure_rate"] is NoData.TOO_FEW


def test_a_session_is_judged_in_milliseconds(reference: DriftReference) -> None:
    state, _ = fold(130)
    facts = facts_of(130, reference)
    taken = []
    for _ in range(30):
        started = time.perf_counter()
        watch(state, facts)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.04  # about 4 ms; five times that while coverage is traced


def test_the_package_brings_neither_pandas_nor_scipy_stats() -> None:
    program = (
        "import sys, monitors.watch; "
        "print([name for name in ('pandas', 'scipy.stats', 'sklearn', 'asyncio') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout.strip() == "[]"
