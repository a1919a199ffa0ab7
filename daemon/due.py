"""Due: when a session is to be run, and when the orders it decides would trade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from daemon.configuration.settings import ScheduleSettings
from market.exchange import Exchange, ExchangeError


@dataclass(frozen=True, slots=True)
class Due:
    """A session that is to be run.

    Attributes:
        session: The trading date.
        due_at: When it is due: the close and a margin, aware UTC.
        closed_at: The exchange's close, aware UTC.
        next_open_at: When the orders it decides would trade, aware UTC.
    """

    session: date
    due_at: datetime
    closed_at: datetime
    next_open_at: datetime


def due_of(exchange: Exchange, session: date, schedule: ScheduleSettings) -> Due:
    """Compute a session's instants from the exchange's calendar."""
    closed_at = exchange.close_at(session)
    try:
        next_open_at = exchange.open_at(exchange.next(session))
    except ExchangeError:  # the calendar ends here: nothing known trades later
        next_open_at = datetime.max.replace(tzinfo=UTC)
    return Due(session, closed_at + timedelta(minutes=schedule.minutes_after_close), closed_at, next_open_at)
