"""Joins by what was known, held against a loop that reads like the definition."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from market.observations import Observation, ObservationError, as_known

START = datetime(2024, 1, 2, tzinfo=UTC)


def day(n: float) -> datetime:
    return START + timedelta(days=n)


def seen(subject: str, event: float, known: float, value: float) -> Observation:
    return Observation(subject, day(event), day(known), value)


def test_a_value_is_used_from_the_instant_at_which_it_is_known_and_not_before() -> None:
    found = as_known([seen("A", 1, 3, 7.0)], [day(2.999), day(3), day(9)], ["A"])
    assert_array_equal(found.values[:, 0], [np.nan, 7.0, 7.0])
    assert np.isnat(found.event_times[0, 0])
    assert found.event_times[1, 0] == np.datetime64("2024-01-03")


def test_a_revision_replaces_its_value_from_when_it_is_known() -> None:
    rows = [seen("A", 1, 5, 8.0), seen("A", 1, 2, 7.0)]
    assert_array_equal(as_known(rows, [day(2), day(4), day(5)], ["A"]).values[:, 0], [7.0, 7.0, 8.0])


def test_a_late_value_about_an_older_event_never_hides_a_newer_one() -> None:
    rows = [seen("A", 3, 3, 3.0), seen("A", 1, 6, 1.0)]
    assert_array_equal(as_known(rows, [day(7)], ["A"]).values, [[3.0]])


def test_subjects_are_apart_and_one_without_values_is_unknown() -> None:
    rows = [seen("A", 1, 1, 1.0), seen("B", 2, 2, 2.0), seen("Z", 1, 1, 9.0)]
    found = as_known(rows, [day(1), day(2)], ["B", "A", "C"])
    assert_array_equal(found.values, [[np.nan, 1.0, np.nan], [2.0, 1.0, np.nan]])


def test_a_value_expires() -> None:
    found = as_known([seen("A", 0, 1, 1.0)], [day(10), day(10.001)], ["A"], expires=timedelta(days=10))
    assert_array_equal(found.values[:, 0], [1.0, np.nan])


def test_a_withdrawn_value_is_unknown_from_then_on() -> None:
    rows = [seen("A", 1, 1, 1.0), seen("A", 1, 4, math.nan)]
    assert_array_equal(as_known(rows, [day(3), day(4)], ["A"]).values[:, 0], [1.0, np.nan])


def test_times_of_other_zones_are_the_same_instants() -> None:
    eastern = timezone(timedelta(hours=-5))
    row = Observation("A", day(0).astimezone(eastern), day(1).astimezone(eastern), 1.0)
    assert_array_equal(as_known([row], [day(0.99), day(1)], ["A"]).values[:, 0], [np.nan, 1.0])


def test_nothing_observed_and_nothing_asked_are_empty_answers() -> None:
    assert as_known([], [day(1)], ["A"]).values.shape == (1, 1)
    assert as_known([seen("A", 1, 1, 1.0)], [], ["A"]).values.shape == (0, 1)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (seen("A", 2, 1, 0.0), "A: known at .* before it happened"),
        (Observation("A", day(1).replace(tzinfo=None), day(1), 0.0), "A: event_time .* has no time zone"),
        (Observation("A", day(1), day(1).replace(tzinfo=None), 0.0), "A: known_at .* has no time zone"),
    ],
)
def test_an_impossible_observation_is_named(row: Observation, message: str) -> None:
    with pytest.raises(ObservationError, match=message):
        as_known([row], [day(1)], ["A"])


def test_an_instant_without_a_zone_is_named() -> None:
    with pytest.raises(ObservationError, match=r"an instant at .* has no time zone"):
        as_known([], [day(1).replace(tzinfo=None)], ["A"])


ROWS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 6), st.integers(0, 6), st.integers(0, 99)), max_size=25
)


@given(ROWS, st.lists(st.integers(-1, 14), max_size=6), st.none() | st.integers(0, 8))
def test_every_join_is_what_a_loop_over_the_definition_finds(
    rows: list[tuple[str, int, int, int]], asked: list[int], days: int | None
) -> None:
    observations = [seen(subject, event, event + delay, value) for subject, event, delay, value in rows]
    expires = None if days is None else timedelta(days=days)
    found = as_known(observations, [day(at) for at in asked], "ABD", expires=expires)
    for row, at in enumerate(asked):
        for column, subject in enumerate("ABD"):
            candidates = [
                (one.event_time, one.known_at, place, one.value)
                for place, one in enumerate(observations)
                if one.subject == subject and one.known_at <= day(at)
            ]
            want = math.nan
            if candidates:
                event, _, _, value = max(candidates)
                want = value if expires is None or day(at) - event <= expires else math.nan
            assert_array_equal(found.values[row, column], want)


@given(ROWS, st.integers(0, 12))
def test_what_becomes_known_later_changes_no_earlier_answer(
    rows: list[tuple[str, int, int, int]], at: int
) -> None:
    observations = [seen(subject, event, event + delay, value) for subject, event, delay, value in rows]
    until = [one for one in observations if one.known_at <= day(at)]
    asked = [day(n) for n in range(at + 1)]
    whole, cut = (as_known(some, asked, "ABC").values for some in (observations, until))
    assert_array_equal(whole, cut)
