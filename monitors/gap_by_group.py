"""The gap by group: does what is stated come true in each regime or group? Small ones lean on all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.confidence_sequence import Interval
from monitors.false_discovery import survivors
from monitors.reading import Evidence, NoData, Reading, State
from monitors.shrinkage import pool
from monitors.tally import Tally
from monitors.verdict import Subject

PRIOR = 0.5  # a session of one forecast misses its probability by at most so much on average


@dataclass(frozen=True, slots=True)
class GroupGap:
    """What came of one group's forecasts.

    Attributes:
        subject: What its reading is about; its threshold is the greatest gap that is accepted.
        tally: Of outcome less stated probability, by session.
        unfit: Why it is not to be judged, or None.
        clause: The words for that.
    """

    subject: Subject
    tally: Tally
    unfit: NoData | None = None
    clause: str = ""


def gap_readings(
    groups: Sequence[GroupGap], *, limit: float, level: float, overlap: int, least: int
) -> tuple[Reading, ...]:
    """The gap of each group, drawn towards that of all, beside the group's own interval and evidence.

    Evidence is the group's own: the interval and the p-value hold at every look, the share of false groups
    among those that stand is at most `level` (Benjamini, Hochberg 1995). With it a gap above the limit is a
    breach, a smaller one a warning, and so is a gap whose own interval leaves zero out. A group is in order
    only where its own interval holds zero and reaches no further than the limit to either side; else it says
    `too_few`, so that no small group passes for a calibrated one on the word of the others.

    Args:
        groups: In the order of the readings.
        limit: Greatest accepted gap, a fraction.
        level: False discovery rate.
        overlap: Sessions an outcome spans; 1 for none.
        least: Fewest sessions of a group.

    Returns:
        One reading a group; its value is the size of the shrunk gap.
    """
    judged = [group for group in groups if group.unfit is None and group.tally.sessions >= max(least, 2)]
    if not judged:
        return tuple(_unjudged(group, least) for group in groups)
    estimates = [group.tally.estimate(overlap, PRIOR) for group in judged]
    pooled = pool(np.array([one.mean for one in estimates]), np.array([one.error for one in estimates]))
    p = np.array([one.apart_p(0.0) for one in estimates])
    stands = survivors(p, level).tolist()
    found = {}
    for i, (group, estimate) in enumerate(zip(judged, estimates, strict=True)):
        interval, gap = estimate.interval(), float(pooled.shrunk[i])
        detail = (
            f"{estimate.mean:+.1%}, with all groups {gap:+.1%}; 95 % at all times {interval:+.1%}; "
            f"{group.tally.sessions} sessions"
        )
        apart = stands[i] or not interval.low <= 0 <= interval.high
        if not apart and max(-interval.low, interval.high) > limit:
            clause = f"{detail}: too few to tell a gap of {limit:.0%}"
            found[group.subject.name] = group.subject.unknown(NoData.TOO_FEW, group.tally.n, clause)
            continue
        large = abs(gap) > limit
        state = State.BREACH if large and stands[i] else State.WARN if large or apart else State.OK
        evidence = Evidence("confidence_sequence", p_value=float(p[i]))
        found[group.subject.name] = group.subject.judged(
            abs(gap), group.tally.n, state, evidence, detail, _size(interval)
        )
    return tuple(found.get(group.subject.name) or _unjudged(group, least) for group in groups)


def _size(gap: Interval) -> Interval:
    """Where the size of a gap lies."""
    nearest = 0.0 if gap.low <= 0 <= gap.high else min(abs(gap.low), abs(gap.high))
    return Interval(nearest, max(abs(gap.low), abs(gap.high)))


def _unjudged(group: GroupGap, least: int) -> Reading:
    clause = group.clause or f"{group.tally.sessions} of {least} sessions"
    return group.subject.unknown(group.unfit or NoData.TOO_FEW, group.tally.n, clause)


def mean_wealth(logs: Sequence[float]) -> float:
    """The mean of wealths given as logarithms: an e-value where each wealth is one; 1 for none."""
    if not logs:
        return 1.0
    top = max(logs)
    if math.isinf(top):
        return 0.0
    return math.exp(min(690.0, top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs))))
