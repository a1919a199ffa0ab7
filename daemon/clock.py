"""The clock: what time it is, passed in so that history can be replayed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...

    def seconds(self) -> float:
        """Return the seconds since some instant, on a scale that nobody sets: for measuring spans."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Return the seconds since the machine's start; setting its clock does not change them."""
        return time.monotonic()


class ReplayClock:
    """A clock that stands still until it is set forward: the time is the replayed session's."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the replayed instant, aware UTC."""
        return self._at

    def seconds(self) -> float:
        """Return the replayed seconds."""
        return self._at.timestamp()

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
