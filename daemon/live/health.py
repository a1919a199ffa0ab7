"""The health of the process's loops: when each last made progress, and how late that may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.clock import Clock


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One loop.

    Attributes:
        name: Which one: `schedule`, `delivery`, `store`, `replay`.
        progressed_at: When it last went round, aware UTC.
        within_s: Seconds within which it must go round again.
        note: What it did last, or what keeps it from going round, in words.
        ok: Whether it is in time and has not failed since.
    """

    name: str
    progressed_at: datetime
    within_s: float
    note: str
    ok: bool


@dataclass(frozen=True, slots=True)
class _Stamp:
    at: datetime
    at_s: float
    within_s: float
    note: str
    failed: bool = False


class Health:
    """Collects the progress stamps of every loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stamps: dict[str, _Stamp] = {}

    def stamp(self, name: str, *, within_s: float, note: str) -> None:
        """Say that a loop has made progress, and by when it must again."""
        self._stamps[name] = _Stamp(self._clock.now(), self._clock.seconds(), within_s, note)

    def fail(self, name: str, reason: str) -> None:
        """Say that a loop cannot do its work until it stamps again."""
        old = self._stamps.get(name) or _Stamp(self._clock.now(), self._clock.seconds(), 0.0, "")
        self._stamps[name] = _Stamp(old.at, old.at_s, old.within_s, reason, failed=True)

    def loops(self) -> tuple[LoopHealth, ...]:
        """Return every loop that ever stamped, by name."""
        now_s = self._clock.seconds()
        return tuple(
            LoopHealth(
                name, one.at, one.within_s, one.note, not one.failed and now_s - one.at_s <= one.within_s
            )
            for name, one in sorted(self._stamps.items())
        )

    def doubt(self, name: str) -> str:
        """Return why a loop cannot be relied on now; "" where it can, or where there is no such loop."""
        found = next((loop for loop in self.loops() if loop.name == name and not loop.ok), None)
        if found is None:
            return ""
        if self._stamps[name].failed:
            return found.note
        return f"no answer for more than {found.within_s:g} s"
