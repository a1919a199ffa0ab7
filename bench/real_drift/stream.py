"""The stream: one watched series, what is known to have changed in it, and how a detector's alarms score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitors.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Change:
    """A change that people agree on.

    Attributes:
        start: First value from which an alarm notices it.
        end: First value from which an alarm comes too late.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A series in order of time, with what an alarm at each value means.

    Attributes:
        name: The series.
        values: Shape (n,), without NaN.
        changes: Apart from each other, in order of time.
        disputed: Stretches (start, end) in which an alarm counts neither way: some see a change, most do not.
        warm: Values before which an alarm counts neither way: nobody knows the series yet.
        inputs: What detectors are fed, by name: the values and what is made of them, each of shape (n,).
    """

    name: str
    values: FloatArray
    changes: tuple[Change, ...]
    disputed: tuple[tuple[int, int], ...] = ()
    warm: int = 0
    inputs: dict[str, FloatArray] = field(default_factory=dict)

    @property
    def calm(self) -> BoolArray:
        """Where an alarm is false, shape (n,)."""
        calm = np.arange(self.values.size) >= self.warm
        for start, end in self.disputed:
            calm[start:end] = False
        for change in self.changes:
            calm[change.start : change.end] = False
        return calm


@dataclass(frozen=True, slots=True)
class Score:
    """How alarms compare with what is known.

    Attributes:
        hits: Changes with an alarm in time.
        changes: All changes.
        delays: Of the hits, from the change to the first alarm, in values.
        false: Alarms where nothing changed.
        calm: Values where an alarm would be false.
    """

    hits: int
    changes: int
    delays: tuple[int, ...]
    false: int
    calm: int

    @property
    def false_rate(self) -> float:
        """False alarms a thousand calm values."""
        return 1000 * self.false / max(self.calm, 1)

    @property
    def precision(self) -> float:
        """Hits among hits and false alarms; 1 without any alarm."""
        alarms = self.hits + self.false
        return self.hits / alarms if alarms else 1.0

    @property
    def recall(self) -> float:
        """Hits among changes; 1 without any change."""
        return self.hits / self.changes if self.changes else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall (van Rijsbergen 1979)."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def mean_delay(self, longest: int) -> float:
        """Mean delay of all changes, one that was missed counting as `longest`; NaN without any change."""
        missed = longest * (self.changes - self.hits)
        return (sum(self.delays) + missed) / self.changes if self.changes else float("nan")

    @property
    def delay(self) -> float:
        """Median delay of the hits; NaN without any."""
        return float(np.median(self.delays)) if self.delays else float("nan")


def score(stream: Stream, alarms: Sequence[int]) -> Score:
    """Score the alarms of one stream; further alarms on a change already noticed count neither way."""
    calm = stream.calm
    delays = []
    for change in stream.changes:
        within = [alarm for alarm in alarms if change.start <= alarm < change.end]
        if within:
            delays.append(within[0] - change.start)
    return Score(
        hits=len(delays),
        changes=len(stream.changes),
        delays=tuple(delays),
        false=sum(bool(calm[alarm]) for alarm in alarms),
        calm=int(calm.sum()),
    )


def total(scores: Iterable[Score]) -> Score:
    """Scores of several streams added up."""
    held = list(scores)
    return Score(
        hits=sum(one.hits for one in held),
        changes=sum(one.changes for one in held),
        delays=tuple(delay for one in held for delay in one.delays),
        false=sum(one.false for one in held),
        calm=sum(one.calm for one in held),
    )
