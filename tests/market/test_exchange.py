from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.exchange import Exchange, ExchangeError, load_exchange

XNYS = load_exchange()
NEW_YORK = ZoneInfo("America/New_York")

known_days = st.dates(XNYS.known_start + timedelta(days=1), XNYS.known_end - timedelta(days=1))


def refusal(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(ExchangeError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    "day",
    [
        date(2001, 9, 11),  # the attacks
        date(2004, 6, 11),  # mourning for Reagan
        date(2007, 1, 2),  # mourning for Ford
        date(2012, 10, 29),  # hurricane Sandy
        date(2012, 10, 30),
        date(2022, 6, 20),  # Juneteenth, observed
        date(2024, 3, 29),  # Good Friday
        date(2012, 12, 29),  # a Saturday
    ],
)
def test_new_york_was_closed_on(day: date) -> None:
    assert not XNYS.is_session(day)


def test_the_sample_decade_has_2517_sessions() -> None:
    days = XNYS.sessions(date(2003, 1, 1), date(2012, 12, 31))
    assert (len(days), days[0], days[-1]) == (2517, date(2003, 1, 2), date(2012, 12, 31))


def test_sessions_open_and_close_at_new_york_hours_whatever_the_season() -> None:
    for session in (date(2024, 1, 16), date(2024, 7, 16)):
        assert XNYS.open_at(session).astimezone(NEW_YORK).strftime("%H:%M") == "09:30"
        assert XNYS.close_at(session).astimezone(NEW_YORK).strftime("%H:%M") == "16:00"
    assert XNYS.close_at(date(2024, 7, 16)) == datetime(2024, 7, 16, 20, tzinfo=UTC)


def test_an_early_close_is_known() -> None:
    assert XNYS.close_at(date(2012, 12, 24)) == datetime(2012, 12, 24, 18, tzinfo=UTC)


def test_previous_and_next_step_over_weekends_and_holidays() -> None:
    assert XNYS.next(date(2012, 10, 26)) == date(2012, 10, 31)
    assert XNYS.previous(date(2012, 10, 31)) == date(2012, 10, 26)
    assert XNYS.next(date(2012, 10, 28)) == date(2012, 10, 31)
    assert XNYS.previous(date(2012, 10, 28)) == date(2012, 10, 26)


def test_an_inverted_range_has_no_sessions() -> None:
    assert XNYS.sessions(date(2024, 1, 3), date(2024, 1, 2)) == ()


@given(known_days, known_days)
def test_sessions_are_exactly_the_days_that_are_sessions(one: date, other: date) -> None:
    start = min(one, other)
    end = min(max(one, other), start + timedelta(days=60))
    every = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    assert XNYS.sessions(start, end) == tuple(day for day in every if XNYS.is_session(day))


@given(known_days)
def test_next_is_the_nearest_session_after_and_previous_undoes_it(day: date) -> None:
    following = XNYS.next(day)
    assert following > day
    assert XNYS.is_session(following)
    assert XNYS.sessions(day + timedelta(days=1), following) == (following,)
    assert XNYS.previous(following) == (day if XNYS.is_session(day) else XNYS.previous(day))


@given(known_days)
def test_a_session_opens_before_it_closes_and_closes_before_the_next_opens(day: date) -> None:
    session = XNYS.next(day - timedelta(days=1))
    assert XNYS.open_at(session) < XNYS.close_at(session) < XNYS.open_at(XNYS.next(session))
    assert XNYS.open_at(session).tzinfo is UTC


def test_a_day_without_session_names_its_neighbours() -> None:
    message = refusal(XNYS.close_at, date(2012, 10, 29))
    assert message == (
        "2012-10-29 is not a session of calendar XNYS; "
        "the next one is 2012-10-31, the previous one 2012-10-26"
    )


def test_nothing_is_guessed_past_the_known_end() -> None:
    late = XNYS.known_end + timedelta(days=1)
    expected = f"calendar XNYS ends at {XNYS.known_end}, it does not know {late}; reload it"
    assert refusal(XNYS.is_session, late) == expected
    assert refusal(XNYS.sessions, date(2024, 1, 2), late) == expected
    assert refusal(XNYS.previous, late) == expected
    assert f"knows no session after {XNYS.known_end}" in refusal(XNYS.next, XNYS.known_end)


def test_nothing_is_guessed_before_the_known_start() -> None:
    assert XNYS.known_start == date(1990, 1, 2)
    assert "starts at 1990-01-02, it does not know 1989-12-29; ask for a later date" in refusal(
        XNYS.is_session, date(1989, 12, 29)
    )
    assert "knows no session before 1990-01-02" in refusal(XNYS.previous, XNYS.known_start)


def test_an_instant_is_not_taken_for_a_date() -> None:
    assert "pass a date, not a datetime" in refusal(XNYS.is_session, datetime(2024, 1, 2, tzinfo=UTC))


def test_the_calendar_reaches_most_of_a_year_ahead() -> None:
    assert XNYS.known_end > datetime.now(UTC).date() + timedelta(days=300)


def test_reload_makes_a_fresh_calendar_of_the_same_market() -> None:
    fresh = XNYS.reload()
    assert fresh is not XNYS
    assert fresh.days is not XNYS.days
    assert fresh == XNYS


def test_a_reload_reaches_further_when_time_has_passed() -> None:
    last_year = Exchange("XNYS", XNYS.days[:-200], XNYS.opens[:-200], XNYS.closes[:-200])
    assert last_year.reload().known_end == XNYS.known_end > last_year.known_end


def test_an_exchange_survives_the_way_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(XNYS)) == XNYS  # noqa: S301  (its own bytes)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert "there is no calendar 'XNYSE'; did you mean XNYS" in refusal(load_exchange, "XNYSE")
    assert "did you mean XNYS" in refusal(load_exchange, "xnys")
    assert "the New York Stock Exchange is XNYS" in refusal(load_exchange, "?")


def test_an_alias_loads_the_market_it_stands_for() -> None:
    assert load_exchange("NYSE").name == "XNYS"


def test_a_calendar_that_starts_after_1990_is_loaded_from_its_own_start() -> None:
    assert load_exchange("XTKS").known_start == date(1997, 1, 6)


def test_importing_the_module_does_not_load_the_library() -> None:
    check = "import market.exchange, sys; sys.exit(bool({'exchange_calendars', 'pandas'} & {*sys.modules}))"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)  # noqa: S603  (constants only)
