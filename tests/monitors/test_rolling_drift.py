from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.rolling_drift import RollingDrift
from monitors.stack import Laws, prepared_psi
from monitors.window_law import WindowLaw


def rows_of(seed: int, count: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, 4))
    rows[:, 1] = rng.poisson(2.0, count)
    rows[:, 2] = np.where(rng.random(count) < 0.5, 0.0, rows[:, 2])
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[rng.random(rows.shape) < 0.01] = np.inf
    rows[rng.random(rows.shape) < 0.01] = -np.inf
    return rows


@pytest.fixture(scope="module")
def reference() -> DriftReference:
    history = rows_of(1, 2_000)
    history[:, 3] = 7.0  # a feature that cannot be compared
    return prepare_reference(history[:, None, :], tuple("abcd"), window=60)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 10_000), st.integers(1, 200), st.integers(1, 80))
def test_after_any_number_of_rows_the_reading_equals_the_batch(
    reference: DriftReference, seed: int, count: int, length: int
) -> None:
    rows = rows_of(seed, count)
    rolling = RollingDrift(reference, length)
    for row in rows:
        rolling.update(row)
    window = np.ascontiguousarray(rows[-length:].T)
    n = (~np.isnan(window)).sum(axis=1)
    assert rolling.rows == window.shape[1]
    assert rolling.n.tolist() == n.tolist()
    assert rolling.missing == pytest.approx(np.isnan(window).mean(axis=1))
    judged = (n > 0) & (np.arange(4) < 3)
    stack = reference.stack
    assert rolling.psi[judged] == pytest.approx(prepared_psi(window, stack)[judged], abs=1e-12)
    coarse = stack.coarse_below(stack.below(window)[0])
    assert np.array_equal(rolling.ks[judged], stack.coarse_distance(coarse, n)[judged])
    assert np.isnan(rolling.psi[~judged]).all()
    assert np.isnan(rolling.ks[~judged]).all()


def test_the_p_value_is_that_of_the_references_own_windows(reference: DriftReference) -> None:
    rolling = RollingDrift(reference)
    assert np.isnan(rolling.p).all()
    for row in rows_of(5, 100) + np.array([1.0, 0.0, 0.0, 0.0]):
        rolling.update(row)
    assert rolling.p[0] < 0.001
    assert rolling.p[1] > 0.01
    assert np.isnan(rolling.p[3])


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 10_000), st.integers(1, 150), st.sampled_from([0.5, 0.05, 0.01, 1e-4]), st.floats(0, 1.5)
)
def test_the_unusual_are_exactly_those_whose_p_value_is_low_after_every_row(
    reference: DriftReference, seed: int, count: int, level: float, shift: float
) -> None:
    rolling = RollingDrift(reference)
    for i, row in enumerate(rows_of(seed, count) + np.array([shift, 0.0, shift, 0.0])):
        rolling.update(row)
        if i % 3:  # some rows go by unlooked at
            continue
        places, p = rolling.unusual(level)
        assert places.tolist() == (rolling.p <= level).nonzero()[0].tolist()
        assert p.tolist() == rolling.p[places].tolist()


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(1, 40), st.floats(1e-4, 0.9))
def test_no_score_below_the_critical_one_has_a_low_p_value(
    scores: list[float], disjoint: float, level: float
) -> None:
    law = WindowLaw.of(np.array(scores), disjoint)
    laws = Laws.of([law, None])
    critical, never = laws.critical(level)
    assert never == np.inf
    for value in np.concatenate([scores, np.linspace(0, 10, 200)]):
        if value < critical * (1 - 1e-9):
            assert law.p(float(value)) > level
        if value > critical * (1 + 1e-9):
            assert law.p(float(value)) <= level


def test_a_reference_without_a_usable_feature_reads_nothing() -> None:
    rolling = RollingDrift(prepare_reference(np.full((300, 1, 2), 4.0), ("a", "b"), window=20))
    for row in np.random.default_rng(8).standard_normal((30, 2)):
        rolling.update(row)
    assert rolling.n.tolist() == [20, 20]
    for read in (rolling.psi, rolling.ks, rolling.p):
        assert np.isnan(read).all()


def test_thousands_of_features_are_read_within_a_row() -> None:
    rng = np.random.default_rng(9)
    names = tuple(f"f{i}" for i in range(60))
    one = prepare_reference(rng.standard_normal((800, 1, 60)), names, window=60)
    rolling = RollingDrift(DriftReference(one.window, one.sessions, one.features * 100), 250)
    rows = rng.standard_normal((251, 6_000))
    for row in rows[1:]:
        rolling.update(row)
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        rolling.update(rows[0])
        rolling.unusual(0.01)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.012  # about 1 ms; the rest is for a busy machine under coverage


def test_a_row_costs_the_same_after_many_and_the_memory_does_not_grow() -> None:
    rng = np.random.default_rng(6)
    names = tuple(f"f{i}" for i in range(60))
    rolling = RollingDrift(prepare_reference(rng.standard_normal((800, 1, 60)), names, window=60), 250)
    rows = rng.standard_normal((500, 60))
    taken, sizes = [], []
    for _ in range(20):
        started = time.perf_counter()
        for row in rows:
            rolling.update(row)
        taken.append((time.perf_counter() - started) / 500)
        sizes.append(len(pickle.dumps(rolling)))
    assert max(sizes) - min(sizes[1:]) < 100
    assert min(taken) < 250e-6  # 20 us; the rest is for a busy machine under coverage
    assert min(taken[10:]) < 3 * min(taken[:10])


def test_a_window_without_rows_is_refused(reference: DriftReference) -> None:
    with pytest.raises(ValueError, match="0 rows"):
        RollingDrift(reference, 0)
