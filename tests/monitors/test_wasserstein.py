from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wasserstein_distance

from monitors.arrays import FloatArray
from monitors.wasserstein import wasserstein

SAMPLES = st.one_of(
    arrays(np.float64, st.integers(1, 80), elements=st.integers(-6, 6).map(float)),
    arrays(np.float64, st.integers(1, 80), elements=st.floats(-100, 100)),
)


@given(SAMPLES, SAMPLES)
def test_the_distance_equals_scipys(reference: FloatArray, current: FloatArray) -> None:
    ours = wasserstein(np.sort(reference), np.sort(current))
    assert ours == pytest.approx(wasserstein_distance(reference, current), abs=1e-12)


@given(SAMPLES, st.floats(-5, 5))
def test_a_shift_is_its_own_distance(sample: FloatArray, shift: float) -> None:
    ordered = np.sort(sample)
    assert wasserstein(ordered, ordered + shift) == pytest.approx(abs(shift), abs=1e-9)


def test_an_empty_sample_has_no_distance() -> None:
    assert math.isnan(wasserstein(np.empty(0), np.ones(2)))
    assert math.isnan(wasserstein(np.ones(2), np.empty(0)))
