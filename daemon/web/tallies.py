"""The tallies: what this process has counted since it started, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from daemon.delivery.breaker import BreakerState
from daemon.judge import Decision
from daemon.storage.parcel import Status

LAG_KEEPS: Final = 0.9
"""How much of the greatest lag is left after another look, so that a scrape a minute later still sees it."""


class Tallies:
    """Counts decisions and sends, and keeps the event loop's lag.

    Attributes:
        registry: Where all of it is registered.
        breakers: Returns each channel's breaker; the daemon sets it.
    """

    def __init__(self) -> None:
        """Begin at nought."""
        self.registry = CollectorRegistry(auto_describe=True)
        self.breakers: Callable[[], Mapping[str, BreakerState]] = dict
        self._decisions = Counter(
            "forewarn_decisions",
            "New decisions about telling an alert, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._sends = Counter(
            "forewarn_sends",
            "Sends that ended, by channel and outcome.",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self._lag = Gauge(
            "forewarn_loop_lag_seconds",
            "How late the event loop lately was at the most.",
            registry=self.registry,
        )
        self._lag_s = 0.0

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Count decisions."""
        for one in decisions:
            self._decisions.labels(one.reason.value).inc()

    def sent(self, channel: str, outcome: Status) -> None:
        """Count a send that ended."""
        self._sends.labels(channel, outcome.value).inc()

    def lagged(self, seconds: float) -> None:
        """Note how late the event loop was at one look."""
        self._lag_s = max(seconds, self._lag_s * LAG_KEEPS)
        self._lag.set(self._lag_s)
