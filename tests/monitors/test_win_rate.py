from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from monitors import win_rate


def test_nine_wins_of_twenty_are_not_more_than_ten_points_below_55_percent() -> None:
    assert 0.55 - 9 / 20 > 0.10  # what floats say
    assert not win_rate.has_dropped(9, 20, 0.55, 0.10)
    assert win_rate.has_dropped(8, 20, 0.55, 0.10)


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 99))
def test_the_rule_is_decided_in_whole_numbers(wins: int, trades: int, percent: int) -> None:
    wins = min(wins, trades)
    expected = Fraction(percent, 100) - Fraction(wins, trades) > Fraction(1, 10)
    assert win_rate.has_dropped(wins, trades, percent / 100, 0.10) == expected


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.05, 0.95))
def test_the_binomial_p_value_is_scipys(wins: int, trades: int, baseline: float) -> None:
    wins = min(wins, trades)
    expected = binomtest(wins, trades, baseline, alternative="less").pvalue
    assert win_rate.binomial_p(wins, trades, baseline) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_lower_bound_is_wilsons(wins: int, trades: int) -> None:
    wins = min(wins, trades)
    interval = binomtest(wins, trades).proportion_ci(confidence_level=0.8, method="wilson")
    assert win_rate.wilson_lower(wins, trades) == pytest.approx(interval.low, abs=1e-12)


@given(st.floats(0.05, 0.95))
def test_no_bet_can_lose_more_than_its_stake_and_all_are_fair_at_the_baseline(baseline: float) -> None:
    stakes = win_rate.pooled_bets(baseline)
    won, lost = win_rate.gains(1.0, stakes, baseline), win_rate.gains(0.0, stakes, baseline)
    assert (won >= 0).all()
    assert np.allclose(baseline * won + (1 - baseline) * lost, 1.0, atol=1e-12)


@given(st.floats(0.05, 0.95))
def test_a_bet_on_one_trade_is_the_likelihood_ratio(baseline: float) -> None:
    fallen = baseline * np.array(win_rate.FALLS)
    stakes = win_rate.bets(baseline)
    assert np.allclose(win_rate.gains(1.0, stakes, baseline), fallen / baseline)
    assert np.allclose(win_rate.gains(0.0, stakes, baseline), (1 - fallen) / (1 - baseline))


def test_an_unknown_share_gives_an_unknown_gain() -> None:
    assert np.isnan(win_rate.gains(float("nan"), win_rate.bets(0.55), 0.55)).all()
