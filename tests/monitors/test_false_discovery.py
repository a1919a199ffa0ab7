from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control

from monitors.arrays import FloatArray
from monitors.false_discovery import survivors


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-6, 1.0)), st.floats(0.01, 0.5))
def test_survivors_are_those_scipy_adjusts_below_the_rate(p_values: FloatArray, rate: float) -> None:
    adjusted = false_discovery_control(p_values)
    clear = np.abs(adjusted - rate) > 1e-9  # where rounding cannot decide
    assert np.array_equal(survivors(p_values, rate)[clear], (adjusted <= rate)[clear])


def test_a_test_that_was_not_made_does_not_count() -> None:
    with_gaps = np.array([np.nan, 0.02, np.nan, 0.9])
    assert survivors(with_gaps, 0.05).tolist() == [False, True, False, False]
    assert not survivors(np.full(3, np.nan), 0.05).any()


def test_without_drift_hardly_anything_survives() -> None:
    rng = np.random.default_rng(12)
    any_survived = [survivors(rng.random(60), 0.05).any() for _ in range(2_000)]
    assert np.mean(any_survived) < 0.07
