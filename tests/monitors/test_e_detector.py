from __future__ import annotations

import numpy as np
import pytest

from monitors import e_detector, win_rate
from monitors.arrays import FloatArray


def test_the_level_follows_its_recursion() -> None:
    levels = np.zeros((2, 3))
    gains = np.array([0.5, 1.0, 2.0])
    once = e_detector.advance(levels, gains, lane=1)
    twice = e_detector.advance(once, gains, lane=1)
    assert levels.sum() == 0
    assert once.tolist() == [[0, 0, 0], [0.5, 1.0, 2.0]]
    assert twice.tolist() == [[0, 0, 0], [0.75, 2.0, 6.0]]
    assert e_detector.level(twice) == pytest.approx(8.75 / 6)


def test_an_unknown_observation_changes_nothing() -> None:
    levels = np.ones((1, 2))
    assert e_detector.advance(levels, np.array([np.nan, 2.0])).tolist() == levels.tolist()


def test_the_level_is_cut_at_the_ceiling() -> None:
    levels = np.full((1, 1), e_detector.CEILING)
    assert e_detector.level(e_detector.advance(levels, np.array([3.0]))) == e_detector.CEILING


def test_kept_levels_come_back_and_a_changed_number_of_bets_starts_anew() -> None:
    levels = np.arange(6.0).reshape(2, 3)
    kept = e_detector.plain(levels)
    assert np.array_equal(e_detector.resume(kept, 2, 3), levels)
    assert e_detector.resume(kept, 2, 4).tolist() == np.zeros((2, 4)).tolist()


def run_lengths(
    *, now: float, limit: float, paths: int, horizon: int, seed: int, calm: int = 0
) -> FloatArray:
    """Trades from the change to the alarm of the mixture; paths that alarm in the calm are left out."""
    rng = np.random.default_rng(seed)
    stakes = win_rate.bets(0.55)
    levels = np.zeros((stakes.size, paths))
    lengths = np.full(paths, float(horizon))
    for trade in range(1 - calm, horizon + 1):
        won = (rng.random(paths) < (0.55 if trade <= 0 else now)).astype(float)
        levels = (levels + 1) * (1 + stakes[:, None] * (0.55 - won))
        fired = (levels.mean(axis=0) >= limit) & (lengths == horizon)
        lengths[fired] = trade
    return np.asarray(lengths[lengths > 0])


def test_false_alarms_are_as_rare_as_the_theorem_says() -> None:
    calm = run_lengths(now=0.55, limit=500, paths=400, horizon=4_000, seed=15)
    assert calm.mean() >= 500


def test_a_fallen_win_rate_is_found_in_time_at_one_false_alarm_per_5000_trades() -> None:
    to_45 = run_lengths(now=0.45, limit=5_000, paths=1_000, horizon=1_000, seed=16, calm=200)
    to_40 = run_lengths(now=0.40, limit=5_000, paths=1_000, horizon=1_000, seed=17, calm=200)
    assert np.median(to_45) <= 165
    assert np.median(to_40) <= 90


def test_overlapping_trades_keep_the_budget_in_lanes_and_break_it_without() -> None:
    rng = np.random.default_rng(18)
    paths, sessions, held, limit = 150, 1_500, 5, 400.0
    market = rng.standard_normal((paths, sessions + held))
    shared = np.cumsum(market, axis=1)
    shared = (shared[:, held:] - shared[:, :-held]) / np.sqrt(held)
    own = rng.standard_normal((paths, sessions, 5))
    below = np.sqrt(0.3) * shared[:, :, None] + np.sqrt(0.7) * own < 0.12566134685507416  # 55 %
    shares = below.mean(axis=2)
    stakes = win_rate.pooled_bets(0.55)
    mean_length = {}
    for lanes in (1, held):
        levels = np.zeros((paths, lanes, stakes.size))
        lengths = np.full(paths, sessions)
        for session in range(sessions):
            lane = session % lanes
            gains = 1 + stakes * (0.55 - shares[:, session, None])
            levels[:, lane] = (levels[:, lane] + 1) * gains
            fired = (levels.mean(axis=(1, 2)) >= limit / lanes) & (lengths == sessions)
            lengths[fired] = session + 1
        mean_length[lanes] = lengths.mean()
    assert mean_length[held] >= limit
    assert mean_length[1] < limit / 2
