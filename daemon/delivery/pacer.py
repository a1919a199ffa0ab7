"""The pacer: when a channel may be sent to next."""

from __future__ import annotations

from alerts.channels.channel import Pace


class Pacer:
    """A token bucket that also obeys the receiver's own wish for silence. It reads no clock.

    Seconds are those of one scale that never jumps, as `time.monotonic` counts them.

    Example:
        >>> pacer = Pacer(Pace(per_s=1.0))
        >>> pacer.take(10.0)
        >>> pacer.wait_s(10.25)
        0.75
    """

    def __init__(self, pace: Pace) -> None:
        self._gap_s = 1.0 / pace.per_s
        self._slack_s = self._gap_s * (max(pace.burst, 1) - 1)
        self._next_s = float("-inf")
        self._held_until_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until the next request may begin; 0 where it may now."""
        return max(self._next_s - self._slack_s - now_s, self._held_until_s - now_s, 0.0)

    def take(self, now_s: float) -> None:
        """Count a request that begins now."""
        self._next_s = max(self._next_s, now_s) + self._gap_s

    def hold(self, until_s: float) -> None:
        """Let no request begin before an instant; an earlier hold is never shortened."""
        self._held_until_s = max(self._held_until_s, until_s)

    def held_s(self, now_s: float) -> float:
        """Return the seconds of silence that the receiver still asks for."""
        return max(self._held_until_s - now_s, 0.0)
