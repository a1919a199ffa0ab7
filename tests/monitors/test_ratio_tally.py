from __future__ import annotations

import math

import numpy as np
import pytest

from monitors.arrays import FloatArray
from monitors.bounded import Reach, log_wealth
from monitors.ratio_tally import RatioTally

REACH = Reach(-0.2, 0.2)


def summed(gains: FloatArray, losses: FloatArray) -> RatioTally:
    tally = RatioTally()
    for gain, loss in zip(gains.tolist(), losses.tolist(), strict=True):
        tally = tally.added(gain, loss)
    return tally


@pytest.mark.parametrize("overlap", [1, 5])
@pytest.mark.parametrize("sessions", [50, 600])
def test_the_interval_holds_the_ratios_against_which_no_bet_has_won(sessions: int, overlap: int) -> None:
    rng = np.random.default_rng(sessions)
    gains, losses = rng.uniform(0, 0.06, sessions), rng.uniform(0, 0.02, sessions)
    tally = summed(gains, losses)
    found = tally.interval(REACH, overlap)
    assert found.low < tally.ratio < found.high
    for ratio in np.linspace(0.05, 12.0, 100):
        difference = gains - ratio * losses
        won = max(
            log_wealth(sign * float(difference.sum()), float((difference**2).sum()), depth, overlap)
            for sign, depth in ((1, ratio * 0.2), (-1, 0.2))
        )
        assert (won < math.log(40)) == (found.low <= ratio <= found.high)


def test_losses_whose_mean_may_be_zero_bound_no_ratio() -> None:
    gains, losses = np.full(30, 0.01), np.append(np.zeros(29), 0.001)
    found = summed(gains, losses).interval(REACH)
    assert found.high == math.inf
    assert format(found, ".1f").endswith("no limit")


def test_returns_in_one_go_give_what_they_give_one_by_one() -> None:
    returns = np.random.default_rng(6).normal(0.001, 0.01, 40)
    one_by_one = summed(np.maximum(returns, 0), np.maximum(-returns, 0))
    assert RatioTally.over(returns) == pytest.approx(one_by_one)


def test_nothing_known_is_no_interval() -> None:
    for tally in (RatioTally(), summed(np.ones(1), np.ones(1)), summed(np.ones(30), np.zeros(30))):
        assert format(tally.interval(REACH), ".2f") == "unknown"
    assert math.isnan(RatioTally().ratio)
    assert summed(np.ones(3), np.zeros(3)).ratio == math.inf


def test_it_goes_through_the_store_as_a_row() -> None:
    tally = summed(np.array([0.01, 0.0]), np.array([0.0, 0.02]))
    assert RatioTally.of(tuple(tally)) == tally
    assert RatioTally.of(()) == RatioTally()
