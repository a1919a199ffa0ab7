"""The report on real drift: collections of streams, who ran on them, and a table for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.peers.asking import Answer
from bench.peers.environments import OURS
from bench.peers.tables import Table
from bench.real_drift.budget import Aim, Outcome, Trial, judged
from bench.real_drift.collection import Collection
from bench.real_drift.elec2 import as_days
from bench.real_drift.stream import Stream, score

OVER = 1.5  # times its budget a detector may raise on streams it was not tuned on and still be counted


@dataclass(frozen=True, slots=True)
class Contest:
    """One detector on one kind of input.

    Attributes:
        peer: Whose detector.
        detector: Its name.
        kind: The input.
        outcomes: One a budget.
        shown: What it said of the stream that is only shown.
    """

    peer: str
    detector: str
    kind: str
    outcomes: tuple[Outcome, ...]
    shown: str = ""

    @property
    def name(self) -> str:
        """For sentences."""
        return f"{self.peer} {self.detector} on {self.words}"

    @property
    def words(self) -> str:
        """The input, for a person."""
        return self.kind.replace("_", " ")


def contests(collection: Collection, answers: Sequence[Answer], aim: Aim = Aim.SOON) -> list[Contest]:
    """Every detector on every input it took, judged at every budget."""
    found = []
    for answer in answers:
        for detector, rows in answer.found.items():
            for kind in sorted({key.split(":")[0] for key in rows[0]["alarms"]}):
                trials = [_trial(row, kind) for row in rows]
                outcomes = tuple(
                    judged(detector, trials, collection.streams, b, aim) for b in collection.budgets
                )
                said = _said(collection.shown, outcomes[0], trials)
                found.append(Contest(answer.peer, detector, kind, outcomes, said))
    return found


def drift_table(collection: Collection, answers: Sequence[Answer]) -> Table:
    """Who noticed how much, how late, at which rate of false alarms."""
    held = contests(collection, answers)
    head = ["library", "detector", "fed with"]
    what = "delay" if collection.longest is None else "mean delay"
    head += [f"at {budget:g}: noticed, {what}, false, F1" for budget in collection.budgets]
    head += ["mean F1"] + (["as it happened"] if collection.shown is not None else [])
    rows = []
    for contest in held:
        cells = [contest.peer, contest.detector, contest.words]
        cells += [_cell(collection, outcome) for outcome in contest.outcomes]
        cells.append(f"{mean_f1(contest):.2f}" if keeps(contest) else "over budget")
        rows.append((*cells, contest.shown) if collection.shown is not None else tuple(cells))
    rows += [
        (answer.peer, f"failed: {answer.error}", *("-" for _ in head[2:]))
        for answer in answers
        if answer.error
    ]
    unit = collection.unit
    kind = "medians of what was noticed" if collection.longest is None else "means over all changes"
    note = f"{collection.note} Delays are {kind}, in {unit}; *false* is per 1,000 calm {unit}."
    return Table(collection.title, note, tuple(head), tuple(rows), losses(collection, held))


def losses(collection: Collection, held: Sequence[Contest]) -> tuple[str, ...]:
    """At each budget, the peers that did better than the best of ours; on the whole, by mean F1.

    Better is a shorter mean delay where the collection ranks by it, else a higher F1, then a shorter delay.
    A detector that raised more than half as much again as its budget does not count at that budget, nor on
    the whole.
    """
    said = []
    for i, budget in enumerate(collection.budgets):
        kept = [one for one in held if one.outcomes[i].score.false_rate <= OVER * budget]
        ours = [one for one in kept if one.peer == OURS.name]
        if not ours:
            said.append(f"at {budget:g} none of ours keeps the budget.")
            continue
        best = max(ours, key=lambda one: _rank(collection, one.outcomes[i]))
        mark = _rank(collection, best.outcomes[i])
        own = f"{best.detector} on {best.words} ({_cell(collection, best.outcomes[i])})"
        said += [
            f"at {budget:g}, {one.name} ({_cell(collection, one.outcomes[i])}) beats our {own}."
            for one in kept
            if one.peer != OURS.name and _rank(collection, one.outcomes[i]) > mark
        ]
    held = [one for one in held if keeps(one)]
    mine = max((one for one in held if one.peer == OURS.name), key=mean_f1, default=None)
    if mine is not None:
        said += [
            f"on the whole, {one.name} has a mean F1 of {mean_f1(one):.2f}, our best {mean_f1(mine):.2f}."
            for one in held
            if one.peer != OURS.name and round(mean_f1(one), 2) > round(mean_f1(mine), 2)
        ]
    return tuple(said)


def _rank(collection: Collection, outcome: Outcome) -> tuple[float, float]:
    found = outcome.score
    if collection.longest is not None:
        return -round(found.mean_delay(collection.longest), 1), found.hits
    return round(found.f1, 2), -(found.delay if math.isfinite(found.delay) else math.inf)


def keeps(contest: Contest) -> bool:
    """Whether it stays near every budget."""
    return all(one.score.false_rate <= OVER * one.budget for one in contest.outcomes)


def mean_f1(contest: Contest) -> float:
    """Over the budgets."""
    return float(np.mean([outcome.score.f1 for outcome in contest.outcomes]))


def _trial(row: Mapping[str, Any], kind: str) -> Trial:
    setting = ", ".join(f"{name} {value:g}" for name, value in row["setting"].items() if name != "seed")
    alarms = {
        key.split(":", 1)[1]: as_days(kind, found)
        for key, found in row["alarms"].items()
        if key.startswith(f"{kind}:")
    }
    return Trial(setting, alarms)


def _said(shown: Stream | None, outcome: Outcome, trials: Sequence[Trial]) -> str:
    if shown is None:
        return ""
    trial = next(trial for trial in trials if trial.setting == outcome.settings[0])
    found = score(shown, trial.alarms[shown.name])
    after = f"noticed after {found.delays[0]}" if found.delays else "not noticed"
    return f"{after}, {found.false} before"


def _cell(collection: Collection, outcome: Outcome) -> str:
    found = outcome.score
    longest = collection.longest
    late = found.delay if longest is None else found.mean_delay(longest)
    delay = f"{late:.{0 if longest is None else 1}f}" if math.isfinite(late) else "-"
    return f"{found.hits}/{found.changes}, {delay}, {found.false_rate:.1f}, {found.f1:.2f}"
