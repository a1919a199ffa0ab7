from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.sharpe import fall_p, is_constant, sharpe, sharpe_error


@given(st.lists(st.integers(-1000, 1000).map(lambda value: value / 1e4), min_size=2, max_size=60))
def test_the_ratio_is_mean_over_sample_deviation(returns: list[float]) -> None:
    if len(set(returns)) == 1:
        assert math.isnan(sharpe(np.array(returns)))
        return
    expected = statistics.fmean(returns) / statistics.stdev(returns)
    assert sharpe(np.array(returns)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_too_few_or_constant_returns_have_no_ratio() -> None:
    for returns in (np.empty(0), np.array([0.01]), np.full(30, 0.001)):
        assert math.isnan(sharpe(returns))
        assert math.isnan(sharpe_error(returns))


def test_a_constant_and_its_rounding_have_no_ratio() -> None:
    noise = np.random.default_rng(18).standard_normal(250)
    for step in (1e-16, 1e-12, 1e-9):
        returns = 0.001 + step * noise
        assert is_constant(returns)
        assert math.isnan(sharpe(returns))
        assert math.isnan(sharpe_error(returns))
    assert sharpe(0.001 + 1e-5 * noise) == pytest.approx(100, rel=0.1)


def test_the_standard_error_is_the_spread_of_the_ratio() -> None:
    rng = np.random.default_rng(19)
    draws = 0.1 + rng.standard_t(8, (4_000, 250)) / math.sqrt(8 / 6)
    ratios = np.array([sharpe(row) for row in draws])
    errors = np.array([sharpe_error(row) for row in draws])
    assert errors.mean() == pytest.approx(ratios.std(), rel=0.05)


def test_a_fall_of_two_errors_is_unlikely() -> None:
    assert fall_p(-0.2, 0.1, 0.0, 0.0) == pytest.approx(0.02275013, rel=1e-6)
    assert fall_p(0.0, 0.3, 0.0, 0.4) == pytest.approx(0.5)
    assert fall_p(-5.0, math.nan, 0.0, 0.0) == 1.0
