"""Revisions: splits and dividends are told apart from corrections, and nothing is ever mixed."""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.revisions import RECOUNTED, Revision, RevisionKind, revise, revisions, scale
from market.sample import SAMPLE_PATH

DAYS = tuple(date(2024, 1, 1) + timedelta(days=i) for i in range(12))
CLOSE, ADJ_CLOSE, VOLUME = 3, 4, 5


def history(seed: int = 0, tickers: int = 2) -> FloatArray:
    """Random bars, shape (fields, sessions, tickers)."""
    generator = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(generator.normal(0.0, 0.02, (len(DAYS), tickers)), axis=0))
    spread = generator.uniform(0.001, 0.02, close.shape)
    volume = generator.integers(1_000, 9_000, close.shape).astype(float)
    return np.stack(
        [close * (1 - spread / 2), close * (1 + spread), close * (1 - spread), close, close * 0.9, volume]
    )


def panel(cube: FloatArray) -> Panel:
    return Panel(DAYS, ("A", "B")[: cube.shape[2]], *cube)


def restate(
    cube: FloatArray, *, split: float = 1.0, dividend: float = 0.0, before: int = len(DAYS)
) -> FloatArray:
    """The bars as told after a split or dividend whose first session is the row `before`, for ticker A."""
    out = cube.copy()
    out[: ADJ_CLOSE + 1, :before, 0] /= split
    out[ADJ_CLOSE, :before, 0] *= 1.0 - dividend
    out[VOLUME, :before, 0] *= split
    return out


def changes(kept: FloatArray, told: FloatArray) -> tuple[Revision, ...]:
    return revisions(panel(kept), told, scale(panel(kept), told))


def test_the_same_bars_again_are_no_revision() -> None:
    assert changes(history(), history()) == ()


def test_a_split_is_told_once_with_its_factor_and_corrects_no_bar() -> None:
    found = changes(history(), restate(history(), split=2.0))
    assert [(one.ticker, one.session, one.kind) for one in found] == [("A", DAYS[-1], RevisionKind.SPLIT)]
    assert found[0].factor == pytest.approx(2.0)
    assert found[0].values == ()


def test_a_dividend_is_no_split() -> None:
    found = changes(history(), restate(history(), dividend=0.02))
    assert [(one.ticker, one.kind) for one in found] == [("A", RevisionKind.DIVIDEND)]
    assert found[0].factor == pytest.approx(1 / 0.98)


def test_a_split_and_a_dividend_at_once_are_told_apart() -> None:
    found = changes(history(), restate(history(), split=4.0, dividend=0.01))
    assert {one.kind: round(one.factor, 9) for one in found} == {
        RevisionKind.SPLIT: 4.0,
        RevisionKind.DIVIDEND: round(1 / 0.99, 9),
    }


def test_a_corrected_close_is_kept_in_the_kept_unit() -> None:
    told = restate(history(), split=2.0)
    told[CLOSE, 6, 0] *= 1.003
    found = [one for one in changes(history(), told) if one.values]
    assert [(one.session, one.kind) for one in found] == [(DAYS[6], RevisionKind.CORRECTION)]
    want = history()[:, 6, 0]
    want[CLOSE] *= 1.003
    assert_allclose(found[0].values, want)


def test_a_corrected_oldest_bar_does_not_pass_for_a_split() -> None:
    told = history()
    told[: ADJ_CLOSE + 1, 0, 0] *= 2.0
    assert [(one.session, one.kind) for one in changes(history(), told)] == [
        (DAYS[0], RevisionKind.CORRECTION)
    ]


def test_a_split_that_the_provider_tells_days_late_moves_the_newer_bars_into_the_old_unit() -> None:
    truth = history()
    told = restate(truth, split=2.0, before=9)
    kept = truth.copy()
    kept[: ADJ_CLOSE + 1, 9:, 0] = told[: ADJ_CLOSE + 1, 9:, 0]
    kept[: ADJ_CLOSE + 1, :9, 0] = truth[: ADJ_CLOSE + 1, :9, 0]
    found = changes(kept, told)
    mended = revise(panel(kept), found)
    steps = np.diff(np.log(mended.close[:, 0]))
    assert_allclose(steps, np.diff(np.log(told[CLOSE, :, 0])))


def test_a_bar_that_was_missing_comes_late_and_one_that_is_no_longer_told_stays() -> None:
    kept, told = history(), restate(history(), split=2.0)
    kept[:, 5, 0] = math.nan
    told[:, 4, 0] = math.nan
    found = [one for one in changes(kept, told) if one.values]
    assert [(one.session, one.kind) for one in found] == [(DAYS[5], RevisionKind.LATE)]
    assert_allclose(found[0].values, history()[:, 5, 0])


def test_a_field_that_was_unknown_is_a_correction_and_an_unknown_one_hides_nothing() -> None:
    kept, told = history(), history()
    kept[VOLUME, 3, 0] = math.nan
    told[VOLUME, 4, 0] = math.nan
    found = changes(kept, told)
    assert [(one.session, one.kind) for one in found] == [(DAYS[3], RevisionKind.CORRECTION)]


def test_late_prints_in_the_volume_are_corrections_only_beyond_a_hundredth() -> None:
    told = history()
    told[VOLUME, 3, 0] *= 1 + 0.9 * RECOUNTED
    assert changes(history(), told) == ()
    told[VOLUME, 3, 0] = history()[VOLUME, 3, 0] * (1 + 1.1 * RECOUNTED)
    assert [one.session for one in changes(history(), told)] == [DAYS[3]]


def test_another_history_corrects_nothing() -> None:
    other = history(seed=7)
    other[:, :, 1] = history()[:, :, 1]
    assert [one for one in changes(history(), other) if one.values] == []


def test_nothing_told_again_leaves_new_bars_as_they_come() -> None:
    nothing = np.full_like(history(), np.nan)
    found = scale(panel(history()), nothing)
    assert np.isnan(found.price).all()
    assert_array_equal(found.apply(history()), history())
    assert changes(history(), nothing) == ()


EVENTS = st.lists(
    st.tuples(st.integers(1, len(DAYS)), st.sampled_from([0.1, 0.5, 2.0, 7.0]), st.floats(0.0, 0.1)),
    max_size=3,
)


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(0, 99), st.lists(st.integers(5, len(DAYS) - 1), unique=True, max_size=3))
def test_whatever_is_restated_bars_that_came_late_return_what_the_full_history_returns(
    events: list[tuple[int, float, float]], seed: int, gone: list[int]
) -> None:
    truth = history(seed)
    told = truth.copy()
    for _, split, dividend in events:
        told = restate(told, split=split, dividend=dividend)
    kept = truth.copy()
    kept[:, gone, 0] = np.nan
    found = changes(kept, told)
    assert {one.session for one in found if one.kind is RevisionKind.LATE} == {DAYS[row] for row in gone}
    assert not [one for one in found if one.kind is RevisionKind.CORRECTION]
    mended = revise(panel(kept), found)
    for name, field in zip(FIELDS, truth, strict=True):
        assert_allclose(getattr(mended, name), field, rtol=1e-9)


@cache
def sample() -> FloatArray:
    """Forty sessions of the shipped sample, shape (fields, sessions, tickers)."""
    whole = read_prices(SAMPLE_PATH)
    return np.stack([getattr(whole, name)[1200:1240] for name in FIELDS])


HAPPENED = st.lists(
    st.tuples(st.integers(1, 39), st.sampled_from([0.1, 0.5, 1.5, 2.0, 7.0]), st.floats(0.0, 0.1)), max_size=4
)


@settings(max_examples=30, deadline=None)
@given(HAPPENED, st.integers(1, 10))
def test_bars_kept_one_by_one_through_any_splits_and_dividends_return_what_a_full_history_returns(
    events: list[tuple[int, float, float]], window: int
) -> None:
    truth = sample()
    days = tuple(date(2010, 1, 1) + timedelta(days=i) for i in range(40))
    tickers = tuple("ABCDEFGHIJ"[: truth.shape[2]])

    def told(asked: int) -> FloatArray:
        """The history as a provider tells it at a session: what has not happened yet is in the old units."""
        out = truth.copy()
        for at, split, dividend in events:
            if at > asked:
                out[: ADJ_CLOSE + 1] *= split
                out[ADJ_CLOSE] /= 1.0 - dividend
                out[VOLUME] /= split
        return out

    kept = [told(0)[:, :1]]
    for session in range(1, 40):
        start = max(session - window, 0)
        held = np.concatenate(kept[start:], axis=1)
        now = told(session)
        found = scale(Panel(days[start:session], tickers, *held), now[:, start:session])
        kept.append(found.apply(now[:, session : session + 1]))
    bars = np.concatenate(kept, axis=1)
    for field in range(ADJ_CLOSE + 1):
        want = truth[field, 1:] / truth[field, :-1]
        assert_allclose(bars[field, 1:] / bars[field, :-1], want, rtol=1e-12)
    assert_allclose(bars[CLOSE] * bars[VOLUME], truth[CLOSE] * truth[VOLUME], rtol=1e-11)


def test_a_zero_told_again_never_makes_a_bar_infinite() -> None:
    told = history()
    told[:, :, 0] = 0.0
    found = scale(panel(history()), told)
    assert np.isnan(found.price[0])
    assert np.isfinite(found.apply(history())).all()
