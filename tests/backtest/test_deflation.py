from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from backtest.deflation import best_by_luck, detectable


@pytest.mark.parametrize("trials", [2, 4, 10, 100])
def test_the_best_by_luck_is_what_simulation_finds(trials: int) -> None:
    drawn = np.random.default_rng(trials).standard_normal((20_000, trials)).max(axis=1).mean()
    assert best_by_luck(trials) == pytest.approx(drawn, abs=0.08)


def test_one_trial_is_not_deflated_and_none_is_refused() -> None:
    assert best_by_luck(1) == 0.0
    with pytest.raises(ValueError, match="0 trials: at least 1 was made"):
        best_by_luck(0)


def test_the_detectable_effect_is_found_four_times_in_five() -> None:
    effect = detectable(1.0)
    assert 1 - norm.cdf(1.959964 - effect) == pytest.approx(0.8, abs=1e-3)
    assert effect * 0.45 == pytest.approx(1.26, abs=0.01)  # a Sharpe ratio over five years
