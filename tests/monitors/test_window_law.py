from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import f as fisher

from monitors.arrays import FloatArray
from monitors.window_law import LEAST_P, WindowLaw, left_out

SCORES = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 10, width=32))


def test_beyond_all_windows_it_is_fishers_law() -> None:
    scores = np.random.default_rng(70).chisquare(6, 400)
    law = WindowLaw.of(scores, 25.0)
    degrees = 2 * scores.mean() ** 2 / (scores.var() * 25 / 24)
    value = scores.max() * 1.2
    assert law.p(value) == pytest.approx(fisher.sf(value / scores.mean(), degrees, degrees * 25), rel=1e-9)
    assert law.p(np.inf) == LEAST_P


def test_within_the_windows_the_rank_counts_where_it_is_the_greater() -> None:
    scores = np.concatenate([np.full(90, 1.0), np.full(10, 9.0)])  # a heavier tail than any F law
    law = WindowLaw.of(scores, 50.0)
    assert law.p(9.0) == pytest.approx(11 / 101)
    assert law.p(0.0) == 1.0


@given(SCORES, st.floats(0, 100), st.floats(0, 100))
def test_p_values_are_probabilities_and_fall_with_the_score(scores: FloatArray, a: float, b: float) -> None:
    law = WindowLaw.of(scores, 20.0)
    low, high = sorted((a, b))
    assert 0 < law.p(high) <= law.p(low) <= 1
    told = left_out(scores, length=5, stride=1)
    assert ((told > 0) & (told <= 1)).all()


def test_scores_that_do_not_vary_leave_the_rank_alone() -> None:
    law = WindowLaw.of(np.full(99, 0.3), 20.0)
    assert law.p(0.3) == 1.0
    assert law.p(0.31) == 1 / 100
    assert WindowLaw.of(np.zeros(99), 20.0).p(0.1) == 1 / 100


@pytest.mark.parametrize("degrees", [2, 6, 20])
def test_a_few_disjoint_windows_keep_the_level(degrees: int) -> None:
    rng = np.random.default_rng(71)
    p = []
    for _ in range(1_500):
        law = WindowLaw.of(rng.chisquare(degrees, 25), 25.0)
        p += [law.p(value) for value in rng.chisquare(degrees, 4)]
    # by ranks alone every 26th window would be more unusual than anything seen before
    assert np.mean(np.array(p) <= 0.01) <= 0.02
    assert np.mean(np.array(p) <= 0.001) <= 0.004


def test_each_window_is_told_by_those_apart_from_it() -> None:
    scores = np.random.default_rng(72).chisquare(4, 60)
    scores[[10, 20, 30]] = np.nan
    told = left_out(scores, length=6, stride=2)
    assert np.flatnonzero(np.isnan(told)).tolist() == [10, 20, 30]
    for i in np.flatnonzero(~np.isnan(scores)):
        apart = scores[np.abs(np.arange(60) - i) >= 3]
        apart = apart[~np.isnan(apart)]
        assert told[i] == pytest.approx(WindowLaw.of(apart, apart.size * 2 / 6).p(scores[i]), rel=1e-9)


def test_windows_without_others_apart_tell_nothing() -> None:
    assert left_out(np.array([1.0, 2.0]), length=5, stride=1).tolist() == [1.0, 1.0]
    assert left_out(np.full(30, 2.0), length=3, stride=1).tolist() == [1.0] * 30
