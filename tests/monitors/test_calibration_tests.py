from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from monitors.calibration import gains
from monitors.calibration_tests import (
    e_value,
    first_alarm,
    gains_by_time,
    one_sided,
    spiegelhalter_z,
    sum_z,
    too_bold_z,
    two_sided,
)

if TYPE_CHECKING:
    from monitors.arrays import FloatArray


def naive_spiegelhalter(stated: FloatArray, came: FloatArray) -> float:
    above = sum((y - p) * (1 - 2 * p) for p, y in zip(stated, came, strict=True))
    return float(above / math.sqrt(sum((1 - 2 * p) ** 2 * p * (1 - p) for p in stated)))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 200))
def test_the_z_values_equal_their_naive_twins(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    stated = rng.uniform(0.05, 0.95, n)
    came = (rng.random(n) < stated).astype(float)
    assert spiegelhalter_z(stated, came) == pytest.approx(naive_spiegelhalter(stated, came), rel=1e-9)
    assert sum_z(stated, came) == pytest.approx(
        (came.sum() - stated.sum()) / math.sqrt((stated * (1 - stated)).sum()), rel=1e-9, abs=1e-12
    )
    # turning a forecast round, with its outcome, claims the same
    assert too_bold_z(1 - stated, 1 - came) == pytest.approx(too_bold_z(stated, came), abs=1e-9)


def test_the_p_values_are_the_normal_laws() -> None:
    for z in (-3.0, -0.5, 0.0, 2.0):
        assert two_sided(z) == pytest.approx(2 * norm.sf(abs(z)), rel=1e-12)
        assert one_sided(z) == pytest.approx(norm.cdf(z), rel=1e-12)
    assert math.isnan(two_sided(math.nan))
    assert 0 < two_sided(60.0) < 1e-300


def test_forecasts_that_say_nothing_have_no_z() -> None:
    assert math.isnan(spiegelhalter_z(np.full(5, 0.5), np.ones(5)))
    assert math.isnan(sum_z(np.array([0.0, 1.0]), np.array([0.0, 1.0])))


@pytest.mark.parametrize("n", [20, 50, 250, 1_000])
def test_five_percent_is_five_percent(n: int) -> None:
    rng = np.random.default_rng(n)
    draws = 4_000 if n < 1_000 else 2_000
    found = np.zeros(3)
    for _ in range(draws):
        stated = rng.uniform(0.5, 0.75, n)
        came = (rng.random(n) < stated).astype(float)
        found += (
            two_sided(spiegelhalter_z(stated, came)) <= 0.05,
            two_sided(sum_z(stated, came)) <= 0.05,
            one_sided(too_bold_z(stated, came)) <= 0.05,
        )
    assert found / draws == pytest.approx(np.full(3, 0.05), abs=0.013)  # 1 % and three standard errors' worth


def test_a_halved_edge_is_found_in_two_of_three_at_250() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(2_000):
        stated = rng.uniform(0.5, 0.75, 250)
        came = (rng.random(250) < 0.5 + (stated - 0.5) / 2).astype(float)
        found += one_sided(too_bold_z(stated, came)) <= 0.05
    assert found / 2_000 >= 0.65


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_gains_of_all_times_equal_those_of_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 12)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    stated = np.round(rng.random(int(sizes.sum())), 1)
    came = (rng.random(stated.size) < 0.5).astype(float)
    together = gains_by_time(stated, came, starts)
    for row, start, size in zip(together, starts, sizes, strict=True):
        alone = gains(stated[start : start + size], came[start : start + size])
        assert row == pytest.approx(alone, rel=1e-9, abs=1e-12)


def test_the_e_process_is_rarely_large_under_calibration_however_often_one_looks() -> None:
    rng = np.random.default_rng(6)
    large = 0
    for _ in range(400):
        stated = rng.uniform(0.3, 0.7, 300)
        came = (rng.random(300) < stated).astype(float)
        large += e_value(gains_by_time(stated, came, np.arange(300))) >= 20
    assert large / 400 <= 0.05


def test_a_turned_forecaster_is_caught_by_wealth_and_by_alarm() -> None:
    rng = np.random.default_rng(7)
    stated = rng.uniform(0.2, 0.8, 400)
    came = (rng.random(400) < 1 - stated).astype(float)
    bets = gains_by_time(stated, came, np.arange(400))
    assert e_value(bets) > 1e6
    alarm = first_alarm(bets, 5_000)
    assert alarm is not None
    assert alarm < 250
    assert first_alarm(bets[:5], 5_000) is None
    assert e_value(bets[:0]) == 1.0


def test_certain_forecasts_that_fail_end_the_bets_without_an_error() -> None:
    stated, came = np.ones(30), np.zeros(30)
    assert e_value(gains_by_time(stated, came, np.arange(30))) > 1e20
