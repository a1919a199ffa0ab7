from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr
from scipy.stats import false_discovery_control

from monitors.arrays import FloatArray
from monitors.false_discovery import adjusted, survivors


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-6, 1.0)), st.floats(0.01, 0.5))
def test_survivors_are_those_scipy_adjusts_below_the_rate(p_values: FloatArray, rate: float) -> None:
    scipys = false_discovery_control(p_values)
    clear = np.abs(scipys - rate) > 1e-9  # where rounding cannot decide
    assert np.array_equal(survivors(p_values, rate)[clear], (scipys <= rate)[clear])


def test_a_test_that_was_not_made_does_not_count() -> None:
    with_gaps = np.array([np.nan, 0.02, np.nan, 0.9])
    assert survivors(with_gaps, 0.05).tolist() == [False, True, False, False]
    assert not survivors(np.full(3, np.nan), 0.05).any()


def test_without_drift_hardly_anything_survives() -> None:
    rng = np.random.default_rng(12)
    any_survived = [survivors(rng.random(60), 0.05).any() for _ in range(2_000)]
    assert np.mean(any_survived) < 0.07


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-9, 1.0)), st.booleans())
def test_adjusted_p_values_equal_scipys(p_values: FloatArray, dependent: bool) -> None:
    expected = false_discovery_control(p_values, method="by" if dependent else "bh")
    assert adjusted(p_values, dependent=dependent) == pytest.approx(expected, rel=1e-12)


def test_a_table_of_tickers_by_features_is_one_family() -> None:
    rng = np.random.default_rng(3)
    table = rng.random((100, 60))
    table[4, :5] = 1e-7
    table[9, 9] = np.nan
    found = survivors(table, 0.01, dependent=True)
    assert found.shape == (100, 60)
    assert found.sum() == 5
    assert found[4, :5].all()


def test_the_rate_holds_however_the_tests_depend_on_each_other() -> None:
    rng = np.random.default_rng(4)
    common = rng.standard_normal((4_000, 1)) * np.where(np.arange(40) % 2, 1.0, -1.0)
    z = np.sqrt(0.8) * common + np.sqrt(0.2) * rng.standard_normal((4_000, 40))
    any_ = [survivors(row, 0.05, dependent=True).any() for row in ndtr(z)]
    assert np.mean(any_) <= 0.05
