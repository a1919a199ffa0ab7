"""The exchange's calendar: which dates are sessions, and when each opens and closes."""

from __future__ import annotations

import difflib
import threading
import warnings
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

FIRST_KNOWN = date(1990, 1, 1)  # the library would otherwise start twenty years before today

_loading = threading.Lock()  # the library's cache and the warning filters are shared by all threads


class ExchangeError(ValueError):
    """A calendar name, or a date asked of a calendar, is not one that is known."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The sessions of one exchange between two dates; a value, so it can be shared and pickled.

    A calendar knows about a year ahead of the day it was loaded: past `known_end` every question is an
    `ExchangeError`, never a guess. `reload` returns one that knows more.

    Attributes:
        name: Calendar name (an ISO 10383 market code such as XNYS).
        days: Sessions, strictly ascending, length S.
        opens: Aware UTC opening instants, length S.
        closes: Aware UTC closing instants (early closes included), length S.
    """

    name: str
    days: tuple[date, ...] = field(repr=False)
    opens: tuple[datetime, ...] = field(repr=False)
    closes: tuple[datetime, ...] = field(repr=False)

    @property
    def known_start(self) -> date:
        """The first session this calendar knows."""
        return self.days[0]

    @property
    def known_end(self) -> date:
        """The last session this calendar knows, about a year after the day it was loaded."""
        return self.days[-1]

    def reload(self) -> Exchange:
        """Return the same calendar loaded afresh. Blocking, a few tenths of a second: call it in a thread."""
        return load_exchange(self.name)

    def sessions(self, start: date, end: date) -> tuple[date, ...]:
        """Return the sessions from `start` to `end`, both inclusive; none when `start` is after `end`.

        Raises:
            ExchangeError: A date lies outside what the calendar knows.
        """
        self._check_known(start)
        self._check_known(end)
        return self.days[bisect_left(self.days, start) : bisect_right(self.days, end)]

    def is_session(self, day: date) -> bool:
        """Say whether `day` is a session.

        Raises:
            ExchangeError: `day` lies outside what the calendar knows.
        """
        self._check_known(day)
        place = bisect_left(self.days, day)
        return place < len(self.days) and self.days[place] == day

    def open_at(self, session: date) -> datetime:
        """Return the aware UTC instant at which `session` opens.

        Raises:
            ExchangeError: `session` is not a session, or unknown.
        """
        return self.opens[self._place(session)]

    def close_at(self, session: date) -> datetime:
        """Return the aware UTC instant at which `session` closes, early closes included.

        Raises:
            ExchangeError: `session` is not a session, or unknown.
        """
        return self.closes[self._place(session)]

    def previous(self, day: date) -> date:
        """Return the last session strictly before `day`, itself a session or not.

        Raises:
            ExchangeError: That session lies outside what the calendar knows.
        """
        self._check_known(day)
        place = bisect_left(self.days, day) - 1
        if place < 0:
            raise ExchangeError(
                f"calendar {self.name} knows no session before {day}: it starts there; ask for later"
            )
        return self.days[place]

    def next(self, day: date) -> date:
        """Return the first session strictly after `day`, itself a session or not.

        Raises:
            ExchangeError: That session lies outside what the calendar knows.
        """
        self._check_known(day)
        place = bisect_right(self.days, day)
        if place == len(self.days):
            raise ExchangeError(
                f"calendar {self.name} knows no session after {day}: it ends there; reload it"
            )
        return self.days[place]

    def _place(self, session: date) -> int:
        if not self.is_session(session):
            raise ExchangeError(
                f"{session} is not a session of calendar {self.name}; the next one is {self.next(session)}, "
                f"the previous one {self.previous(session)}"
            )
        return bisect_left(self.days, session)

    def _check_known(self, day: date) -> None:
        if isinstance(day, datetime):
            raise ExchangeError(
                f"calendar {self.name} was asked about the instant {day}; pass a date, not a datetime"
            )
        if day < self.known_start:
            raise ExchangeError(
                f"calendar {self.name} starts at {self.known_start}, it does not know {day}; "
                "ask for a later date"
            )
        if day > self.known_end:
            raise ExchangeError(
                f"calendar {self.name} ends at {self.known_end}, it does not know {day}; reload it"
            )


def load_exchange(name: str = "XNYS") -> Exchange:
    """Load a calendar, from 1990 (or its own first date, if later) to about a year from now.

    Blocking, a few tenths of a second: call it in a thread.

    Raises:
        ExchangeError: There is no calendar of that name; the message holds the nearest that exist.
    """
    import exchange_calendars  # noqa: PLC0415  (half a second: only who loads a calendar pays it)

    names = exchange_calendars.get_calendar_names(include_aliases=True)
    if name not in names:
        nearest = difflib.get_close_matches(name.upper(), names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else "the New York Stock Exchange is XNYS"
        raise ExchangeError(f"there is no calendar {name!r}; {hint}")
    with _loading, warnings.catch_warnings():
        # The library reads a time-zone-aware column in a way pandas 4 will change; today it is right.
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray")
        kind = type(exchange_calendars.get_calendar(name))
        bound = kind.bound_min()
        start = FIRST_KNOWN if bound is None else max(FIRST_KNOWN, bound.date())
        # Made from its class: `get_calendar` would return a second time what it loaded the first time.
        calendar = kind(start=start.isoformat())
        return Exchange(
            calendar.name,
            tuple(stamp.date() for stamp in calendar.sessions),
            _instants(calendar.opens),
            _instants(calendar.closes),
        )


def _instants(stamps: Any) -> tuple[datetime, ...]:  # noqa: ANN401  (an untyped pandas Series)
    return tuple(stamp.to_pydatetime().replace(tzinfo=UTC) for stamp in stamps.dt.tz_convert("UTC"))
