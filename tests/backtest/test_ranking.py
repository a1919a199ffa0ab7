from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from backtest.ranking import annual_sharpe, hits, rank_ics, ranking, spreads


def test_the_rank_ic_is_spearmans_correlation_of_what_is_known() -> None:
    rng = np.random.default_rng(1)
    score, returns = rng.standard_normal((6, 12)), rng.standard_normal((6, 12))
    score[2, :3], returns[3, 5] = math.nan, math.nan
    score[4] = np.round(score[4])
    for session, got in enumerate(rank_ics(score, returns)):
        known = ~np.isnan(score[session]) & ~np.isnan(returns[session])
        want = spearmanr(score[session][known], returns[session][known]).statistic
        assert got == pytest.approx(want, abs=1e-12)


def test_a_score_that_orders_nothing_has_none() -> None:
    assert np.isnan(rank_ics(np.ones((1, 5)), np.arange(5.0)[None])).all()
    assert np.isnan(rank_ics(np.array([[1.0, 2.0, math.nan]]), np.arange(3.0)[None])).all()


def test_hits_and_spreads_by_hand() -> None:
    score = np.array([[4.0, 3.0, 2.0, 1.0, math.nan]])
    outcomes = np.array([[1.0, 0.0, 0.0, 1.0, 1.0]])
    returns = np.array([[0.04, 0.02, 0.01, -0.01, 9.0]])
    assert hits(score, outcomes).tolist() == [0.5]
    assert spreads(score, returns).tolist() == [pytest.approx(0.03)]


def test_the_sharpe_ratio_is_annualised_over_holding_periods_that_do_not_overlap() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.02, 1_000)
    want = np.mean(
        [part.mean() / part.std(ddof=1) for part in (returns[i::5] for i in range(5))]
    ) * math.sqrt(252 / 5)
    assert annual_sharpe(returns, 5) == pytest.approx(want)
    assert math.isnan(annual_sharpe(np.array([0.01]), 5))


def test_a_perfect_score_is_always_right() -> None:
    returns = np.random.default_rng(4).standard_normal((60, 10))
    median = np.median(returns, axis=1, keepdims=True)
    found = ranking(returns, returns, (returns > median).astype(float), 1)
    assert found.rank_ic.mean == pytest.approx(1.0)
    assert found.hit_rate.mean == 1.0
    assert found.sharpe > 10
