"""Alterations: they change what could not be known at a close, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from backtest.leaks import Subject, alteration
from backtest.leaks.furnish import furnished
from backtest.leaks.record import Record
from backtest.leaks.subject import cuts
from market.observations import as_known
from market.panel import FIELDS, FloatArray
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import history

LATE = frozenset({"BTC-USD"})
RECORD, MADE_UP = furnished(history().rows(1_500, 1_800), STOCKS, BENCHMARK, wanted=("BTC-USD",), late=LATE)
PLACES = st.integers(100, 298)
LATER = (alteration.unknown_after, alteration.scaled_after, alteration.shuffled_after)


def bars(record: Record, t: int, *, late: bool = True) -> list[FloatArray]:
    keep = [i for i, name in enumerate(record.panel.tickers) if late or name not in LATE]
    return [getattr(record.panel, name)[: t + 1, keep] for name in FIELDS]


def known(record: Record, t: int) -> FloatArray:
    return as_known(record.reports, record.closes[: t + 1], STOCKS).values


def mask(record: Record, t: int) -> object:
    return record.membership.mask(record.panel.sessions[: t + 1], STOCKS)


@settings(max_examples=20, deadline=None)
@given(PLACES, st.sampled_from([*LATER, alteration.truncated, alteration.late_changed]))
def test_what_was_known_at_the_close_stays(t: int, alter: alteration.Alter) -> None:
    changed = alter(RECORD, t)
    late = alter is not alteration.late_changed
    for own, other in zip(bars(RECORD, t, late=late), bars(changed, t, late=late), strict=True):
        assert_array_equal(own, other)
    for name, values in RECORD.extras.items():
        assert_array_equal(changed.extras[name][: t + 1], values[: t + 1])
    assert_array_equal(known(changed, t), known(RECORD, t))
    assert_array_equal(mask(changed, t), mask(RECORD, t))


@settings(max_examples=20, deadline=None)
@given(PLACES)
def test_other_members_join_and_leave_only_later(t: int) -> None:
    changed = alteration.members_changed(RECORD, t)
    assert_array_equal(mask(changed, t), mask(RECORD, t))
    assert changed.membership != RECORD.membership


@pytest.mark.parametrize("alter", LATER)
def test_what_comes_later_is_other(alter: alteration.Alter) -> None:
    changed = alter(RECORD, 150)
    for name in FIELDS:
        own, other = getattr(RECORD.panel, name)[151:215], getattr(changed.panel, name)[151:]
        assert own.shape == other.shape
        assert (own != other).any(axis=0)[: len(STOCKS)].all()


def test_only_the_late_tickers_bar_of_the_session_itself_is_other() -> None:
    changed = alteration.late_changed(RECORD, 150)
    differs = np.argwhere(changed.panel.close != RECORD.panel.close)
    assert differs.tolist() == [[150, RECORD.panel.tickers.index("BTC-USD")]]


def test_a_split_leaves_traded_value_as_it_was_and_halves_prices() -> None:
    changed = alteration.restated(RECORD, 150)
    place = RECORD.panel.tickers.index(STOCKS[0])
    own, other = RECORD.panel, changed.panel
    assert_array_equal((other.close * other.volume)[:, place], (own.close * own.volume)[:, place])
    assert_array_equal(other.close[:, place], own.close[:, place] / 2)
    assert_array_equal(other.close[:, place + 1], own.close[:, place + 1])


def test_cuts_come_after_every_lookback_and_before_the_newest_session() -> None:
    subject = Subject.of_panel("one", lambda panel: panel.close, lookback=200)
    at = cuts(subject, 300, 500, 1)
    assert at == list(range(200, 299))
    assert cuts(subject, 300, 20, 1) != cuts(subject, 300, 20, 2)


def test_what_is_made_up_is_named_and_what_is_held_is_not() -> None:
    assert "BTC-USD" in MADE_UP
    again, made_up = furnished(RECORD.panel, STOCKS, BENCHMARK, wanted=("BTC-USD",), late=LATE)
    assert "BTC-USD" not in made_up
    assert_array_equal(again.panel.columns(("BTC-USD",)).close, RECORD.panel.columns(("BTC-USD",)).close)
