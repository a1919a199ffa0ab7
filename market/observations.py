"""Observations: values with two times, when they are about and since when they are known.

A value may be used at an instant only if it was known by then; joins go by `known_at` and by nothing else. A
later value about the same event replaces the earlier one, from the instant at which it became known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.panel import FloatArray

Times = NDArray[np.datetime64]


class Observation(NamedTuple):
    """One value.

    Attributes:
        subject: What it is about, as a ticker.
        event_time: When what it tells happened, aware.
        known_at: Since when it can be known, aware, not before `event_time`.
        value: The value; NaN withdraws an earlier one.
    """

    subject: str
    event_time: datetime
    known_at: datetime
    value: float


class ObservationError(ValueError):
    """An observation cannot be; the text names it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of each subject at each instant, arrays of shape (instants, subjects).

    Attributes:
        values: NaN where nothing was known.
        event_times: When the value's event happened, UTC; NaT where nothing was known.
    """

    values: FloatArray
    event_times: Times


def as_known(
    observations: Iterable[Observation],
    instants: Sequence[datetime],
    subjects: Sequence[str],
    *,
    expires: timedelta | None = None,
) -> Known:
    """Join observations to instants by what was known.

    At each instant it is the value about the newest event among those known by then; of several about that
    event, the one that became known last; of those, the last one given.

    Args:
        observations: In any order; those about other subjects are left out.
        instants: Aware, in any order.
        subjects: Columns of the result.
        expires: A value about an event that is longer ago than this is unknown; None keeps it for ever.

    Raises:
        ObservationError: A time is not aware, or something was known before it happened.
    """
    column = {subject: i for i, subject in enumerate(subjects)}
    rows = [one for one in observations if one.subject in column]
    for one in rows:
        _check(one)
    asked = np.array([_utc(instant, "an instant") for instant in instants], dtype="datetime64[us]")
    shape = (len(asked), len(column))
    values, events = np.full(shape, np.nan), np.full(shape, np.datetime64("NaT", "us"))
    if not rows or not asked.size:
        return Known(values, events)
    subject = np.array([column[one.subject] for one in rows], dtype=np.int64)
    event = np.array([_utc(one.event_time, "an event") for one in rows], dtype="datetime64[us]")
    known = np.array([_utc(one.known_at, "a value") for one in rows], dtype="datetime64[us]")
    best, keys, times = _newest(subject, event, known)
    place = np.searchsorted(times, asked, side="right")  # how many known times lie at or before each instant
    wanted = place[:, None] + np.arange(len(column)) * (len(times) + 1)
    found = np.searchsorted(keys, wanted, side="right") - 1
    row = best[np.maximum(found, 0)]
    told = (found >= 0) & (subject[row] == np.arange(len(column)))
    if expires is not None:
        told &= asked[:, None] - event[row] <= np.timedelta64(expires)
    value = np.array([one.value for one in rows], dtype=np.float64)
    values[told], events[told] = value[row][told], event[row][told]
    return Known(values, events)


def _newest(
    subject: NDArray[np.int64], event: Times, known: Times
) -> tuple[NDArray[np.int64], NDArray[np.int64], Times]:
    """Return, in the order of subject and known time, the row that is the newest so far.

    Returns:
        The rows, shape (n,); the keys by which to look them up, ascending: subject times the number of known
        times and one, plus how many known times lie at or before; and the known times, ascending.
    """
    times = np.unique(known)
    key = subject * (len(times) + 1) + np.searchsorted(times, known) + 1
    by_event = np.lexsort((np.arange(len(event)), known, event, subject))
    rank = np.empty(len(event), dtype=np.int64)
    rank[by_event] = np.arange(len(event))
    by_known = np.lexsort((rank, key))
    newest = np.maximum.accumulate(
        rank[by_known]
    )  # subjects ascend in both orders: none reaches into the next
    return by_event[newest], key[by_known], times


def _check(one: Observation) -> None:
    for name, time in (("event_time", one.event_time), ("known_at", one.known_at)):
        if time.tzinfo is None:
            raise ObservationError(f"{one.subject}: {name} {time} has no time zone; give an aware datetime")
    if one.known_at < one.event_time:
        raise ObservationError(
            f"{one.subject}: known at {one.known_at}, before it happened at {one.event_time}; "
            "give the instant at which it could be known"
        )


def _utc(time: datetime, what: str) -> datetime:
    if time.tzinfo is None:
        raise ObservationError(f"{what} at {time} has no time zone; give an aware datetime")
    return time.astimezone(UTC).replace(tzinfo=None)
