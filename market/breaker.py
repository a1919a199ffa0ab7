"""The circuit breaker: leaves a provider alone that keeps failing, and tries it again now and then."""

from __future__ import annotations

from random import Random


class CircuitBreaker:
    """Opens after so many failures in a row; then one probe at a time, each later than the one before.

    Requests that run side by side fail together, so a failure counts only if its request began after the
    last one that counted. It reads no clock: seconds are those of one scale that never jumps.
    """

    def __init__(self, *, failures: int, first_s: float, longest_s: float, chance: Random) -> None:
        """Begin closed.

        Args:
            failures: Failures in a row that open it.
            first_s: Seconds before the first probe; they double with each that fails.
            longest_s: Seconds between two probes at the most.
            chance: Where the jitter comes from: a probe waits between half and the whole of its pause.
        """
        self._limit = failures
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._failed = 0
        self._counted_at_s = float("-inf")
        self._probe_at_s = float("-inf")
        self._probes = 0
        self._probing = False

    @property
    def is_closed(self) -> bool:
        """Whether the provider counts as working."""
        return self._failed < self._limit

    def admits(self, now_s: float) -> bool:
        """Say whether a request may begin now; where it is a probe, no other may until it has ended."""
        if self.is_closed:
            return True
        return now_s >= self._probe_at_s and not self._probing

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until the next probe; 0 where it is closed or the probe is due."""
        return 0.0 if self.is_closed else max(self._probe_at_s - now_s, 0.0)

    def begin(self) -> None:
        """Count a request that begins."""
        self._probing = not self.is_closed

    def abandon(self) -> None:
        """Forget a request that ended without saying anything about the provider."""
        self._probing = False

    def succeed(self) -> None:
        """Count a success."""
        self._failed = self._probes = 0
        self._probing = False

    def fail(self, began_s: float, now_s: float) -> None:
        """Count a failure of a request that began at an instant."""
        if began_s < self._counted_at_s:
            return
        self._counted_at_s = now_s
        self._failed += 1
        self._probing = False
        if not self.is_closed:
            pause_s = min(self._first_s * 2.0 ** min(self._probes, 32), self._longest_s)
            self._probe_at_s = now_s + pause_s * (0.5 + 0.5 * self._chance.random())
            self._probes += 1
