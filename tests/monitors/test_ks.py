from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp, kstwobign

from monitors.arrays import FloatArray
from monitors.ks import RankGrid, kolmogorov_p, ks, ks_test

ROUND = arrays(np.float64, st.integers(1, 120), elements=st.integers(-6, 6).map(float))
SMOOTH = arrays(np.float64, st.integers(1, 120), elements=st.floats(-1e6, 1e6))


def scipys(a: FloatArray, b: FloatArray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its p-value, not used here, divides by zero for tiny samples
        return float(ks_2samp(a, b, method="asymp").statistic)


@given(st.one_of(ROUND, SMOOTH), st.one_of(ROUND, SMOOTH))
def test_the_exact_distance_equals_scipys(reference: FloatArray, current: FloatArray) -> None:
    ours = ks(np.sort(reference), np.sort(current))
    assert ours == pytest.approx(scipys(reference, current), abs=1e-12)


def test_the_exact_distance_equals_scipys_on_large_samples() -> None:
    rng = np.random.default_rng(4)
    for reference, current in (
        (rng.standard_normal(25_000), rng.standard_normal(2_000)),
        (rng.standard_t(3, 25_000), rng.standard_t(3, 2_000)),
        (rng.integers(0, 9, 25_000).astype(np.float64), rng.integers(0, 9, 2_000).astype(np.float64)),
    ):
        exact = ks(np.sort(reference), np.sort(current))
        assert exact == pytest.approx(scipys(reference, current), abs=1e-12)


def test_an_empty_sample_has_no_distance() -> None:
    assert math.isnan(ks(np.empty(0), np.ones(3)))
    assert math.isnan(ks(np.ones(3), np.empty(0)))
    grid = RankGrid.of(np.arange(5.0))
    assert math.isnan(grid.distance(grid.count_below(np.empty(0)), 0))


@given(st.one_of(ROUND, SMOOTH), st.one_of(ROUND, SMOOTH), st.integers(1, 40))
def test_the_grid_falls_short_of_the_exact_distance_by_no_more_than_it_says(
    reference: FloatArray, current: FloatArray, parts: int
) -> None:
    ordered = np.sort(reference)
    grid = RankGrid.of(ordered, parts)
    coarse = grid.distance(grid.count_below(current), current.size)
    exact = ks(ordered, np.sort(current))
    assert coarse <= exact + 1e-12
    assert exact <= coarse + grid.error + 1e-12


def test_the_grid_is_exact_where_the_reference_has_few_values() -> None:
    rng = np.random.default_rng(5)
    reference = np.sort(rng.poisson(2.0, 5_000).astype(np.float64))
    current = rng.poisson(2.4, 300).astype(np.float64)
    grid = RankGrid.of(reference)
    assert grid.error <= 0.0011
    assert grid.distance(grid.count_below(current), 300) == pytest.approx(
        scipys(reference, current), abs=grid.error
    )


def test_a_thousand_knots_keep_the_error_at_a_thousandth() -> None:
    reference = np.sort(np.random.default_rng(6).standard_t(3, 60_480))
    assert RankGrid.of(reference).error == pytest.approx(0.001, rel=0.02)


def test_the_p_value_is_scipys() -> None:
    n, m, distance = 25_000, 400, 0.07
    expected = kstwobign.sf(distance * math.sqrt(n * m / (n + m)))
    assert kolmogorov_p(distance, n, m) == pytest.approx(expected, rel=1e-12)
    assert kolmogorov_p(0.0, n, m) == 1.0
    assert 0 < kolmogorov_p(1.0, n, m) < 1e-100


@given(st.one_of(ROUND, SMOOTH), st.one_of(ROUND, SMOOTH))
def test_distance_and_p_value_of_any_samples_are_told_without_a_warning(
    reference: FloatArray, current: FloatArray
) -> None:
    distance, p = ks_test(np.sort(reference), np.sort(current))
    assert distance == pytest.approx(ks(np.sort(reference), np.sort(current)), abs=1e-12)
    assert 0.0 <= p <= 1.0


@pytest.mark.parametrize(("n", "m", "shift"), [(9_000, 700, 0.0), (25_000, 400, 0.05), (400, 25_000, 0.0)])
def test_the_test_of_larger_samples_equals_scipys(n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal(n), rng.standard_normal(m) + shift
    expected = ks_2samp(a, b)
    distance, p = ks_test(np.sort(a), np.sort(b))
    assert distance == pytest.approx(expected.statistic, abs=1e-12)
    assert p == pytest.approx(expected.pvalue, abs=1e-12)
