"""Timing two ways of doing the same thing in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        what: What is done.
        ours_ms: Median time of our way, milliseconds.
        twin: The other way's name.
        twin_ms: Its median time, milliseconds.
    """

    what: str
    ours_ms: float
    twin: str
    twin_ms: float

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.twin_ms / self.ours_ms


def compare(what: str, ours: Callable[[], object], twin_name: str, twin: Callable[[], object]) -> Row:
    """Time both in turn, so that a noisy neighbour disturbs both, and keep the medians."""
    ours()
    twin()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for found, work in zip(times, (ours, twin), strict=True):
            started = time.perf_counter()
            work()
            found.append((time.perf_counter() - started) * 1e3)
    return Row(what, statistics.median(times[0]), twin_name, statistics.median(times[1]))
