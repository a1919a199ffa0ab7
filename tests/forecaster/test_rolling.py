from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.rolling import (
    change,
    exponential_length,
    exponential_mean,
    lag,
    window_covariance,
    window_max,
    window_mean,
    window_min,
    window_moments,
    window_rank,
    window_slope,
    window_sum,
)
from market.panel import FloatArray

NAN = math.nan
Kernel = Callable[[FloatArray, int], FloatArray]


def sd(x: FloatArray, n: int, ddof: int = 0) -> FloatArray:
    return np.sqrt(window_moments(x, n)[1] / (n - ddof))


KERNELS: dict[str, Kernel] = {
    "sum": window_sum,
    "mean": window_mean,
    "sd": sd,
    "sample sd": lambda x, n: sd(x, n, 1),
    "squares": lambda x, n: window_moments(x, n)[1],
    "max": window_max,
    "min": window_min,
    "rank": window_rank,
    "slope": window_slope,
    "covariance": lambda x, n: window_covariance(x, np.cos(x), n),
    "exponential": lambda x, n: exponential_mean(x, 1.0 / n),
}
NAIVE: dict[str, Callable[[FloatArray], float]] = {
    "sum": math.fsum,
    "mean": lambda w: math.fsum(w) / len(w),
    "sd": lambda w: float(np.std(w)),
    "sample sd": lambda w: float(np.std(w, ddof=1)),
    "squares": lambda w: math.fsum((w - w.mean()) ** 2),
    "max": lambda w: float(w.max()),
    "min": lambda w: float(w.min()),
    "rank": lambda w: float((w <= w[-1]).mean()),
    "slope": lambda w: float(np.polyfit(np.arange(len(w)), w, 1)[0]),
    "covariance": lambda w: math.fsum((w - w.mean()) * (np.cos(w) - np.cos(w).mean())),
}
LEAST = {"sd": 2, "sample sd": 2, "squares": 2, "slope": 2, "covariance": 2}

VALUES = st.floats(-100.0, 100.0).map(lambda x: round(x, 6))
SERIES = arrays(np.float64, st.integers(1, 70), elements=VALUES)
NAMES = st.sampled_from(sorted(KERNELS))


def length(kernel: str, n: int) -> int:
    """How many sessions a kernel reads."""
    return exponential_length(1.0 / n) if kernel == "exponential" else n


@pytest.mark.parametrize("kernel", sorted(NAIVE))
@settings(max_examples=60, deadline=None)
@given(SERIES, st.integers(2, 40))
def test_a_window_equals_a_loop_over_its_values(kernel: str, x: FloatArray, n: int) -> None:
    got = KERNELS[kernel](x, n)
    assert got.shape == x.shape
    assert np.isnan(got[: n - 1]).all()
    scale = max(1.0, float(np.abs(x).max())) * (n if kernel in {"sum", "squares", "covariance"} else 1.0)
    scale *= 100.0 if kernel in {"squares", "covariance"} else 1.0
    for end in range(n, len(x) + 1):
        want = NAIVE[kernel](x[end - n : end])
        slack = 1e-7 * scale if kernel in {"sd", "sample sd"} and want < 1e-6 else 1e-12 * scale
        assert got[end - 1] == pytest.approx(want, rel=1e-12, abs=slack)


@settings(max_examples=150, deadline=None)
@given(NAMES, st.integers(2, 33), st.integers(0, 2**32 - 1), st.data())
def test_a_value_is_the_same_to_the_last_bit_wherever_its_window_lies(
    kernel: str, n: int, seed: int, data: st.DataObject
) -> None:
    reads = length(kernel, n)
    x = np.random.default_rng(seed).standard_normal((3, reads + 40))
    whole = KERNELS[kernel](x, n)
    end = data.draw(st.integers(reads, x.shape[1]), label="end")
    start = data.draw(st.integers(0, end - reads), label="start")
    assert_array_equal(KERNELS[kernel](x[:, :end], n), whole[:, :end])
    assert_array_equal(KERNELS[kernel](x[:, start:end], n)[:, reads - 1 :], whole[:, start + reads - 1 : end])
    assert_array_equal(KERNELS[kernel](x[1, end - reads : end], n)[-1], whole[1, end - 1])
    assert np.isnan(whole[:, : reads - 1]).all()
    assert np.isfinite(whole[:, reads - 1 :]).all()


@settings(max_examples=100, deadline=None)
@given(NAMES, st.integers(2, 20), st.data())
def test_a_nan_makes_every_window_that_holds_it_unknown_and_no_other(
    kernel: str, n: int, data: st.DataObject
) -> None:
    reads = length(kernel, n)
    x = np.random.default_rng(n).standard_normal((2, reads + 40))
    at = data.draw(st.integers(0, x.shape[1] - 1))
    holed = x.copy()
    holed[0, at] = NAN
    got, want = KERNELS[kernel](holed, n), KERNELS[kernel](x, n)
    assert np.isnan(got[0, at : at + reads]).all()
    want[0, at : at + reads] = NAN
    assert_array_equal(got, want)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_a_history_shorter_than_the_window_knows_nothing(kernel: str) -> None:
    assert np.isnan(KERNELS[kernel](np.arange(4.0), 5)).all()
    assert KERNELS[kernel](np.empty((3, 0)), 5).shape == (3, 0)
    assert KERNELS[kernel](np.empty((0, 9)), 5).shape == (0, 9)


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"exponential"}))
def test_a_window_too_short_to_mean_anything_is_an_error(kernel: str) -> None:
    least = LEAST.get(kernel, 1)
    assert np.isfinite(KERNELS[kernel](np.arange(9.0) ** 2, least)[-1])
    with pytest.raises(ValueError, match=f"at least {least} is needed"):
        KERNELS[kernel](np.arange(9.0), least - 1)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_a_kernel_leaves_its_input_as_it_was_and_returns_memory_of_its_own(kernel: str) -> None:
    x = np.random.default_rng(3).standard_normal((2, 3, 60))
    before = x.copy()
    got = KERNELS[kernel](x, 2)
    got += 1.0
    assert_array_equal(x, before)
    assert got.shape == x.shape


def test_far_from_zero_the_spread_keeps_its_digits_where_the_difference_of_sums_loses_them() -> None:
    x = 1e8 + np.random.default_rng(4).standard_normal(252)
    exact = [Fraction(value) for value in x.tolist()]
    mean = sum(exact) / 252
    want = math.sqrt(sum((value - mean) ** 2 for value in exact) / 252)
    assert sd(x, 252)[-1] == pytest.approx(want, rel=1e-8)
    by_sums = math.sqrt(max(0.0, float(window_mean(x * x, 252)[-1] - window_mean(x, 252)[-1] ** 2)))
    assert abs(by_sums - want) > 1e-3 * want


@pytest.mark.parametrize("value", [0.1, 1 / 3, 6.56, 1e9])
def test_equal_values_spread_by_rounding_alone(value: float) -> None:
    assert (sd(np.full(300, value), 63)[62:] <= 1e-15 * value).all()
    assert (sd(np.full(300, value), 64)[63:] == 0.0).all()  # a power of two does not even round


@pytest.mark.parametrize("alpha", [1 / 14, 2 / 13, 2 / 27, 2 / 40, 0.5, 0.999])
def test_an_exponential_mean_forgets_less_than_a_hundred_millionth(alpha: float) -> None:
    n = exponential_length(alpha)
    assert n & (n - 1) == 0
    assert (1 - alpha) ** n < 1e-8 <= (1 - alpha) ** (n // 2) or n == 1
    x = np.random.default_rng(5).standard_normal(1_500)
    weights = (1 - alpha) ** np.arange(n)[::-1]
    want = [x[end - n : end] @ weights / weights.sum() for end in range(n, len(x) + 1)]
    assert_allclose(exponential_mean(x, alpha)[n - 1 :], want, rtol=0, atol=1e-14)
    endless = pd.Series(x).ewm(alpha=alpha, adjust=True).mean()
    assert_allclose(exponential_mean(x, alpha)[n - 1 :], endless[n - 1 :], rtol=0, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 2.0, NAN])
def test_a_weight_outside_the_open_unit_interval_is_an_error(alpha: float) -> None:
    with pytest.raises(ValueError, match="a weight in"):
        exponential_mean(np.arange(9.0), alpha)


def test_a_rank_counts_ties_and_more_than_a_byte_holds() -> None:
    assert_array_equal(window_rank(np.array([1.0, 1.0, 0.0, 2.0, 2.0]), 3)[2:], [1 / 3, 1.0, 1.0])
    long = np.random.default_rng(6).standard_normal(700)
    want = pd.Series(long).rolling(600).rank(method="max", pct=True)
    assert_array_equal(window_rank(long, 600), want)


def test_windows_run_over_the_last_of_many_axes_and_broadcast() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((4, 90)), rng.standard_normal((3, 1, 90))
    both = window_covariance(x, y, 21)
    assert both.shape == (3, 4, 90)
    assert_array_equal(both[2, 1], window_covariance(x[1], y[2, 0], 21))


def test_a_lag_and_a_change_know_nothing_before_the_first_session() -> None:
    x = np.array([[1.0, 4.0, 9.0]])
    assert_array_equal(lag(x, 1), [[NAN, 1.0, 4.0]])
    assert_array_equal(lag(x, 3), [[NAN, NAN, NAN]])
    assert_array_equal(change(x, 2), [[NAN, NAN, 8.0]])
