from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from monitors.ece import debiased, ece


def naive_ece(probabilities: list[float], outcomes: list[float], bins: int) -> float:
    pairs = sorted(zip(probabilities, outcomes, strict=True), key=lambda pair: pair[0])
    total = 0.0
    for b in range(bins):
        members = [pair for i, pair in enumerate(pairs) if i * bins // len(pairs) == b]
        total += abs(sum(y - p for p, y in members))
    return total / len(pairs)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80), st.integers(1, 12))
def test_ece_equals_its_naive_twin(pairs: list[tuple[float, bool]], bins: int) -> None:
    probabilities, outcomes = [p for p, _ in pairs], [float(y) for _, y in pairs]
    ours = ece(np.array(probabilities), np.array(outcomes), bins)
    assert ours == pytest.approx(naive_ece(probabilities, outcomes, bins), abs=1e-12)


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


@given(st.lists(st.floats(-0.1, 0.1), min_size=10, max_size=10), st.floats(0, 0.2))
def test_the_debiased_error_lies_between_nothing_and_the_raw_one(gaps: list[float], error: float) -> None:
    value = debiased(np.array(gaps), np.full(10, error))
    assert 0 <= value <= np.abs(gaps).sum() + 1e-12
