"""The whole: one number a detector over all recorded drift, with its definition beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.peers.asking import Answer
from bench.peers.environments import OURS
from bench.peers.tables import Table, flowing
from bench.real_drift.budget import Aim
from bench.real_drift.collection import Collection
from bench.real_drift.report import Contest, contests, keeps, mean_f1

NOTE = """The total of a detector is the sum over these collections of its mean F1 over their budgets, on the
input that suits it best in each. Only detectors that ran on every collection have one; what raises more than
half as much again as a budget on every input is marked *. A setting is chosen on the other streams, within
the budget, in two ways: to notice most, then soonest (which spends the whole budget of false alarms, that F1
then charges for; the tables above are of this kind), and for F1 itself, then soonest. A loss is a total of a
peer above that of ours, or a collection in which it is ahead."""

Row = tuple[str, str]  # library and detector


def whole_table(collections: Sequence[Collection], answers: Sequence[Sequence[Answer]]) -> Table:
    """The total of every detector that ran on all collections, tuned either way.

    Args:
        collections: Of streams.
        answers: To each collection, in order.
    """
    by_aim = {aim: _sums(collections, answers, aim) for aim in Aim}
    rows, losses = [], []
    for aim, found in by_aim.items():
        ranked = sorted(found, key=lambda row: -sum(value for value, _ in found[row]))
        rows += [
            (
                row[0],
                row[1],
                aim.value,
                *map(_cell, found[row]),
                f"{sum(value for value, _ in found[row]):.2f}",
            )
            for row in ranked
        ]
        losses += _losses(collections, aim, found)
    titles = (one.title.removeprefix("Real drift: ") for one in collections)
    head = ("library", "detector", "tuned", *titles, "total")
    return Table("Real drift: the total", flowing(NOTE), head, tuple(rows), tuple(losses))


def _sums(
    collections: Sequence[Collection], answers: Sequence[Sequence[Answer]], aim: Aim
) -> dict[Row, list[tuple[float, bool]]]:
    """Of every detector the best mean F1 in each collection, and whether it kept the budgets."""
    found: dict[Row, list[tuple[float, bool]]] = {}
    for collection, given in zip(collections, answers, strict=True):
        inputs: dict[Row, list[Contest]] = {}
        for contest in contests(collection, given, aim):
            inputs.setdefault((contest.peer, contest.detector), []).append(contest)
        for row, held in inputs.items():
            best = max(held, key=lambda one: (keeps(one), mean_f1(one)))
            found.setdefault(row, []).append((mean_f1(best), keeps(best)))
    return {row: values for row, values in found.items() if len(values) == len(collections)}


def _losses(
    collections: Sequence[Collection], aim: Aim, found: Mapping[Row, Sequence[tuple[float, bool]]]
) -> list[str]:
    ours = [row for row in found if row[0] == OURS.name]
    if not ours:
        return []
    totals = {row: sum(value for value, _ in values) for row, values in found.items()}
    best = max(ours, key=lambda row: totals[row])
    said = []
    for row, values in found.items():
        if row[0] == OURS.name:
            continue
        if round(totals[row], 2) > round(totals[best], 2):
            said.append(
                f"tuned {aim}, {row[0]} {row[1]} has a total of {totals[row]:.2f}, our {best[1]} "
                f"{totals[best]:.2f}."
            )
        ahead = [
            f"{collection.title.removeprefix('Real drift: ')} ({their:.2f} against {own:.2f})"
            for collection, (their, kept), (own, _) in zip(collections, values, found[best], strict=True)
            if kept and round(their, 2) > round(own, 2)
        ]
        if ahead:
            said.append(f"tuned {aim}, {row[0]} {row[1]} is ahead of our {best[1]} in {', '.join(ahead)}.")
    return said


def _cell(found: tuple[float, bool]) -> str:
    value, kept = found
    return f"{value:.2f}{'' if kept else '*'}"
