from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

from monitors.arrays import FloatArray, IntArray
from monitors.psi import bin_counts, psi, psi_edges, yurdakul_p

SAMPLES = arrays(
    np.float64, st.integers(1, 200), elements=st.floats(-100, 100, allow_nan=False, width=16).map(float)
)
COUNTS = arrays(np.int64, 7, elements=st.integers(0, 10_000))


def naive_psi(reference: IntArray, current: IntArray) -> float:
    bins, total = len(reference), 0.0
    for a, b in zip(reference, current, strict=True):
        p = (int(a) + 0.5) / (int(reference.sum()) + 0.5 * bins)
        q = (int(b) + 0.5) / (int(current.sum()) + 0.5 * bins)
        total += (p - q) * math.log(p / q)
    return total


def naive_counts(values: FloatArray, edges: FloatArray) -> list[int]:
    limits = [-math.inf, *edges, math.inf]
    out = [0] * (len(edges) + 1)
    for value in values:
        for i in range(len(out)):
            if limits[i] < value <= limits[i + 1] or (i == 0 and value == -math.inf):
                out[i] += 1
                break
    return out


@given(COUNTS, COUNTS)
def test_psi_equals_its_naive_twin(reference: IntArray, current: IntArray) -> None:
    assert float(psi(reference, current)) == pytest.approx(naive_psi(reference, current), abs=1e-12)


@given(COUNTS, COUNTS)
def test_psi_is_symmetric_and_never_negative(reference: IntArray, current: IntArray) -> None:
    assert float(psi(reference, current)) == pytest.approx(float(psi(current, reference)), abs=1e-12)
    assert float(psi(reference, current)) >= 0


@given(arrays(np.int64, (5, 7), elements=st.integers(0, 500)), COUNTS)
def test_psi_of_many_windows_is_the_psi_of_each(windows: IntArray, reference: IntArray) -> None:
    together = psi(reference, windows)
    assert together.shape == (5,)
    assert np.array_equal(together, [float(psi(reference, window)) for window in windows])


def test_psi_of_a_hand_computed_case() -> None:
    # shares with half a count: 10.5/31, 20.5/31 against 20.5/31, 10.5/31
    expected = 2 * (10 / 31) * math.log(20.5 / 10.5)
    assert float(psi(np.array([10, 20]), np.array([20, 10]))) == pytest.approx(expected, abs=1e-15)


@given(SAMPLES)
def test_every_bin_holds_a_reference_value(values: FloatArray) -> None:
    edges = psi_edges(np.sort(values))
    assert (np.diff(edges) > 0).all()
    if values.min() == values.max():
        assert edges.size == 0
    else:
        assert edges.size >= 1
        assert (bin_counts(values, edges) > 0).all()


@given(SAMPLES, SAMPLES)
def test_bin_counts_equal_their_naive_twin(reference: FloatArray, current: FloatArray) -> None:
    edges = psi_edges(np.sort(reference))
    assert bin_counts(current, edges).tolist() == naive_counts(current, edges)


def test_continuous_references_are_cut_into_ten_equal_bins() -> None:
    values = np.random.default_rng(0).standard_normal(25_000)
    assert bin_counts(values, psi_edges(np.sort(values))).tolist() == [2500] * 10


def test_a_point_mass_gets_a_bin_of_its_own() -> None:
    values = np.concatenate([np.linspace(-2, -1, 300), np.zeros(400), np.linspace(1, 2, 300)])
    counts = bin_counts(values, psi_edges(np.sort(values)))
    assert counts.sum() == 1000
    assert 400 in counts


def test_a_binary_reference_has_two_bins() -> None:
    values = np.repeat([0.0, 1.0], [30, 70])
    assert bin_counts(values, psi_edges(values)).tolist() == [30, 70]


def test_an_empty_or_constant_reference_has_no_edges() -> None:
    assert psi_edges(np.empty(0)).size == 0
    assert psi_edges(np.full(50, 3.0)).size == 0


def test_nan_is_left_out_and_infinity_falls_into_the_outer_bins() -> None:
    edges = np.array([0.0, 1.0])
    assert bin_counts(np.array([np.nan, -np.inf, 0.0, 0.5, np.inf]), edges).tolist() == [2, 1, 1]


def test_one_bad_tick_hardly_changes_psi() -> None:
    rng = np.random.default_rng(1)
    reference, current = np.sort(rng.standard_normal(25_000)), rng.standard_normal(2_000) + 1.0
    edges = psi_edges(reference)
    held = bin_counts(reference, edges)
    clean = float(psi(held, bin_counts(current, edges)))
    spoiled = float(psi(held, bin_counts(np.append(current, 1e9), edges)))
    assert clean > 0.8
    assert spoiled == pytest.approx(clean, rel=0.01)


def test_a_bad_tick_in_the_reference_hardly_changes_psi() -> None:
    rng = np.random.default_rng(2)
    reference, current = rng.standard_normal(25_000), rng.standard_normal(2_000) + 1.0
    values = []
    for sample in (reference, np.append(reference, 1e9)):
        edges = psi_edges(np.sort(sample))
        values.append(float(psi(bin_counts(sample, edges), bin_counts(current, edges))))
    assert values[1] == pytest.approx(values[0], rel=0.01)


def test_the_chi_square_rule_is_scipys() -> None:
    value, n, m = 0.05, 25_000, 500
    assert yurdakul_p(value, n, m, 10) == pytest.approx(chi2.sf(value / (1 / n + 1 / m), 9), rel=1e-12)
    assert yurdakul_p(0.0, n, m, 10) == 1.0
    assert 0 < yurdakul_p(1e6, n, m, 10) < 1e-100


@pytest.mark.parametrize("m", [100, 250, 1000])
def test_the_chi_square_rule_holds_its_level_for_independent_values(m: int) -> None:
    rng = np.random.default_rng(3)
    n = 25_000
    held = np.full(10, n // 10)
    # what truly lies between the deciles of n values varies as a Dirichlet law
    draws = rng.multinomial(m, rng.dirichlet(np.full(10, n / 10), size=20_000))
    p = np.array([yurdakul_p(value, n, m, 10) for value in psi(held, draws)])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.012)
    assert np.mean(p <= 0.01) == pytest.approx(0.01, abs=0.005)
