from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.bounded import (
    COSTS,
    PRICES,
    SHARES,
    Reach,
    Seen,
    ever_below_p,
    log_wealth,
    widened,
)
from monitors.tally import Tally

REACH = Reach(-0.2, 0.2)


@given(st.floats(-1.0, 50.0), st.sampled_from(list(zip(SHARES, COSTS, strict=True))))
def test_a_bet_never_pays_more_than_its_stake_allows(value: float, bet: tuple[float, float]) -> None:
    share, cost = bet
    assert math.exp(share * value - cost * value**2) <= 1 + share * value + 1e-12


def test_the_prices_of_the_bets_are_those_of_weights_that_add_up_to_one_at_most() -> None:
    assert sum(math.exp(-price) for price in PRICES) <= 1


def test_a_bound_doubles_until_it_holds_what_was_seen() -> None:
    assert [widened(0.2, seen) for seen in (0.0, 0.2, 0.21, 0.9)] == pytest.approx([0.2, 0.2, 0.4, 1.6])
    seen = Seen().added(np.array([0.01, -0.3])).added(np.empty(0)).added(np.array([0.05]))
    assert seen == (2, -0.3, 0.05)
    assert Seen.of(tuple(seen)).reach(0.2) == Reach(-0.4, 0.2, 2)


def test_the_mean_of_a_skewed_law_lies_outside_at_some_look_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(20261122)
    for rare, chance in ((-0.2, 0.01), (0.18, 0.02), (-0.1, 0.1)):
        often = -rare * chance / (1 - chance)
        wrong = 0
        for _ in range(100):
            returns = np.where(rng.random(500) < chance, rare, often)
            looks = (Tally.over(returns[:n]).interval(REACH) for n in (20, 40, 80, 150, 300, 500))
            wrong += any(not one.low <= 0 <= one.high for one in looks)
        assert wrong <= 5


@pytest.mark.parametrize("overlap", [1, 5])
def test_losing_is_told_from_earning_nothing(overlap: int) -> None:
    rng = np.random.default_rng(4)

    def series(mean: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        steps = rng.normal(mean, 0.01, 1_500 + overlap - 1)
        return np.convolve(steps, np.ones(overlap) / math.sqrt(overlap), "valid")

    alarms = sum(ever_below_p(series(0.0), 0.2, overlap) <= 0.05 for _ in range(200))
    assert alarms <= 10
    assert ever_below_p(series(-0.004), 0.2, overlap) < 0.01
    assert ever_below_p(np.empty(0), 0.2) == 1.0


def test_the_p_value_is_that_of_the_best_look() -> None:
    values = np.random.default_rng(5).normal(-0.004, 0.01, 300)
    looks = [-log_wealth(-values[:n].sum(), (values[:n] ** 2).sum(), 0.2) for n in range(1, 301)]
    assert ever_below_p(values, 0.2) == pytest.approx(math.exp(min(0.0, *looks)))


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_win_rates_near_one_are_covered_too(rate: float) -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(100):
        won = (rng.random(600) < rate).astype(np.float64)
        looks = (Tally.over(won[:n]).interval(Reach(0.0, 1.0)) for n in (20, 60, 150, 300, 600))
        wrong += any(not one.low <= rate <= one.high for one in looks)
    assert wrong <= 5


def test_the_low_end_needs_no_bound_of_gains_nor_the_high_end_one_of_losses() -> None:
    tally = Tally.over(np.random.default_rng(6).normal(0.004, 0.01, 800))
    narrow, wide = tally.interval(REACH), tally.interval(Reach(-0.2, 5.0))
    assert narrow.low == pytest.approx(wide.low)
    assert wide.high > narrow.high
