"""The health of the process's loops: when each last made progress, and how late that may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.clock import Clock


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One loop.

    Attributes:
        name: Which one: `schedule`, `delivery`, `replay`.
        progressed_at: When it last went round, aware UTC.
        within_s: Seconds within which it must go round again.
        note: What it did last, in words.
        ok: Whether it is in time.
    """

    name: str
    progressed_at: datetime
    within_s: float
    note: str
    ok: bool


class Health:
    """Collects the progress stamps of every loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stamps: dict[str, tuple[datetime, float, str]] = {}

    def stamp(self, name: str, *, within_s: float, note: str) -> None:
        """Say that a loop has made progress, and by when it must again."""
        self._stamps[name] = (self._clock.now(), within_s, note)

    def loops(self) -> tuple[LoopHealth, ...]:
        """Return every loop that ever stamped, by name."""
        now = self._clock.now()
        return tuple(
            LoopHealth(name, at, within_s, note, (now - at).total_seconds() <= within_s)
            for name, (at, within_s, note) in sorted(self._stamps.items())
        )
