from __future__ import annotations

import math

import numpy as np
import pytest

from monitors.arrays import FloatArray
from monitors.confidence_sequence import around
from monitors.ratio_tally import RatioTally


def summed(gains: FloatArray, losses: FloatArray) -> RatioTally:
    tally = RatioTally()
    for gain, loss in zip(gains.tolist(), losses.tolist(), strict=True):
        tally = tally.added(gain, loss)
    return tally


@pytest.mark.parametrize("overlap", [1, 5])
@pytest.mark.parametrize("sessions", [25, 300])
def test_the_interval_holds_the_ratios_whose_difference_may_be_zero(sessions: int, overlap: int) -> None:
    rng = np.random.default_rng(sessions)
    gains, losses = rng.exponential(0.03, sessions), rng.exponential(0.01, sessions)
    found = summed(gains, losses).interval(overlap)
    for ratio in np.linspace(0.05, 12.0, 400):
        differences = gains - ratio * losses
        error = differences.std(ddof=1) * math.sqrt(overlap / sessions)
        held = around(float(differences.mean()), float(error), sessions / overlap)
        assert (held.low <= 0 <= held.high) == (found.low <= ratio <= found.high)


def test_losses_whose_mean_may_be_zero_bound_no_ratio() -> None:
    gains, losses = np.full(30, 0.01), np.append(np.zeros(29), 0.001)
    found = summed(gains, losses).interval()
    assert found.high == math.inf
    assert found.low > 1
    assert format(found, ".1f").endswith("no limit")
    assert summed(np.append(0.001, np.zeros(29)), losses).interval().low == 0.0


def test_nothing_known_is_no_interval() -> None:
    for tally in (RatioTally(), summed(np.ones(1), np.ones(1)), summed(np.ones(30), np.zeros(30))):
        assert format(tally.interval(), ".2f") == "unknown"
    assert math.isnan(RatioTally().ratio)
    assert summed(np.ones(3), np.zeros(3)).ratio == math.inf


def test_it_goes_through_the_store_as_a_row() -> None:
    tally = summed(np.array([0.01, 0.0]), np.array([0.0, 0.02]))
    assert RatioTally.of(tuple(tally)) == tally
    assert RatioTally.of(()) == RatioTally()
