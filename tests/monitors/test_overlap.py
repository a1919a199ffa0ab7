from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from monitors.arrays import FloatArray
from monitors.overlap import mean_p, null_sums


def overlapping(rng: np.random.Generator, paths: int, sessions: int, horizon: int) -> FloatArray:
    running = np.cumsum(rng.standard_normal((paths, sessions + horizon)), axis=1)
    return np.asarray((running[:, horizon:] - running[:, :-horizon]) / np.sqrt(horizon))


def test_without_overlap_it_is_the_t_test() -> None:
    values = np.random.default_rng(23).standard_normal(40) + 0.3
    assert mean_p(values, 1) == pytest.approx(ttest_1samp(values, 0.0).pvalue, rel=1e-9)


@pytest.mark.parametrize("sessions", [20, 60, 250])
def test_the_level_holds_although_outcomes_overlap(sessions: int) -> None:
    rows = overlapping(np.random.default_rng(24), 2_000, sessions, 5)
    p = np.array([mean_p(row, 5) for row in rows])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(p <= 0.01) <= 0.02


def test_a_plain_t_test_would_be_wrong_on_them() -> None:
    rows = overlapping(np.random.default_rng(25), 500, 60, 5)
    p = np.array([mean_p(row, 1) for row in rows])
    assert np.mean(p <= 0.05) > 0.3


def test_little_or_constant_data_say_nothing_by_chance() -> None:
    assert mean_p(np.ones(9), 5) == 1.0
    assert mean_p(np.zeros(30), 5) == 1.0
    assert mean_p(np.zeros(30), 1) == 1.0


def test_the_bootstrap_has_the_spread_of_the_true_sums() -> None:
    rows = overlapping(np.random.default_rng(26), 300, 250, 5)
    spread = np.array([null_sums(row[:, None], 5).std() for row in rows])
    assert spread.mean() == pytest.approx(rows.sum(axis=1).std(), rel=0.15)


def test_the_bootstrap_is_the_same_every_time() -> None:
    residuals = np.random.default_rng(27).standard_normal((60, 10))
    assert np.array_equal(null_sums(residuals, 5), null_sums(residuals.copy(), 5))
