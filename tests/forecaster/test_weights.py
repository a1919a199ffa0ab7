from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.weights import CAP, FLOOR, Weights, mixed, published, start, week
from market.panel import FloatArray

ROWS, SIGNALS = 4, 5
GAINS = st.lists(arrays(np.float64, (ROWS, SIGNALS), elements=st.floats(-30, 30)), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(GAINS, st.data())
def test_shares_sum_to_one_keep_the_floor_and_never_leap(
    gains: list[FloatArray], data: st.DataObject
) -> None:
    state = start(ROWS, SIGNALS)
    for gained in gains:
        seen = np.array([1.0, *data.draw(st.lists(st.sampled_from((0.0, 0.4, 1.0)), min_size=3, max_size=3))])
        after = week(state, gained, seen)
        assert_allclose(after.used.sum(axis=1), 1.0, atol=1e-12)
        assert (after.used >= FLOOR - 1e-12).all()
        assert (np.abs(after.used / state.used - 1) <= CAP * seen[:, None] + 1e-12).all()
        assert_array_equal(after.used[seen == 0], state.used[seen == 0])
        assert_array_equal(after.learnt[seen == 0], state.learnt[seen == 0])
        state = after


def test_the_skilled_signal_wins_and_another_is_found_when_skill_moves() -> None:
    state, every = start(1, SIGNALS), np.ones(1)
    for best in (1, 3):
        for _ in range(150):
            gained = np.zeros((1, SIGNALS))
            gained[0, best] = 0.2
            state = week(state, gained, every)
        assert state.learnt[0].argmax() == best
        assert state.learnt[0, best] > 0.8


def test_without_gains_shares_stay_equal() -> None:
    state = start(2, SIGNALS)
    for _ in range(20):
        state = week(state, np.zeros((2, SIGNALS)), np.ones(2))
    assert_allclose(state.used, 1 / SIGNALS, atol=1e-15)


def told() -> tuple[Weights, FloatArray]:
    state, rng = start(1 + 2 + 2, 3), np.random.default_rng(4)
    for _ in range(40):
        state = week(state, rng.normal(0, 0.3, (5, 3)), np.array([1.0, 0.6, 0.4, 1.0, 1.0]))
    regimes, sectors = np.array([0, 1, -1]), np.array([1, 0, -1])
    return published(state, "abc", ("calm", "wild"), ("Energy", "Utilities")), mixed(
        state, regimes, sectors, 2
    )


def test_what_is_published_is_what_was_mixed_bit_for_bit_also_after_json() -> None:
    weights, want = told()
    again = Weights.from_dict(json.loads(json.dumps(weights.to_dict())))
    assert again == weights
    for session, regime in enumerate(("calm", "wild", "never seen")):
        assert_array_equal(again.of(regime, ("Utilities", "Energy", "")), want[session])
    assert_allclose(want.mean(axis=-1), 1.0, atol=1e-12)


def test_a_regime_that_was_seen_longer_counts_for_more() -> None:
    weights, _ = told()
    calm, wild = weights.weeks["regime calm"], weights.weeks["regime wild"]
    assert calm == pytest.approx(24.0)
    assert wild == pytest.approx(16.0)


def test_a_regime_that_was_never_seen_is_left_out() -> None:
    assert published(start(3, 2), "ab", ("calm",), ("Energy",)).regimes == {}


def test_more_signals_than_the_floor_has_room_for_share_equally() -> None:
    state = week(start(1, 80), np.zeros((1, 80)), np.ones(1))
    assert_allclose(state.used.sum(), 1.0, atol=1e-12)
