"""Reports: what the three monitors say about anybody's data, each a pure function of arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from monitors.incidents import Incident
from monitors.reading import Reading, State
from monitors.reliability import ReliabilityBin

UNDATED = date.min  # the session of a reading about data that has none


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What `drift_report` found.

    Attributes:
        readings: `psi`, `ks` and `wasserstein` per feature, `drift_share`, `domain_auc`.
        verdict: Of the readings that carry evidence; PSI above 0.2 alone decides nothing.
        incidents: What drifted, grouped by what moves together, the greatest contribution first.
    """

    readings: tuple[Reading, ...]
    verdict: State
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What `calibration_report` found.

    Attributes:
        readings: Scores, tests and the sequential evidence; the tests once more per group.
        verdict: Of the tests and the evidence; ECE and the scores are shown and decide nothing.
        bins: The reliability table.
    """

    readings: tuple[Reading, ...]
    verdict: State
    bins: tuple[ReliabilityBin, ...] = ()


@dataclass(frozen=True, slots=True)
class PerformanceReport:
    """What `performance_report` found.

    Attributes:
        readings: Statistics with intervals that hold at all times, the classic rules, the evidence.
        verdict: Of the evidence; the classic rules are shown and decide nothing.
    """

    readings: tuple[Reading, ...]
    verdict: State


def verdict_of(readings: Iterable[Reading]) -> State:
    """The worst that the deciding readings say; `NO_DATA` where none of them could be judged.

    What could not be judged does not hide a breach, nor does it count as well: with every other one in order,
    the verdict is `NO_DATA` where most could not be judged.
    """
    states = [reading.state for reading in readings]
    for worst in (State.BREACH, State.WARN):
        if worst in states:
            return worst
    judged = states.count(State.OK)
    return State.OK if 2 * judged >= len(states) > 0 else State.NO_DATA
