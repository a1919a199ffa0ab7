"""The clock: what time it is, passed in so that history can be replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return datetime.now(UTC)


class ReplayClock:
    """A clock that stands still until it is set forward: the time is the replayed session's."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the replayed instant, aware UTC."""
        return self._at

    def advance(self, to: datetime) -> None:
        """Set the clock forward.

        Raises:
            ValueError: The instant lies before the present one or has no time zone.
        """
        if to.tzinfo is None:
            raise ValueError(f"replay clock: {to} has no time zone; give an aware UTC instant")
        if to < self._at:
            raise ValueError(f"replay clock: cannot go back from {self._at} to {to}")
        self._at = to
