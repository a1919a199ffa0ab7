"""The estimate of the off-exchange share: it learns where something shows, else it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from market.panel import FloatArray
from market.short_volume_estimate import LEAST_DAYS, LEAST_R2, PURGE_DAYS, estimate, excess_share

MINUTES = 390


def world(days: int, signal: float, seed: int = 1) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """Days whose hidden share shows as volume in quiet minutes, as far as `signal` says."""
    generator = np.random.default_rng(seed)
    share = 0.35 + 0.1 * np.sin(np.arange(days) / 9) + generator.normal(0, 0.03, days)
    width = np.abs(generator.normal(0, 0.001, (days, MINUTES))) + 2e-4
    move = generator.normal(0, 0.4, (days, MINUTES)) * width
    open_ = np.full((days, MINUTES), 100.0)
    close = open_ * np.exp(move)
    high, low = np.maximum(open_, close) * np.exp(width / 2), np.minimum(open_, close) * np.exp(-width / 2)
    shape = 6 + np.cos(np.linspace(0, 2 * np.pi, MINUTES))
    volume = np.exp(shape + 0.5 * np.log(width) + generator.normal(0, 0.3, (days, MINUTES)) + 3)
    quiet = np.abs(move) < np.median(np.abs(move), axis=1, keepdims=True)
    blocks = quiet & (generator.random((days, MINUTES)) < 0.1)
    return share, (open_, high, low, close, volume * (1 + signal * 8 * share[:, None] * blocks))


def plain(days: int, tickers: int = 1) -> FloatArray:
    return np.zeros((days, tickers, 1))


def test_a_share_that_shows_is_estimated_out_of_sample_and_one_that_does_not_is_missing() -> None:
    for signal, known in ((1.0, True), (0.0, False)):
        share, minutes = world(150, signal)
        found = estimate(excess_share(*minutes)[:, None], plain(150), share[:, None])
        assert bool(found.r2[0] >= 0.1) is known
        assert bool(np.isfinite(found.share).any()) is known


def test_the_excess_is_higher_where_more_is_hidden() -> None:
    share, minutes = world(150, 1.0)
    excess = excess_share(*minutes)
    known = np.isfinite(excess)
    assert known.sum() == 150 - LEAST_DAYS
    assert np.corrcoef(excess[known], share[known])[0, 1] > 0.5
    assert ((excess[known] >= 0) & (excess[known] <= 1)).all()


def test_a_day_is_measured_by_the_days_before_it_only() -> None:
    _, minutes = world(60, 1.0)
    whole = excess_share(*minutes)
    cut = excess_share(*(field[:40] for field in minutes))
    assert_array_equal(whole[:40], cut)


def test_a_day_is_estimated_from_days_well_before_it_only() -> None:
    share, minutes = world(150, 1.0)
    excess = excess_share(*minutes)[:, None]
    later = share[:, None].copy()
    day = 120
    later[day - PURGE_DAYS :] = np.random.default_rng(0).uniform(0, 1, later[day - PURGE_DAYS :].shape)
    found = [estimate(excess, plain(150), one) for one in (share[:, None], later)]
    assert np.isfinite(found[0].share[day, 0])
    if np.isfinite(found[1].share).any():
        assert found[0].share[day, 0] == found[1].share[day, 0]
    unknown = share[:, None].copy()
    unknown[day:] = np.nan
    assert estimate(excess, plain(150), unknown).share[day, 0] == found[0].share[day, 0]


def test_each_ticker_has_an_r2_of_its_own() -> None:
    share, minutes = world(150, 1.0)
    _, blind = world(150, 0.0, seed=2)
    excess = np.stack([excess_share(*minutes), excess_share(*blind)], axis=1)
    found = estimate(excess, plain(150, 2), np.stack([share, share], axis=1))
    assert found.r2[0] > 0.1 > found.r2[1]
    assert np.isnan(found.share[:, 1]).all()


def test_too_few_days_with_a_known_share_are_no_evidence() -> None:
    share, minutes = world(60, 1.0)
    found = estimate(excess_share(*minutes)[:, None], plain(60), share[:, None])
    assert np.isnan(found.r2[0])
    assert np.isnan(found.share).all()


def test_minutes_in_which_nothing_traded_are_left_out_and_an_empty_day_is_unknown() -> None:
    _, minutes = world(40, 1.0)
    gaps = [field.copy() for field in minutes]
    for field in gaps:
        field[:, 100:120] = np.nan
        field[30] = np.nan
    excess = excess_share(*gaps)
    assert np.isnan(excess[30])
    assert np.isfinite(excess[31])


def test_the_fit_is_the_least_squares_of_a_regression_with_a_mean_for_each_minute() -> None:
    _, (open_, high, low, close, volume) = world(25, 1.0)
    move, width = np.abs(np.log(close / open_)), np.log(np.log(high / low) + 0.01 / close)
    size = np.log(volume)
    minute = np.tile(np.eye(MINUTES), (24, 1))
    inputs = np.column_stack([width[:24].ravel(), move[:24].ravel(), minute])
    slopes, *_ = np.linalg.lstsq(inputs, size[:24].ravel(), rcond=None)
    fitted = width[24] * slopes[0] + move[24] * slopes[1] + slopes[2:]
    quiet = move[24] <= np.median(move[24])
    beyond = np.where(quiet, np.maximum(0, volume[24] - np.exp(fitted)), 0).sum() / volume[24].sum()
    assert_allclose(excess_share(open_, high, low, close, volume)[24], beyond, rtol=1e-9)


def one_by_one(inputs: FloatArray, share: FloatArray) -> tuple[FloatArray, float]:
    """Estimate one ticker day by day with scikit-learn's ridge, and judge it."""
    made, plain = np.full(len(share), np.nan), np.full(len(share), np.nan)
    for day in range(len(share)):
        past = slice(0, max(day - PURGE_DAYS, 0))
        known = np.isfinite(inputs[past]).all(axis=1) & np.isfinite(share[past])
        if known.sum() >= LEAST_DAYS and np.isfinite(inputs[day]).all():
            x, y = inputs[past][known], share[past][known]
            model = make_pipeline(StandardScaler(), Ridge(1.0)).fit(x, y)
            made[day], plain[day] = np.clip(model.predict(inputs[[day]])[0], 0, 1), y.mean()
    judged = np.isfinite(made) & np.isfinite(share)
    return made, 1 - ((share - made)[judged] ** 2).sum() / ((share - plain)[judged] ** 2).sum()


def test_every_day_and_ticker_at_once_is_each_ridge_by_itself() -> None:
    rng = np.random.default_rng(5)
    days, tickers = 130, 4
    excess, others = rng.normal(0.1, 0.02, (days, tickers)), rng.normal(15, 0.4, (days, tickers, 2))
    others[:, 1, 0] = 15.0  # it never changes
    share = 0.4 + 2 * (excess - 0.1) + 0.1 * (others[..., 1] - 15) + rng.normal(0, 0.02, (days, tickers))
    excess[rng.random(excess.shape) < 0.1] = np.nan
    share[rng.random(share.shape) < 0.2] = np.nan
    found = estimate(excess, others, share)
    for i in range(tickers):
        made, r2 = one_by_one(np.column_stack([excess[:, i], others[:, i]]), share[:, i])
        assert_allclose(found.share[:, i], made, rtol=1e-9)
        assert found.r2[i] == pytest.approx(r2, rel=1e-9)
        assert r2 > LEAST_R2


def test_an_unrelated_feed_is_believed_for_hardly_any_ticker_however_slowly_the_share_moves() -> None:
    rng = np.random.default_rng(6)
    days, tickers = 170, 200
    wave = 0.1 * np.sin(np.arange(days)[:, None] / 9 + rng.uniform(0, 6, tickers))
    share = 0.35 + wave + rng.normal(0, 0.03, (days, tickers))
    excess, others = rng.normal(0.1, 0.01, (days, tickers)), rng.normal(15, 0.3, (days, tickers, 2))
    assert (estimate(excess, others, share).r2 >= LEAST_R2).sum() <= 2


@pytest.mark.parametrize("value", [0.3, np.nan])
def test_a_constant_or_unknown_share_has_nothing_to_explain(value: float) -> None:
    _, minutes = world(80, 1.0)
    found = estimate(excess_share(*minutes)[:, None], plain(80), np.full((80, 1), value))
    assert not found.r2[0] >= 0.1
    assert np.isnan(found.share).all()
