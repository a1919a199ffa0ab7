from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from monitors.ece import debiased, debiased_rows, ece, equal_mass_bins


def naive_ece(probabilities: list[float], outcomes: list[float], bins: int) -> float:
    ordered, n = sorted(probabilities), len(probabilities)
    gaps: dict[int, float] = {}
    for p, y in zip(probabilities, outcomes, strict=True):
        first = ordered.index(p)
        last = n - 1 - ordered[::-1].index(p)
        bin_ = (first + last) // 2 * bins // n
        gaps[bin_] = gaps.get(bin_, 0.0) + y - p
    return sum(map(abs, gaps.values())) / n


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80), st.integers(1, 12))
def test_ece_equals_its_naive_twin(pairs: list[tuple[float, bool]], bins: int) -> None:
    probabilities, outcomes = [p for p, _ in pairs], [float(y) for _, y in pairs]
    ours = ece(np.array(probabilities), np.array(outcomes), bins)
    assert ours == pytest.approx(naive_ece(probabilities, outcomes, bins), abs=1e-12)


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.4, 0.5, 0.9]), st.booleans()), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_the_order_of_equal_probabilities_changes_nothing(
    pairs: list[tuple[float, bool]], random: Random
) -> None:
    mixed = random.sample(pairs, len(pairs))
    values = [
        ece(np.array([p for p, _ in held]), np.array([float(y) for _, y in held])) for held in (pairs, mixed)
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_a_value_stated_often_fills_one_bin_and_no_bin_is_empty() -> None:
    stated = np.concatenate([np.full(80, 0.5), np.linspace(0.6, 0.9, 20)])
    placed = equal_mass_bins(stated, 10)
    assert np.unique(placed[:80]).size == 1
    assert np.unique(placed).tolist() == list(range(3))


def test_ece_is_the_weighted_gap_of_scikit_learns_curve() -> None:
    rng = np.random.default_rng(20)
    probabilities = rng.random(1_000)
    outcomes = (rng.random(1_000) < probabilities**1.3).astype(float)
    true, stated = calibration_curve(outcomes, probabilities, n_bins=10, strategy="quantile")
    assert ece(probabilities, outcomes) == pytest.approx(float(np.abs(true - stated).mean()), abs=2e-3)


def test_a_perfect_forecaster_shows_ten_points_at_a_hundred_forecasts() -> None:
    rng = np.random.default_rng(21)
    values = []
    for _ in range(1_000):
        probabilities = rng.random(100)
        values.append(ece(probabilities, (rng.random(100) < probabilities).astype(float)))
    assert np.mean(values) == pytest.approx(0.100, abs=0.01)


def test_no_forecasts_have_no_error() -> None:
    assert math.isnan(ece(np.empty(0), np.empty(0)))


def test_noise_is_taken_off_and_a_clear_gap_is_left() -> None:
    rng = np.random.default_rng(22)
    errors = np.full(10, 0.004)
    raw, corrected = [], []
    for _ in range(2_000):
        gaps = rng.normal(0.0, errors)
        raw.append(np.abs(gaps).sum())
        corrected.append(debiased(gaps, errors))
    assert np.mean(corrected) < 0.65 * np.mean(raw)
    assert debiased(np.full(10, 0.02), np.full(10, 1e-4)) == pytest.approx(0.2, abs=1e-9)
    assert debiased(np.full(10, 0.02), np.zeros(10)) == pytest.approx(0.2, abs=1e-15)


def test_many_rows_at_once_are_debiased_as_one_by_one() -> None:
    rng = np.random.default_rng(23)
    gaps, errors = rng.normal(0, 0.01, (50, 10)), rng.uniform(0, 0.01, 10) * (rng.random(10) > 0.2)
    one_by_one = [debiased(row, errors) for row in gaps]
    assert debiased_rows(gaps, errors).tolist() == pytest.approx(one_by_one, abs=1e-15)


@given(st.lists(st.floats(-0.1, 0.1), min_size=10, max_size=10), st.floats(0, 0.2))
def test_the_debiased_error_lies_between_nothing_and_the_raw_one(gaps: list[float], error: float) -> None:
    value = debiased(np.array(gaps), np.full(10, error))
    assert 0 <= value <= np.abs(gaps).sum() + 1e-12
