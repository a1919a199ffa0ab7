from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitors.arrays import FloatArray
from monitors.confidence_sequence import sharpe_interval
from monitors.moments import Moments
from monitors.sharpe import sharpe


def summed(returns: FloatArray) -> Moments:
    moments = Moments()
    for return_ in returns.tolist():
        moments = moments.added(return_)
    return moments


@given(arrays(np.float64, st.integers(2, 80), elements=st.integers(-300, 300).map(lambda bp: bp / 1e4)))
def test_sums_give_the_ratio_and_the_interval_of_the_returns_themselves(returns: FloatArray) -> None:
    moments, found = summed(returns), sharpe_interval(returns)
    assert moments.sharpe == pytest.approx(sharpe(returns), rel=1e-6, nan_ok=True)
    told = moments.interval()
    assert (told.low, told.high) == pytest.approx((found.low, found.high), rel=1e-5, abs=1e-7, nan_ok=True)


def test_they_go_through_the_store_as_a_row() -> None:
    moments = summed(np.array([0.01, -0.02, 0.005]))
    assert Moments.of(tuple(moments)) == moments
    assert Moments.of(()) == Moments()


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 30, [0.01] * 30])
def test_too_few_or_unvarying_returns_have_no_interval(returns: list[float]) -> None:
    moments = summed(np.array(returns))
    assert math.isnan(moments.sharpe)
    assert math.isnan(moments.interval().low)
