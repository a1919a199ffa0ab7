from __future__ import annotations

from datetime import date

import pytest
from scipy.stats import binom

from monitors.execution import ExecutionState, bars_reading, failure_reading, step
from monitors.reading import NoData, State
from monitors.settings import WatchSettings

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()


def after(*sessions: tuple[int, int]) -> ExecutionState:
    state = ExecutionState()
    for orders, failed in sessions:
        state = step(state, orders, failed, LIMITS)
    return state


@pytest.mark.parametrize(
    ("orders", "failed", "state"),
    [
        (100, 0, State.OK),
        (100, 3, State.OK),
        (100, 5, State.WARN),
        (100, 6, State.BREACH),
        (5, 1, State.WARN),
        (5, 2, State.BREACH),
    ],
)
def test_effect_and_evidence_together_make_a_breach(orders: int, failed: int, state: State) -> None:
    reading = failure_reading(SESSION, after((orders, failed)), LIMITS)
    assert reading.state is state
    assert reading.value == failed / orders
    assert reading.n == orders
    assert reading.evidence is not None
    assert reading.evidence.p_value == pytest.approx(binom.sf(failed - 1, orders, 0.01), rel=1e-9)


def test_sessions_are_added_up_and_old_ones_leave() -> None:
    state = after(*[(10, 5)] * 30, *[(10, 0)] * 20)
    reading = failure_reading(SESSION, state, LIMITS)
    assert reading.n == 200
    assert reading.value == 0.0


def test_hardly_any_orders_are_not_judged() -> None:
    for state in (ExecutionState(), after((0, 0), (4, 4))):
        assert failure_reading(SESSION, state, LIMITS).reason is NoData.TOO_FEW


@pytest.mark.parametrize(
    ("missing", "state"), [(0, State.OK), (2, State.WARN), (6, State.WARN), (7, State.BREACH)]
)
def test_missing_bars_are_counted(missing: int, state: State) -> None:
    reading = bars_reading(SESSION, 120, missing, LIMITS)
    assert reading.state is state
    assert reading.value == missing / 120
    assert reading.subject == "universe"
    assert reading.monitor == "execution"


def test_no_expected_bars_are_no_verdict() -> None:
    assert bars_reading(SESSION, 0, 0, LIMITS).reason is NoData.TOO_FEW


def test_more_failures_than_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 orders"):
        step(ExecutionState(), 2, 3, LIMITS)
    with pytest.raises(ValueError, match="3 of 2 bars"):
        bars_reading(SESSION, 2, 3, LIMITS)
