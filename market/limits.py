"""The limits: how often a provider is asked, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How a provider is asked.

    Attributes:
        per_s: Requests a second in the long run; as many as `at_once` may begin together after a rest.
        at_once: Requests under way at the most.
        timeout_s: Seconds to wait for one answer.
        fetch_s: Seconds to wait for all tickers of one fetch.
        attempts: Requests for one answer at the most.
        first_pause_s: Seconds before the second attempt; they double with each.
        longest_pause_s: Seconds between two attempts at the most. Where a provider wants a longer silence,
            nothing waits for its end, and nothing is asked before it.
        failures: Failures in a row after which the provider is only tried now and then.
        first_probe_s: Seconds before the first such try; they double with each.
        longest_probe_s: Seconds between two such tries at the most.
    """

    per_s: float = 10.0
    at_once: int = 4
    timeout_s: float = 10.0
    fetch_s: float = 300.0
    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0
    failures: int = 5
    first_probe_s: float = 30.0
    longest_probe_s: float = 600.0
