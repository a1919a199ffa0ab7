"""The breaker: stops sending to a channel that keeps failing, and tries it again now and then."""

from __future__ import annotations

from enum import StrEnum
from random import Random


class BreakerState(StrEnum):
    """Whether a channel is sent to."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after so many failures in a row; then one probe at a time, each later than the one before.

    A probe waits between half and the whole of its pause, by chance, so that many senders do not come at
    once. It reads no clock: seconds are those of one scale that never jumps.
    """

    def __init__(
        self, *, failures: int, first_s: float, longest_s: float, chance: Random, probing: bool = False
    ) -> None:
        """Begin closed, or half-open where the channel is known to have failed.

        Args:
            failures: Failures in a row that open it.
            first_s: Seconds before the first probe; they double with each that fails.
            longest_s: Seconds between two probes at the most.
            chance: Where the jitter comes from.
            probing: Begin half-open.
        """
        self._limit = failures
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._failed = failures if probing else 0
        self._probes = 0
        self._probe_at_s = float("-inf")

    def state(self, now_s: float) -> BreakerState:
        """Return what it lets through now: everything, nothing, or one probe."""
        if self._failed < self._limit:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if now_s >= self._probe_at_s else BreakerState.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether the channel counts as working."""
        return self._failed < self._limit

    @property
    def is_clean(self) -> bool:
        """Whether nothing has failed since the last success."""
        return self._failed == 0

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until something may pass; 0 where it may now."""
        return 0.0 if self.is_closed else max(self._probe_at_s - now_s, 0.0)

    def failed(self, now_s: float) -> bool:
        """Count a failure, those of sends that began before it opened aside. Returns whether it opened it."""
        if self.state(now_s) is BreakerState.OPEN:
            return False
        was_closed = self.is_closed
        self._failed += 1
        if self.is_closed:
            return False
        pause_s = min(self._first_s * 2.0 ** min(self._probes, 32), self._longest_s)
        self._probe_at_s = now_s + pause_s * (0.5 + 0.5 * self._chance.random())
        self._probes += 1
        return was_closed

    def trip(self, now_s: float) -> bool:
        """Open at once: the receiver refuses everything. Returns whether it was closed."""
        self._failed = max(self._failed, self._limit - 1)
        return self.failed(now_s)

    def succeeded(self) -> bool:
        """Count a success. Returns whether it closed the breaker."""
        was_closed = self.is_closed
        self._failed = self._probes = 0
        return not was_closed
