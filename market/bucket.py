"""The bucket: when a provider may be asked next."""

from __future__ import annotations


class TokenBucket:
    """So many requests a second, some of them at once, and none while the provider wants silence.

    It reads no clock: seconds are those of one scale that never jumps.

    Example:
        >>> bucket = TokenBucket(per_s=2.0, burst=1)
        >>> bucket.take(10.0)
        >>> bucket.wait_s(10.25)
        0.25
    """

    def __init__(self, *, per_s: float, burst: int) -> None:
        """Begin full.

        Args:
            per_s: Requests a second in the long run.
            burst: Requests that may begin at once after a rest.
        """
        self._gap_s = 1.0 / per_s
        self._slack_s = self._gap_s * (max(burst, 1) - 1)
        self._next_s = float("-inf")
        self._held_until_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until the next request may begin; 0 where it may now."""
        return max(self._next_s - self._slack_s - now_s, self.held_s(now_s))

    def take(self, now_s: float) -> None:
        """Count a request that begins now."""
        self._next_s = max(self._next_s, now_s) + self._gap_s

    def hold(self, until_s: float) -> None:
        """Let no request begin before an instant; an earlier hold is never shortened."""
        self._held_until_s = max(self._held_until_s, until_s)

    def held_s(self, now_s: float) -> float:
        """Return the seconds of silence that are left."""
        return max(self._held_until_s - now_s, 0.0)
