from __future__ import annotations

import math

import numpy as np
import pytest

from monitors.confidence_sequence import mean_interval


def looks(n: int) -> list[int]:
    return sorted({round(10 * 1.3**i) for i in range(30) if 10 * 1.3**i <= n} | {n})


def test_the_mean_is_hardly_ever_outside_at_any_look() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(150):
        values = (rng.random(300) < 0.55).astype(float)
        found = [mean_interval(values[:n]) for n in looks(300)]
        wrong += any(not part.low <= 0.55 <= part.high for part in found)
    assert wrong / 150 <= 0.05


def test_the_interval_is_as_wide_as_the_field_knows() -> None:
    rng = np.random.default_rng(2)
    wins = (rng.random(250) < 0.55).astype(float)
    found = mean_interval(wins)
    assert found.low <= wins.mean() <= found.high
    assert 0.12 < found.high - found.low < 0.24  # the research's other kind of sequence: 0.19
    few = mean_interval(wins[:20])
    assert few.high - few.low > 0.4


def test_a_mean_may_be_scaled_and_turned() -> None:
    values = np.random.default_rng(3).uniform(0.2, 0.9, 400)
    plain, scaled = mean_interval(values), mean_interval(10 * values - 5, -5, 5)
    assert scaled.low == pytest.approx(10 * plain.low - 5, abs=1e-6)
    turned = mean_interval(1 - values)
    assert turned.low == pytest.approx(1 - plain.high, abs=1e-9)


def test_nothing_known_is_no_interval() -> None:
    found = mean_interval(np.full(3, np.nan))
    assert math.isnan(found.low)
    assert math.isnan(found.high)
