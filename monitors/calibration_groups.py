"""The calibration of groups: each label's tests and gap, and one bet over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from monitors.arrays import FloatArray, IntArray
from monitors.calibration_tests import LEAST, SHARES, gains_by_time, method_of, tested
from monitors.false_discovery import survivors
from monitors.gap_by_group import GroupGap, gap_readings, mean_wealth
from monitors.reading import Evidence, NoData, Reading, State
from monitors.tally import Tally
from monitors.verdict import Subject

GAP = "calibration_gap"
GAP_LIMIT = 0.10
UNNAMED = "(empty)"  # the group of an empty label


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The forecasts of one label.

    Attributes:
        name: The label.
        stated: Probabilities in order of time, shape (n,).
        came: 0 or 1, shape (n,).
        starts: Where each of its times begins, shape (times,).
    """

    name: str
    stated: FloatArray
    came: FloatArray
    starts: IntArray

    @classmethod
    def of(
        cls, name: object, own: NDArray[np.bool_], stated: FloatArray, came: FloatArray, time: IntArray
    ) -> Self:
        """The forecasts where `own` holds."""
        first = np.unique(time[own], return_index=True)[1]
        return cls(str(name).strip() or UNNAMED, stated[own], came[own], first)

    @property
    def can_be_tested(self) -> bool:
        """Few times whose forecasts depend on each other do not show by how much."""
        return min(self.stated.size, self.starts.size) >= LEAST

    @property
    def tally(self) -> Tally:
        """Outcome less stated probability, time by time."""
        tally, residual = Tally(), np.add.reduceat(self.came - self.stated, self.starts)
        sizes = np.diff(self.starts, append=self.stated.size)
        for n, total in zip(sizes.tolist(), residual.tolist(), strict=True):
            tally = tally.added(n, total)
        return tally

    def log_wealth(self, overlap: int = 1) -> list[float]:
        """Logarithm of what each bet against the group's calibration has come to, lane by lane."""
        with np.errstate(divide="ignore"):
            gains = np.maximum(gains_by_time(self.stated, self.came, self.starts, SHARES), 0.0)
            logs = np.log(gains)
        return [float(log) for lane in range(overlap) for log in logs[lane::overlap].sum(axis=0)]


def group_readings(
    session: date,
    stated: FloatArray,
    came: FloatArray,
    starts: IntArray,
    label: NDArray[Any],
    level: float,
    overlap: int = 1,
) -> tuple[Reading, ...]:
    """The sum test and Spiegelhalter's, and the gap, of each group; one bet over all groups.

    One false discovery rate holds over all tests, another over all gaps. Where the gap could not be judged a
    test that finds nothing is not judged either: too little is known of the group to call it in order. The
    bet's wealth is the mean over the groups, so that their number costs no budget of its own.

    Args:
        session: What the readings are dated.
        stated: Probabilities in order of time, shape (n,), without NaN.
        came: 0 or 1, shape (n,).
        starts: Where each time begins, shape (times,).
        label: The group of each, shape (n,).
        level: False discovery rate, and the chance that the bet is ever wrong.
        overlap: Times an outcome spans; 1 for none. A group's own times lie no nearer to each other.
    """
    names, place = np.unique(label, return_inverse=True)
    time = np.repeat(np.arange(starts.size), np.diff(starts, append=stated.size))
    groups = [Group.of(name, place == i, stated, came, time) for i, name in enumerate(names.tolist())]
    gaps = gap_readings(
        [
            GroupGap(Subject(session, "calibration", GAP, one.name, GAP_LIMIT), one.tally, *_few(one))
            for one in groups
        ],
        limit=GAP_LIMIT,
        level=level,
        overlap=overlap,
        least=LEAST,
    )
    found = _tests(session, groups, gaps, level, overlap)
    wealth = mean_wealth([log for one in groups if one.can_be_tested for log in one.log_wealth(overlap)])
    subject = Subject(session, "calibration", "calibration_evidence", "groups", 1 / level)
    state = State.BREACH if wealth >= 1 / level else State.OK
    evidence = Evidence("e_value_mixture", e_value=wealth)
    able = sum(one.can_be_tested for one in groups)
    bet = subject.judged(wealth, able, state, evidence, f"one bet over {able} of {len(groups)} groups")
    return *found, *gaps, bet if able else subject.unknown(NoData.TOO_FEW, 0, "no group is large enough")


def _few(group: Group) -> tuple[NoData | None, str]:
    if group.can_be_tested:
        return None, ""
    return NoData.TOO_FEW, f"{group.stated.size} forecasts of {group.starts.size} times"


def _tests(
    session: date, groups: list[Group], gaps: tuple[Reading, ...], level: float, overlap: int
) -> list[Reading]:
    """Both z of each group, with one false discovery rate over all of them."""
    tests = [
        tested(one.stated, one.came, one.starts, overlap)[1::-1] if one.can_be_tested else ()
        for one in groups
    ]
    every = np.array([p for rows in tests for _, _, p in rows], dtype=np.float64)
    stands = iter(survivors(every, level).tolist())
    found = []
    for group, rows, gap in zip(groups, tests, gaps, strict=True):
        n = group.stated.size
        if not rows:
            subject = Subject(session, "calibration", "sum_z", group.name)
            found.append(subject.unknown(NoData.TOO_FEW, n, gap.detail))
        true, said = float(group.came.mean()), float(group.stated.mean())
        words = f"{true:.1%} came true, {said:.1%} stated ({true - said:+.1%})"
        for metric, z, p in rows:
            subject, stood = Subject(session, "calibration", metric, group.name), next(stands)
            if np.isnan(z):
                found.append(subject.unknown(NoData.CONSTANT, n, "no forecast can be held against it"))
                continue
            state = State.BREACH if stood else State.WARN if p <= level else State.OK
            if state is State.OK and gap.state is State.NO_DATA:
                found.append(subject.unknown(NoData.TOO_FEW, n, f"z {z:.2f}, p = {p:.2g}; {words}"))
                continue
            evidence = Evidence(method_of(group.stated, group.starts, overlap), p_value=p)
            found.append(subject.judged(z, n, state, evidence, words))
    return found
