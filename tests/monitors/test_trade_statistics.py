from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitors.arrays import FloatArray
from monitors.trade_statistics import expectancy, greatest_drawdown, profit_factor, turnover

RETURNS = arrays(np.float64, st.integers(1, 60), elements=st.floats(-0.5, 0.5))


@given(RETURNS)
def test_the_drawdown_equals_its_naive_twin(returns: FloatArray) -> None:
    equity, peak, deepest = 1.0, 1.0, 0.0
    for return_ in returns:
        equity *= 1 + return_
        peak = max(peak, equity)
        deepest = max(deepest, 1 - equity / peak)
    assert greatest_drawdown(returns) == pytest.approx(deepest, abs=1e-12)


@given(RETURNS)
def test_profit_factor_and_expectancy_tell_the_same_side(returns: FloatArray) -> None:
    factor, mean = profit_factor(returns), expectancy(returns)
    assert mean == pytest.approx(sum(returns.tolist()) / returns.size, abs=1e-12)
    if not math.isnan(factor) and abs(mean) > 1e-9:
        assert (factor > 1) == (mean > 0)


def test_what_is_not_known_is_left_out() -> None:
    returns = np.array([0.02, np.nan, -0.01])
    assert profit_factor(returns) == 2.0
    assert expectancy(returns) == pytest.approx(0.005)
    assert greatest_drawdown(returns) == pytest.approx(0.01)
    nothing = np.array([np.nan])
    assert math.isnan(profit_factor(nothing))
    assert math.isnan(expectancy(nothing))
    assert math.isnan(greatest_drawdown(np.empty(0)))
    assert profit_factor(np.array([0.01])) == math.inf
    weights = np.array([[0.5, 0.5], [np.nan, 0.5], [0.5, 0.5], [0.3, 0.7]])
    assert turnover(weights) == pytest.approx(0.2)
    assert math.isnan(turnover(weights[:2]))
