from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from monitors.arrays import FloatArray
from monitors.ks import RankGrid, ks
from monitors.own_windows import OwnWindows, own_windows, window_counts, window_stride
from monitors.psi import bin_counts, psi, psi_edges


def null_of(values: FloatArray, window: int) -> OwnWindows | None:
    ordered = np.sort(values[np.isfinite(values)])
    edges = psi_edges(ordered)
    return own_windows(values, RankGrid.of(ordered, 200, also=edges), edges, window=window, least=20)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(4, 1), (4, 2), (6, 3)]), st.integers(6, 20))
def test_window_counts_equal_counting_each_window(seed: int, shape: tuple[int, int], sessions: int) -> None:
    window, stride = shape
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 4, (sessions, 5)).astype(float)
    values[rng.random(values.shape) < 0.2] = np.nan
    knots = np.array([-2.0, 0.0, 1.0])
    below, sizes = window_counts(values, knots, window=window, stride=stride)
    starts = [start for start in range(sessions) if start + window <= sessions]
    starts = [start for start in starts if (sessions - start) % stride == 0]
    assert sizes.size == len(starts)
    for row, start in enumerate(starts):
        part = values[start : start + window]
        assert sizes[row] == np.isfinite(part).sum()
        assert below[row].tolist() == [int((part <= knot).sum()) for knot in knots]


def test_each_window_is_scored_against_the_rest_of_the_reference() -> None:
    rng = np.random.default_rng(7)
    values, window = rng.standard_normal((60, 30)), 5
    null = null_of(values, window)
    assert null is not None
    edges = psi_edges(np.sort(values.ravel()))
    scores_psi, scores_ks = [], []
    for start in range(56):
        part = values[start : start + window].ravel()
        rest = np.concatenate([values[:start].ravel(), values[start + window :].ravel()])
        scores_psi.append(float(psi(bin_counts(rest, edges), bin_counts(part, edges))))
        scores_ks.append(ks(np.sort(rest), np.sort(part)))
    assert np.allclose(null.psi.ordered, np.sort(scores_psi), atol=1e-12)
    assert np.allclose(np.sqrt(null.ks.ordered), np.sort(scores_ks), atol=0.006)  # 200 knots
    assert null.n == 150


def test_a_reference_shorter_than_ten_windows_has_no_null() -> None:
    values = np.random.default_rng(8).standard_normal((199, 30))
    assert null_of(values, 20) is None
    assert null_of(np.vstack([values, values[:1]]), 20) is not None


def test_a_reference_mostly_unknown_has_no_null() -> None:
    values = np.random.default_rng(9).standard_normal((300, 30))
    values[:200] = np.nan
    assert null_of(values, 20) is None


def test_windows_with_little_in_them_have_no_p_value_and_keep_their_place() -> None:
    values = np.random.default_rng(10).standard_normal((300, 30))
    values[100:115] = np.nan
    null = null_of(values, 20)
    assert null is not None
    assert null.p_values.shape == (281,)
    unknown = np.flatnonzero(np.isnan(null.p_values))
    assert unknown.tolist() == list(range(91, 105))  # fewer than half of their values are known


def test_long_windows_start_at_most_twenty_times_per_window() -> None:
    assert [window_stride(window) for window in (1, 20, 40, 250, 997, 2000)] == [1, 1, 2, 10, 1, 100]


@pytest.mark.parametrize("law", ["normal", "t3", "ar1_0.9"])
def test_one_percent_is_about_one_percent_whatever_the_law(law: str) -> None:
    rng = np.random.default_rng(11)
    features, reference, window, gap = 60, 12_500, 125, 500
    shape = (features, reference + gap + 20 * window)
    noise = rng.standard_t(3, shape) if law == "t3" else rng.standard_normal(shape)
    series = lfilter([1.0], [1.0, -0.9], noise, axis=1) if law == "ar1_0.9" else noise
    p_values = []
    for row in series:
        held = row[:reference, None]
        ordered = np.sort(held.ravel())
        edges = psi_edges(ordered)
        grid = RankGrid.of(ordered, 100, also=edges)
        null = own_windows(held, grid, edges, window=window, least=20)
        assert null is not None
        for start in range(reference + gap, row.size, window):
            distance = grid.distance(grid.count_below(row[start : start + window]), window)
            p_values.append(null.p_ks(distance))
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(np.array(p_values) <= 0.01) <= 0.02
