"""Timing two ways of doing the same thing in one run, and holding their answers against each other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

ROUNDS = 7  # fewest
MOST_ROUNDS = 60
MOST_TRIES = 5  # of the shorter way in one round
SECONDS = 1.5  # spent on one comparison where more than the fewest rounds fit into it


@dataclass(frozen=True, slots=True)
class Times:
    """How long one way took.

    Attributes:
        best_ms: Shortest round, milliseconds: what the code costs on a quiet core.
        median_ms: Median round, milliseconds.
    """

    best_ms: float
    median_ms: float

    def __str__(self) -> str:
        return f"{_digits(self.best_ms)} / {_digits(self.median_ms)}"

    def scaled(self, factor: float) -> Times:
        """As if the work had been done `factor` times."""
        return Times(factor * self.best_ms, factor * self.median_ms)


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        what: What is done.
        ours: Our way's times.
        twin: The other way's name.
        theirs: Its times.
        goal_ms: What our median should stay below, milliseconds; None without a goal.
        gap: Greatest difference between the two answers; None where they are not comparable.
    """

    what: str
    ours: Times
    twin: str
    theirs: Times
    goal_ms: float | None = None
    gap: float | None = None

    @property
    def ratio(self) -> float:
        """How many times faster ours is, by the medians."""
        return self.theirs.median_ms / self.ours.median_ms


class DisagreementError(Exception):
    """Two ways of computing the same thing gave different answers."""


def compare(
    what: str,
    ours: Callable[[], ArrayLike],
    twin_name: str,
    twin: Callable[[], ArrayLike],
    *,
    goal_ms: float | None = None,
    within: float | None = None,
    twin_times: float = 1.0,
) -> Row:
    """Time both in turn, so that a noisy neighbour disturbs both.

    Args:
        what: What is done.
        ours: Our way.
        twin_name: The other way's name.
        twin: The other way.
        goal_ms: What our median should stay below, milliseconds.
        within: Greatest difference between the answers that is tolerated; None to leave them alone.
        twin_times: How many times the twin would have to be done to do the same work.

    Raises:
        DisagreementError: When the answers differ by more than `within`.
    """
    gap = _gap(what, ours(), twin_name, twin(), within)
    ways = (ours, twin)
    once = [_seconds(work) for work in ways]
    rounds = min(MOST_ROUNDS, max(ROUNDS, int(SECONDS / max(sum(once), 1e-9))))
    # the shorter way gets more tries a round, so that it too meets a quiet moment
    tries = [min(MOST_TRIES, max(1, int(max(once) / max(seconds, 1e-9)))) for seconds in once]
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for times, work, many in zip(found, ways, tries, strict=True):
            times.extend(1e3 * _seconds(work) for _ in range(many))
    own, other = (Times(min(times), statistics.median(times)) for times in found)
    return Row(what, own, twin_name, other.scaled(twin_times), goal_ms, gap)


def _seconds(work: Callable[[], ArrayLike]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _gap(what: str, own: ArrayLike, twin: str, other: ArrayLike, within: float | None) -> float | None:
    if within is None:
        return None
    one, two = np.asarray(own, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if one.shape != two.shape:
        raise DisagreementError(f"{what}: {one.shape} numbers, {two.shape} by {twin}")
    gap = float(np.abs(one - two).max(initial=0.0))
    if not gap <= within:
        raise DisagreementError(f"{what}: differs from {twin} by {gap:.3g}, more than {within:g}")
    return gap


def _digits(ms: float) -> str:
    """Three significant digits, without an exponent."""
    places = 0 if ms >= 100 else 1 if ms >= 10 else 2 if ms >= 1 else 3 if ms >= 0.1 else 4
    return f"{ms:,.{places}f}"
