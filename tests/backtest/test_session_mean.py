from __future__ import annotations

import math

import numpy as np
import pytest

from backtest.session_mean import session_mean


def test_without_overlap_it_is_the_textbooks_standard_error() -> None:
    values = np.random.default_rng(1).standard_normal(500)
    found = session_mean(values, 1)
    assert found.mean == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std() / math.sqrt(500))
    assert found.t == pytest.approx(found.mean / found.error)


def test_overlapping_outcomes_widen_the_interval_as_much_as_they_should() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(300):
        steps = rng.standard_normal(604)
        overlapping = np.array([steps[i : i + 5].mean() for i in range(600)])
        low, high = session_mean(overlapping, 5).interval
        inside += low <= 0 <= high
    assert 0.89 <= inside / 300 <= 0.97


def test_the_unknown_is_left_out_and_too_little_has_no_error() -> None:
    found = session_mean(np.array([1.0, math.nan, 3.0]), 5)
    assert (found.mean, found.sessions) == (2.0, 2)
    assert math.isnan(found.error)
    assert math.isnan(found.t)
    nothing = session_mean(np.array([math.nan]), 5)
    assert nothing.sessions == 0
    assert math.isnan(nothing.mean)


def test_what_never_varies_about_zero_is_no_standard_errors_away() -> None:
    assert session_mean(np.zeros(50), 5).t == 0.0
