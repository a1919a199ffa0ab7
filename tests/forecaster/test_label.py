from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from forecaster.label import GONE, came_against, cut_short, label
from forecaster.target import Target
from market.panel import Panel
from market.sample import STOCKS
from tests.forecaster.history import changed, copies, history

NAN = math.nan
NAMES = ("AAA", "BBB", "CCC", "DDD")


def panel_of(opens: list[list[float]], factors: list[list[float]] | None = None) -> Panel:
    """A panel from opens, a row a session; `factors` are adj_close over close."""
    open_ = np.array(opens, dtype=float)
    close = open_ + 0.5
    adj_close = close if factors is None else close * np.array(factors)
    sessions = tuple(date(2024, 1, 2) + timedelta(days=i) for i in range(len(open_)))
    tickers = NAMES[: open_.shape[1]]
    return Panel(sessions, tickers, open_, open_ + 1, open_ - 1, close, adj_close, np.ones_like(open_))


def test_a_label_by_hand() -> None:
    panel = panel_of(
        [
            [999.0, 999.0, 999.0, 999.0],  # the forecast is made at this close
            [100.0, 100.0, 50.0, 10.0],  # entered at this open
            [1.0, 1.0, 1.0, 1.0],
            [110.0, 95.0, 51.0, 10.3],  # left at this open
            [777.0, 777.0, 777.0, 777.0],
        ]
    )
    found = label(panel, NAMES, 0, 2)
    assert_allclose(found.return_, [0.10, -0.05, 0.02, 0.03])
    assert found.median == pytest.approx(0.025)
    assert_array_equal(found.beat, [1.0, 0.0, 0.0, 1.0])


def test_a_dividend_belongs_to_the_return() -> None:
    panel = panel_of([[1.0], [100.0], [98.0]], factors=[[0.9], [0.97], [1.0]])
    assert_allclose(label(panel, ("AAA",), 0, 1).return_, [98.0 / 97.0 - 1])


def test_who_is_exactly_at_the_median_neither_beat_it_nor_lost_to_it() -> None:
    panel = panel_of([[1.0] * 3, [100.0] * 3, [90.0, 100.0, 110.0]])
    assert_array_equal(label(panel, NAMES[:3], 0, 1).beat, [0.0, NAN, 1.0])


def test_a_universe_that_moves_as_one_has_no_winners() -> None:
    panel = panel_of([[1.0] * 4, [100.0] * 4, [110.0] * 4])
    found = label(panel, NAMES, 0, 1)
    assert found.median == pytest.approx(0.1)
    assert np.isnan(found.beat).all()


def test_an_unknown_open_leaves_the_label_unknown_and_the_others_compared() -> None:
    panel = panel_of([[1.0] * 4, [100.0, 100.0, NAN, 100.0], [110.0, 90.0, 100.0, NAN]])
    found = label(panel, NAMES, 0, 1)
    assert_allclose(found.return_, [0.1, -0.1, NAN, NAN])
    assert found.median == pytest.approx(0.0)
    assert_array_equal(found.beat, [1.0, 0.0, NAN, NAN])


@pytest.mark.parametrize("opens", [[NAN, NAN, NAN], [110.0, NAN, NAN]])
def test_fewer_than_two_known_returns_have_no_median(opens: list[float]) -> None:
    found = label(panel_of([[1.0] * 3, [100.0] * 3, opens]), NAMES[:3], 0, 1)
    assert math.isnan(found.median)
    assert np.isnan(found.beat).all()
    assert_array_equal(np.isnan(found.return_), np.isnan(opens))


def test_a_zero_open_is_unknown_and_not_infinite() -> None:
    found = label(panel_of([[1.0] * 3, [0.0, 100.0, 100.0], [10.0, 101.0, 102.0]]), NAMES[:3], 0, 1)
    assert_array_equal(found.beat, [NAN, 0.0, 1.0])
    assert math.isnan(found.return_[0])


def test_an_outcome_that_is_not_known_yet_is_an_error() -> None:
    panel = panel_of([[100.0, 100.0]] * 7)
    assert label(panel, NAMES[:2], 0, 5).return_.shape == (2,)
    with pytest.raises(IndexError, match="outcome of session 2024-01-03 needs 6 later sessions"):
        label(panel, NAMES[:2], 1, 5)


def test_the_result_follows_the_universe() -> None:
    panel = panel_of([[1.0] * 4, [100.0] * 4, [101.0, 102.0, 103.0, 104.0]])
    assert_allclose(label(panel, ("DDD", "AAA"), 0, 1).return_, [0.04, 0.01])


@settings(max_examples=60, deadline=None)
@given(st.integers(500, 2510), st.integers(1, 5))
def test_a_label_reads_the_two_opens_of_its_trade_and_nothing_else(row: int, horizon: int) -> None:
    panel = history()
    want = label(panel, STOCKS, row, horizon)
    arrays = copies(panel)
    others = [i for i in range(len(panel.sessions)) if i not in (row + 1, row + 1 + horizon)]
    for values in arrays.values():
        values[others] = NAN
    arrays["high"][:] = arrays["low"][:] = arrays["volume"][:] = NAN
    found = label(changed(panel, **arrays), STOCKS, row, horizon)
    assert_array_equal(found.return_, want.return_)
    assert_array_equal(found.beat, want.beat)


@pytest.mark.parametrize("row", [0, 300, 1000, 2000, 2510])
def test_as_many_beat_the_median_as_lose_to_it(row: int) -> None:
    beat = label(history(), STOCKS, row, 5).beat
    assert np.sum(beat == 1.0) == np.sum(beat == 0.0) >= 2


def ending(after: int, others: int) -> Panel:
    """One ticker whose last bar is that of session `after`, another that goes on for `others` sessions."""
    n = after + 1 + others
    opens = [[100.0 + i if i <= after else NAN, 50.0] for i in range(n)]
    return panel_of(opens)


def test_a_ticker_that_ended_is_followed_from_each_entry_to_its_last_close() -> None:
    found = cut_short(ending(4, GONE), NAMES[:2], 2)
    last = 104.5
    expected = np.full(found.shape, NAN)
    expected[[2, 3], 0] = last / 103.0 - 1, last / 104.0 - 1  # entered at the opens of sessions 3 and 4
    assert_allclose(found, expected)
    for row in (0, 1):
        assert not np.isnan(label(ending(4, GONE), NAMES[:2], row, 2).return_[0])


def test_a_ticker_that_may_come_back_has_not_ended() -> None:
    assert np.isnan(cut_short(ending(4, GONE - 1), NAMES[:2], 2)).all()
    assert np.isnan(cut_short(panel_of([[1.0], *[[NAN]] * 2 * GONE]), NAMES[:1], 2)).all()


def test_what_ended_is_held_against_those_that_went_on() -> None:
    others = np.array([[NAN, 0.01, 0.02], [NAN, -0.5, -0.4], [NAN, NAN, 0.1]])
    lost = np.array([[-0.3, NAN, NAN]] * 3)
    assert_array_equal(came_against(lost, others, Target.RELATIVE)[:, 0], [0.0, 1.0, NAN])
    assert_array_equal(came_against(lost, others, Target.ABSOLUTE)[:, 0], [0.0, 0.0, 0.0])
    assert np.isnan(came_against(lost, others, Target.ABSOLUTE)[:, 1:]).all()
