from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from monitors.arrays import FloatArray
from monitors.pooled import PooledDetector, PooledLaw, measured_law

TICKERS = 100


def wins(rng: np.random.Generator, sessions: int, rate: float, correlation: float) -> FloatArray:
    """Winning tickers of 100 a session; `correlation` is that of the normal scores behind them."""
    common = math.sqrt(correlation) * rng.standard_normal((sessions, 1))
    own = math.sqrt(1 - correlation) * rng.standard_normal((sessions, TICKERS))
    return np.asarray((common + own < ndtri(rate)).sum(axis=1).astype(np.float64))


def run_lengths(detector: PooledDetector, shares: FloatArray) -> FloatArray:
    """Sessions to the alarm, shape (paths,), of win shares of shape (sessions, paths)."""
    d, spread, limit = detector.drift(TICKERS), detector.law.spread(TICKERS), detector.limit(TICKERS)
    level, lengths = np.zeros(shares.shape[1]), np.full(shares.shape[1], float(shares.shape[0]))
    waiting = np.ones(shares.shape[1], dtype=np.bool_)
    for session, share in enumerate(shares):
        level = np.minimum((level + 1) * np.exp(d * (detector.law.rate - share) / spread - d * d / 2), 1e12)
        fired = waiting & (level >= limit)
        lengths[fired] = session + 1
        waiting &= ~fired
    return lengths


def test_the_correlation_is_measured() -> None:
    rng = np.random.default_rng(1)
    many = np.full(4_000, float(TICKERS))
    assert measured_law(wins(rng, 4_000, 0.55, 0.0), many).correlation == pytest.approx(0.0, abs=0.002)
    # of outcomes the correlation is smaller than of the scores: 2 / pi asin(0.3) at even odds
    law = measured_law(wins(rng, 4_000, 0.55, 0.3), many)
    assert law.correlation == pytest.approx(2 / math.pi * math.asin(0.3), abs=0.015)
    assert law.rate == pytest.approx(0.55, abs=0.01)
    assert measured_law(np.array([50.0, 50.0]), np.full(2, 100.0)).correlation == 0.0


def test_sessions_of_different_size_count_as_they_are() -> None:
    rng = np.random.default_rng(2)
    sizes = rng.integers(0, 60, 6_000).astype(np.float64)
    day = np.clip(0.5 + 0.15 * rng.standard_normal(6_000), 0.02, 0.98)
    won = rng.binomial(sizes.astype(int), day).astype(np.float64)
    assert measured_law(won, sizes).correlation == pytest.approx(0.15**2 / 0.25, abs=0.02)


@pytest.mark.parametrize(("correlation", "delay"), [(0.0, 3), (0.1, 16), (0.3, 35)])
def test_a_fall_of_ten_points_is_found_in_time_at_one_false_alarm_per_1000_sessions(
    correlation: float, delay: int
) -> None:
    rng = np.random.default_rng(3)
    law = measured_law(wins(rng, 2_000, 0.55, correlation), np.full(2_000, float(TICKERS)), 0.55)
    detector = PooledDetector(law, fallen=0.45, sessions=1_000)
    paths, calm = 300, 3_500
    pool = wins(rng, 40_000, 0.55, correlation) / TICKERS
    lengths = run_lengths(detector, rng.choice(pool, (calm, paths)))
    assert lengths.mean() >= 850  # of about 970 when cut at 3,500, with a standard error of 50
    fallen = wins(rng, 20_000, 0.45, correlation) / TICKERS
    before, after = rng.choice(pool, (50, paths)), rng.choice(fallen, (200, paths))
    found = run_lengths(detector, np.concatenate([before, after]))
    assert np.median(found[found > 50] - 50) <= delay


def test_updating_follows_the_recursion_and_an_empty_session_changes_nothing() -> None:
    law = PooledLaw(0.55, 0.1)
    detector = PooledDetector(law, 0.45, 1_000)
    d, spread = detector.drift(50), law.spread(50)
    once = detector.update(20, 50)
    expected = math.exp(d * (0.55 - 0.4) / spread - d * d / 2)
    assert once.level == pytest.approx(expected)
    assert once.update(20, 50).level == pytest.approx((expected + 1) * expected)
    assert once.update(0, 0) is once
    assert not once.alarmed(50)
    for _ in range(60):
        once = once.update(20, 50)
    assert once.alarmed(50)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        measured_law(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="between 0"):
        PooledDetector(PooledLaw(0.5, 0.0), 0.6, 100)
