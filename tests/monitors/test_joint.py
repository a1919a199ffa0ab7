from __future__ import annotations

import time
from datetime import date

import numpy as np
import pytest

from monitors.arrays import FloatArray
from monitors.domain import domain_shift
from monitors.joint import JointReference, JointState, joint_reading, prepare_joint, step
from monitors.reading import NoData, State
from monitors.settings import WatchSettings
from tests.monitors.test_domain import NAMES, panel, spoilt

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()


def prepared(history: FloatArray) -> JointReference:
    found = prepare_joint(history, NAMES, window=20)
    assert found is not None
    return found


def test_it_finds_what_the_full_check_finds() -> None:
    old, new = panel(378, 1, 0.6), panel(20, 2, -0.6)
    full, quick = domain_shift(old, new, NAMES), prepared(old).shift(new)
    assert full is not None
    assert quick is not None
    assert quick.auc == pytest.approx(full.auc, abs=0.04)
    assert quick.p_value <= 0.01
    assert quick.leading[0] == full.leading[0] == "a x b"
    reading = joint_reading(SESSION, step(JointState(), SESSION, new, prepared(old)), LIMITS)
    assert reading.state is State.BREACH
    assert "looked at on 2024-03-07; leading: a x b" in reading.detail


def test_without_a_change_its_p_values_are_no_smaller_than_chance() -> None:
    p_values = []
    for seed in range(40):
        values = panel(398, 100 + seed, 0.6, tickers=12)
        shift = prepared(values[:-20]).shift(values[-20:])
        assert shift is not None
        p_values.append(shift.p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.1
    assert np.mean(np.array(p_values) <= 0.5) >= 0.3


def test_a_look_takes_a_few_milliseconds() -> None:
    old, new = panel(378, 3, 0.6), panel(20, 4, 0.6)
    reference, taken = prepared(old), []
    for _ in range(20):
        started = time.perf_counter()
        reference.shift(new)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.02  # about 2 ms


def test_what_cannot_be_looked_at_says_why() -> None:
    old, new = panel(378, 5, 0.6), panel(20, 6, 0.6)
    reference = prepared(old)
    never = joint_reading(SESSION, step(JointState(), SESSION, new, None), LIMITS)
    assert never.reason is NoData.NOT_EVALUATED
    unknown = np.where(np.arange(20)[:, None, None] < 16, np.nan, new)
    for window in (unknown, new[:5]):
        reading = joint_reading(SESSION, step(JointState(), SESSION, window, reference), LIMITS)
        assert reading.reason is NoData.TOO_FEW
    looked = step(JointState(), SESSION, new, reference)
    for _ in range(LIMITS.joint_stale_after + 1):
        looked = step(looked, SESSION, new, None)
    assert joint_reading(SESSION, looked, LIMITS).reason is NoData.STALE


@pytest.mark.parametrize("history", [panel(30, 7, 0.6), np.full((378, 20, 6), np.nan)])
def test_a_reference_too_short_or_unknown_is_none(history: FloatArray) -> None:
    assert prepare_joint(history, NAMES, window=20) is None


def test_odd_values_do_no_harm() -> None:
    old, new = panel(378, 8, 0.6), panel(20, 9, 0.6)
    old[:, :, 4], new[:, :, 4] = 1.0, 1.0  # a constant
    old[::7, 0, 0], new[3, 1, 1], new[4, 2, 2] = np.nan, np.inf, 1e300
    shift = prepared(old).shift(new)
    assert shift is not None
    assert 0.0 <= shift.auc <= 1.0


@pytest.mark.parametrize("how", ["constant", "stuck", "infinite"])
def test_a_window_constant_stuck_or_infinite_is_no_breach(how: str) -> None:
    old, new = panel(378, 10, 0.6), panel(20, 11, 0.6)
    reference = prepared(old)
    one = joint_reading(SESSION, step(JointState(), SESSION, spoilt(new, how, 1), reference), LIMITS)
    assert one.state is State.OK
    assert one.detail.endswith(f"left out: a ({how})")
    for features in (5, 6):
        found = step(JointState(), SESSION, spoilt(new, how, features), reference)
        most = joint_reading(SESSION, found, LIMITS)
        assert (most.state, most.reason) == (State.NO_DATA, NoData(how))


def test_a_rotation_is_found_beside_a_stuck_feature() -> None:
    old, new = panel(378, 1, 0.6), panel(20, 2, -0.6)
    new[:, :, 5] = new[:1, :, 5]
    reading = joint_reading(SESSION, step(JointState(), SESSION, new, prepared(old)), LIMITS)
    assert reading.state is State.BREACH
    assert "leading: a x b" in reading.detail


def test_single_infinite_values_are_left_out_and_named() -> None:
    old, new = panel(378, 14, 0.6), panel(20, 15, 0.6)
    new[3, 1, 1] = new[4, 2, 1] = np.inf
    reading = joint_reading(SESSION, step(JointState(), SESSION, new, prepared(old)), LIMITS)
    assert reading.state is not State.NO_DATA
    assert reading.detail.endswith("values left out: b (2 infinite)")
