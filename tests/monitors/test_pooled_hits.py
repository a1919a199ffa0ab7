from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from monitors import pooled_hits
from monitors.arrays import FloatArray
from monitors.pooled_hits import PooledState, pooled_reading
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()
TICKERS = 40


def fold(rng: np.random.Generator, hit_rates: FloatArray, state: PooledState | None = None) -> PooledState:
    """Sessions in which forecasts come true that often, overlapping by the horizon."""
    state = state or PooledState()
    common = rng.standard_normal(hit_rates.size + LIMITS.horizon)
    for session, rate in enumerate(hit_rates):
        shock = 0.05 * common[session : session + LIMITS.horizon].mean()
        stated = rng.uniform(0.4, 0.6, TICKERS)
        hits = rng.random(TICKERS) < rate + shock
        outcomes = (hits == (stated >= 0.5)).astype(float)
        state = pooled_hits.step(state, stated, outcomes, LIMITS)
    return state


def read(state: PooledState) -> Reading:
    return pooled_reading(SESSION, state, LIMITS)


def test_a_fall_of_the_hit_rate_is_found_and_a_calm_one_is_not() -> None:
    rng = np.random.default_rng(1)
    calm = fold(rng, np.full(126 + 252, 0.6))
    assert read(calm).state is State.OK
    fallen = fold(rng, np.full(100, 0.45), calm)
    assert read(fallen).state is State.BREACH
    assert read(fallen).threshold == pytest.approx(1.25 * 1008 / 5)


def test_calm_histories_hardly_ever_alarm() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(12):
        state = fold(rng, np.full(126, 0.55))
        for _ in range(50):
            state = fold(rng, np.full(5, 0.55), state)
            if read(state).state is State.BREACH:
                alarms += 1
                break
    assert alarms <= 2  # 12 years at one in four


def test_the_baseline_is_what_a_lucky_start_allows() -> None:
    state = fold(np.random.default_rng(3), np.full(126, 0.6))
    assert 0.5 < state.rate < 0.6
    assert 0 <= state.correlation < 0.2
    assert (state.hits, state.counts) == ((), ())


def test_before_the_law_is_known_and_after_outcomes_stop_nothing_is_said() -> None:
    rng = np.random.default_rng(4)
    young = fold(rng, np.full(50, 0.55))
    assert (read(young).reason, read(young).n) == (NoData.TOO_FEW, 50)
    state = fold(rng, np.full(180, 0.55))
    for _ in range(LIMITS.stale_after):
        state = pooled_hits.step(state, np.array([0.5, np.nan]), np.array([np.nan, 1.0]), LIMITS)
    assert read(state).reason is NoData.STALE
