"""The rulebook: the rules in force, put in order once, so that a reading meets only the rules about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate
from graphlib import CycleError, TopologicalSorter
from typing import Final

from alerts.rule import Rule
from monitors.reading import Reading

_GLOB: Final = re.compile(r"[*?\[]")

Readings = Mapping[str, Mapping[str, Reading]]
"""Readings by metric and subject."""


class Rulebook:
    """Rules by name, in the order in which they are judged, each with a matcher for its subjects.

    A rule that others confirm comes before those, so that a confirmation counts in the session it arrives.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Put rules of unique names in order.

        Raises:
            ValueError: Rules confirm or inhibit each other in a circle.
        """
        self.rules = in_order(rules)
        _sorted({rule.name: rule.inhibited_by for rule in self.rules}, "inhibit")
        self._named = {rule.name: rule for rule in self.rules}
        self._patterns = {
            rule.name: re.compile(translate(rule.subject)).match
            for rule in self.rules
            if _GLOB.search(rule.subject) and rule.subject != "*"
        }

    def get(self, name: str) -> Rule | None:
        """Return the rule of that name, None where it is not in force."""
        return self._named.get(name)

    def covers(self, name: str, subject: str) -> bool:
        """Tell whether a rule is in force and looks at a subject."""
        rule = self._named.get(name)
        return rule is not None and self._matches(rule, subject)

    def meeting(self, readings: Readings) -> Iterator[tuple[Rule, Iterable[Reading]]]:
        """Yield each rule whose metric was read, in order, with the readings it looks at."""
        for rule in self.rules:
            by_subject = readings.get(rule.metric)
            if by_subject is None:
                continue
            if rule.subject == "*":
                yield rule, by_subject.values()
            elif (matches := self._patterns.get(rule.name)) is not None:
                yield rule, [one for subject, one in by_subject.items() if matches(subject)]
            elif (one := by_subject.get(rule.subject)) is not None:
                yield rule, (one,)

    def about(self, metrics: Iterable[str]) -> frozenset[str]:
        """Return the names of the rules that a batch of these metrics can move or that are told with them.

        These are the rules on the metrics, the rules that confirm them, and every rule of their groups.
        """
        wanted = set(metrics)
        moved = [rule for rule in self.rules if rule.metric in wanted]
        places = {rule.place for rule in moved}
        confirming = {name for rule in moved for name in rule.confirmed_by}
        grouped = {rule.name for rule in self.rules if rule.place in places}
        return frozenset(grouped | confirming)

    def _matches(self, rule: Rule, subject: str) -> bool:
        if rule.subject in ("*", subject):
            return True
        pattern = self._patterns.get(rule.name)
        return pattern is not None and pattern(subject) is not None


def in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules with every one after those that confirm it, otherwise by name.

    Raises:
        ValueError: Rules confirm each other in a circle.
    """
    by_name = {rule.name: rule for rule in rules}
    order = _sorted({name: by_name[name].confirmed_by for name in sorted(by_name)}, "confirm")
    return tuple(by_name[name] for name in order)


def _sorted(before: Mapping[str, tuple[str, ...]], verb: str) -> tuple[str, ...]:
    """Return names with every one after those it names; what is not among them is left out."""
    graph = {name: sorted(set(others) & before.keys()) for name, others in before.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        raise ValueError(f"rules {verb} each other in a circle: {circle}; take one out") from None
