from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from market.chain import link
from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.sample import SAMPLE_PATH

OPEN, HIGH, LOW, CLOSE, ADJ_CLOSE, VOLUME = range(6)
NAN = math.nan


def bar(close: float, *, adj_close: float | None = None, volume: float = 1_000.0) -> FloatArray:
    """One ticker's session, shape (fields, 1)."""
    adjusted = close if adj_close is None else adj_close
    return np.array([[close * 0.99], [close * 1.02], [close * 0.97], [close], [adjusted], [volume]])


def restate(bars: FloatArray, *, split: float = 1.0, dividend: float = 0.0) -> FloatArray:
    """The bars as a provider tells them after a split (new shares for an old one) and a dividend."""
    out = bars.copy()
    out[: ADJ_CLOSE + 1] /= split
    out[ADJ_CLOSE] *= 1.0 - dividend
    out[VOLUME] *= split
    return out


def test_without_a_restatement_the_new_bar_is_taken_as_it_comes() -> None:
    kept, new = bar(100.0, adj_close=90.0), bar(101.0, adj_close=91.0, volume=700.0)
    linked, factor = link(kept, kept, new)
    assert_array_equal(linked, new)
    assert_array_equal(factor, [1.0])


def test_a_split_between_two_sessions_is_no_move() -> None:
    kept = bar(100.0)
    linked, factor = link(kept, restate(kept, split=2.0), bar(51.0, volume=2_400.0))
    assert_allclose(linked, bar(102.0, volume=1_200.0))
    assert_array_equal(factor, [2.0])


def test_a_dividend_moves_the_price_and_not_the_total_return() -> None:
    kept = bar(100.0)
    linked, factor = link(kept, restate(kept, dividend=0.02), bar(98.0))
    assert linked[CLOSE, 0] == 98.0
    assert linked[ADJ_CLOSE, 0] == pytest.approx(100.0)
    assert_array_equal(factor, [1.0])


def test_a_split_and_a_dividend_at_once() -> None:
    kept = bar(100.0, adj_close=80.0)
    restated = restate(kept, split=4.0, dividend=0.01)
    linked, factor = link(kept, restated, bar(25.5))
    assert linked[CLOSE, 0] == pytest.approx(102.0)
    assert linked[ADJ_CLOSE, 0] / 80.0 == pytest.approx(25.5 / restated[ADJ_CLOSE, 0])
    assert_allclose(factor, [4.0])


def test_a_ticker_without_a_kept_bar_starts_as_it_comes() -> None:
    unknown = np.full((len(FIELDS), 1), NAN)
    linked, factor = link(unknown, bar(50.0), bar(51.0))
    assert_array_equal(linked, bar(51.0))
    assert np.isnan(factor).all()


def test_a_ticker_whose_kept_session_is_no_longer_told_is_taken_as_it_comes() -> None:
    linked, factor = link(bar(100.0), np.full((len(FIELDS), 1), NAN), bar(51.0))
    assert_array_equal(linked, bar(51.0))
    assert np.isnan(factor).all()


def test_an_unknown_adjusted_close_follows_the_split() -> None:
    kept = bar(100.0, adj_close=NAN)
    linked, _ = link(kept, restate(kept, split=2.0), bar(51.0))
    assert linked[ADJ_CLOSE, 0] == pytest.approx(102.0)


def test_what_is_unknown_in_the_new_bar_stays_unknown() -> None:
    new = bar(51.0)
    new[[OPEN, VOLUME]] = NAN
    linked, _ = link(bar(100.0), bar(50.0), new)
    assert np.isnan(linked[[OPEN, VOLUME]]).all()
    assert linked[CLOSE, 0] == 102.0


def test_a_zero_in_the_restated_bar_never_makes_a_bar_infinite() -> None:
    linked, _ = link(bar(100.0), bar(0.0, volume=0.0), bar(51.0))
    assert_array_equal(linked, bar(51.0))


def test_each_ticker_is_linked_by_itself() -> None:
    kept = np.hstack([bar(100.0), bar(10.0), np.full((6, 1), NAN)])
    restated = np.hstack([bar(50.0), bar(10.0), bar(5.0)])
    linked, factor = link(kept, restated, np.hstack([bar(51.0), bar(11.0), bar(6.0)]))
    assert_allclose(linked[CLOSE], [102.0, 11.0, 6.0])
    assert_array_equal(factor, [2.0, 1.0, NAN])


def test_linking_leaves_its_inputs_as_they_were() -> None:
    given_ = [bar(100.0), bar(50.0), bar(51.0)]
    before = [one.copy() for one in given_]
    link(*given_)
    for one, was in zip(given_, before, strict=True):
        assert_array_equal(one, was)


@cache
def read() -> Panel:
    return read_prices(SAMPLE_PATH)


EVENTS = st.lists(
    st.tuples(st.integers(1, 39), st.sampled_from([0.1, 0.5, 1.5, 2.0, 7.0]), st.floats(0.0, 0.1)), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(500, 2400))
def test_bars_kept_through_any_splits_and_dividends_return_what_a_full_history_returns(
    events: list[tuple[int, float, float]], start: int
) -> None:
    panel = read()
    truth = np.stack([getattr(panel, field)[start : start + 40] for field in FIELDS], axis=1)

    def told(asked: int) -> FloatArray:
        """The history as a provider tells it at session `asked`: restated by every event until then."""
        out = truth.copy()
        for at, split, dividend in events:
            if at > asked:  # what has not happened yet is still in the old units
                out[:, : ADJ_CLOSE + 1] *= split
                out[:, ADJ_CLOSE] /= 1.0 - dividend
                out[:, VOLUME] /= split
        return out

    kept = [told(0)[0]]
    for session in range(1, 40):
        now = told(session)
        linked, _ = link(kept[-1], now[session - 1], now[session])
        kept.append(linked)
    bars = np.stack(kept)
    for field in (OPEN, HIGH, LOW, CLOSE, ADJ_CLOSE):
        assert_allclose(bars[1:, field] / bars[:-1, field], truth[1:, field] / truth[:-1, field], rtol=1e-12)
    dollars = bars[:, CLOSE] * bars[:, VOLUME]
    assert_allclose(dollars, truth[:, CLOSE] * truth[:, VOLUME], rtol=1e-11)
