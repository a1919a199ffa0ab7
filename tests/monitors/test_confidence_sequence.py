from __future__ import annotations

import math

import numpy as np
import pytest

from monitors.confidence_sequence import (
    loss_e_value,
    mean_interval,
    profit_factor_interval,
    sharpe_interval,
)


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
    for found in (
        mean_interval(np.full(3, np.nan)),
        profit_factor_interval(np.empty(0), 0.1),
        sharpe_interval(np.ones(30)),
    ):
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert loss_e_value(np.empty(0), 0.1) == 1.0


def test_losing_is_told_from_earning_nothing() -> None:
    rng = np.random.default_rng(4)
    large = sum(loss_e_value(rng.normal(0.0, 0.01, 400), 0.05) >= 20 for _ in range(200))
    assert large / 200 <= 0.05
    assert loss_e_value(rng.normal(-0.004, 0.01, 400), 0.05) > 100
    assert loss_e_value(rng.normal(0.004, 0.01, 400), 0.05) < 20


def test_the_profit_factor_lies_inside_at_every_look() -> None:
    rng = np.random.default_rng(5)
    # gains and losses of one size, 55 of 100 gains: expected gain over expected loss is 11 / 9
    wrong = 0
    for _ in range(60):
        returns = np.where(rng.random(300) < 0.55, 0.02, -0.02)
        found = [profit_factor_interval(returns[:n], 0.05) for n in (20, 60, 150, 300)]
        wrong += any(not part.low <= 11 / 9 <= part.high for part in found)
    assert wrong / 60 <= 0.07
    better = profit_factor_interval(np.where(rng.random(2_000) < 0.7, 0.02, -0.02), 0.05)
    assert 1.5 < better.low < 7 / 3 < better.high < 4.0


def test_the_sharpe_interval_holds_at_every_look_from_100_on() -> None:
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(200):
        returns = 0.001 + 0.01 * rng.standard_t(5, 1_000) / math.sqrt(5 / 3)
        found = [sharpe_interval(returns[:n]) for n in (100, 200, 400, 700, 1_000)]
        wrong += any(not part.low <= 0.1 <= part.high for part in found)
    assert wrong / 200 <= 0.05
    assert found[-1].high - found[-1].low < 0.25
