from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitors.arrays import FloatArray
from monitors.bounded import Reach
from monitors.moments import Moments
from monitors.sharpe import sharpe

REACH = Reach(-0.2, 0.2)


def summed(returns: FloatArray) -> Moments:
    moments = Moments()
    for return_ in returns.tolist():
        moments = moments.added(return_)
    return moments


@given(arrays(np.float64, st.integers(2, 80), elements=st.integers(-300, 300).map(lambda bp: bp / 1e4)))
def test_sums_give_the_ratio_of_the_returns_themselves(returns: FloatArray) -> None:
    moments = summed(returns)
    assert moments.sharpe == pytest.approx(sharpe(returns), rel=1e-6, nan_ok=True)
    assert moments == pytest.approx(Moments.over(returns), abs=1e-12)


def test_the_interval_holds_the_ratio_and_narrows() -> None:
    returns = np.random.default_rng(3).normal(0.002, 0.01, 4_000)
    few, many = (Moments.over(returns[:n]).interval(REACH) for n in (500, 4_000))
    assert few.low < sharpe(returns[:500]) < few.high
    assert 0.05 < many.low < 0.2 < many.high < 0.35
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_a_short_series_may_have_any_ratio() -> None:
    returns = np.random.default_rng(4).normal(0.002, 0.01, 10)
    assert format(Moments.over(returns).interval(REACH), ".2f") == "unknown"


@pytest.mark.parametrize("losing", [0.01, 0.03])
def test_rare_great_losses_leave_the_interval_hardly_ever(losing: float) -> None:
    rng = np.random.default_rng(20261122)
    gain = 0.15 * losing / (1 - losing)  # a mean of zero
    wrong = 0
    for _ in range(100):
        returns = np.where(rng.random(500) < losing, -0.15, gain) + rng.normal(0, 0.002, 500)
        looks = [Moments.over(returns[:n]).interval(REACH) for n in (30, 60, 100, 200, 350, 500)]
        wrong += any(one.low > 0 or one.high < 0 for one in looks)
    assert wrong <= 5


def test_they_go_through_the_store_as_a_row() -> None:
    moments = summed(np.array([0.01, -0.02, 0.005]))
    assert Moments.of(tuple(moments)) == moments
    assert Moments.of(()) == Moments()


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 30, [0.01] * 30])
def test_too_few_or_unvarying_returns_have_no_interval(returns: list[float]) -> None:
    moments = summed(np.array(returns))
    assert math.isnan(moments.sharpe)
    assert math.isnan(moments.interval(REACH).low)
