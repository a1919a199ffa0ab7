from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.stats import binom

from monitors.delays import latency_readings, lateness_reading, share_reading, staleness_reading
from monitors.reading import NoData, State

SESSION = date(2024, 3, 7)


def test_the_quantiles_are_calls_that_were_made() -> None:
    seconds = np.random.default_rng(1).permutation(np.arange(1.0, 201.0))
    found = {r.metric: r for r in latency_readings(SESSION, "yahoo", seconds, limit_s=195.0)}
    assert found["latency_p50_s"].value == 100.0
    assert found["latency_p95_s"].value == 190.0
    assert found["latency_p99_s"].value == 198.0
    assert found["latency_p95_s"].state is State.OK
    assert found["latency_p99_s"].state is State.WARN
    slow = found["slow_rate"]
    assert (slow.value, slow.n, slow.state) == (5 / 200, 200, State.OK)
    assert slow.evidence is not None
    assert slow.evidence.p_value == pytest.approx(binom.sf(4, 200, 0.05), rel=1e-9)


def test_time_outs_count_as_slow_and_unknown_calls_do_not() -> None:
    seconds = np.concatenate([np.full(40, 0.2), np.full(20, np.inf), np.full(5, np.nan)])
    found = {r.metric: r for r in latency_readings(SESSION, "slack", seconds, limit_s=5.0)}
    assert found["slow_rate"].state is State.BREACH
    assert found["slow_rate"].n == 60
    assert found["latency_p99_s"].reason is NoData.INFINITE
    few = latency_readings(SESSION, "slack", np.full(19, 0.2), limit_s=5.0)
    assert all(reading.reason is NoData.TOO_FEW for reading in few)


@pytest.mark.parametrize(
    ("age", "state"),
    [(-5.0, State.OK), (29.0, State.OK), (31.0, State.WARN), (61.0, State.BREACH)],
)
def test_staleness_is_graded(age: float, state: State) -> None:
    assert staleness_reading(SESSION, "eodhd", age, limit_s=60.0).state is state


def test_a_provider_that_never_answered_is_stale_not_fine() -> None:
    assert staleness_reading(SESSION, "eodhd", np.nan, limit_s=60.0).reason is NoData.STALE
    assert staleness_reading(SESSION, "eodhd", np.inf, limit_s=60.0).reason is NoData.INFINITE


@pytest.mark.parametrize(
    ("failed", "of", "state"),
    [(0, 20, State.OK), (1, 20, State.OK), (3, 20, State.BREACH), (2, 15, State.WARN), (9, 300, State.OK)],
)
def test_shares_need_effect_and_evidence(failed: int, of: int, state: State) -> None:
    found = share_reading(SESSION, "fallback_rate", "yahoo", failed, of, limit=0.1, accepted=0.02)
    assert found.state is state
    assert found.value == failed / of


def test_hardly_any_event_is_not_judged_and_impossible_ones_are_refused() -> None:
    few = share_reading(SESSION, "timeout_rate", "yahoo", 1, 4, limit=0.1, accepted=0.02)
    assert few.reason is NoData.TOO_FEW
    with pytest.raises(ValueError, match="3 of 2 events"):
        share_reading(SESSION, "timeout_rate", "yahoo", 3, 2, limit=0.1, accepted=0.02)


def test_the_latest_forecast_tells_the_lateness_and_a_missing_one_is_a_breach() -> None:
    due = np.zeros(3)
    assert lateness_reading(SESSION, due, np.array([-9.0, 5.0, 20.0]), limit_s=60.0).state is State.OK
    assert lateness_reading(SESSION, due, np.array([1.0, 5.0, 61.0]), limit_s=60.0).value == 61.0
    absent = lateness_reading(SESSION, due, np.array([1.0, np.nan, 2.0]), limit_s=60.0)
    assert absent.state is State.BREACH
    assert "1 of 3 not there" in absent.detail
    assert lateness_reading(SESSION, due, np.full(3, np.nan), limit_s=60.0).reason is NoData.MISSING
    assert lateness_reading(SESSION, due[:0], due[:0], limit_s=60.0).reason is NoData.TOO_FEW
    with pytest.raises(ValueError, match="pair up"):
        lateness_reading(SESSION, due, due[:1], limit_s=60.0)
