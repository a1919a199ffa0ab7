"""The alert: a rule's condition on one subject, followed from session to session.

States: inactive -> pending -> firing -> resolved (-> pending ...). `evaluate` is the whole state machine: a
pure function from the saved alerts and one session's readings to the next alerts and what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from alerts.rule import Rule, Verdict, fingerprint
from monitors.reading import Reading


class AlertState(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule on one subject.

    Attributes:
        rule: The rule's name.
        subject: What the rule found.
        state: Where it stands.
        since: The session in which it entered the state.
        began: The session in which the condition of the present or last episode began.
        held: Consecutive sessions the condition has held while pending.
        fired_for: Sessions it has been firing, the present one included; 0 unless firing.
        value: The reading's last known value.
    """

    rule: str
    subject: str
    state: AlertState
    since: date
    began: date
    held: int
    fired_for: int
    value: float

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint(self.rule, self.subject)


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """An alert that entered another state, and the reading that moved it."""

    alert: Alert
    before: AlertState
    reading: Reading


def evaluate(
    rules: Iterable[Rule], alerts: Mapping[str, Alert], readings: Iterable[Reading], session: date
) -> tuple[dict[str, Alert], tuple[AlertTransition, ...]]:
    """Advance every alert by one session.

    Rules that others confirm are advanced first, so that a confirmation counts in the session it arrives. A
    reading without data moves nothing: a firing alert keeps firing and a pending one keeps its count, but
    what had no data this session confirms nothing.

    Args:
        rules: The rules in force, unique names.
        alerts: The saved alerts by fingerprint; those whose rule is gone are kept untouched.
        readings: The session's readings.
        session: The session.

    Returns:
        Every alert by fingerprint, and the transitions of this session.
    """
    after = dict(alerts)
    judged: set[str] = set()
    moved: list[AlertTransition] = []
    by_metric: dict[str, list[Reading]] = {}
    for reading in readings:
        by_metric.setdefault(reading.metric, []).append(reading)
    for rule in in_order(rules):
        witnesses = [after[name] for name in judged if after[name].rule in rule.confirmed_by]
        confirmed = not rule.confirmed_by or any(one.state is AlertState.FIRING for one in witnesses)
        for reading in by_metric.get(rule.metric, ()):
            if not rule.covers(reading):
                continue
            name = fingerprint(rule.name, reading.subject)
            old = after.get(name) or _inactive(rule, reading, session)
            new = advance(old, rule, reading, session, confirmed=confirmed)
            if new.state is not AlertState.INACTIVE or name in after:
                after[name] = new
                if rule.test(reading) is not Verdict.NO_DATA:
                    judged.add(name)
            if new.state is not old.state:
                moved.append(AlertTransition(new, old.state, reading))
    return after, tuple(moved)


def advance(alert: Alert, rule: Rule, reading: Reading, session: date, *, confirmed: bool) -> Alert:
    """Advance one alert by one session's reading."""
    verdict = rule.test(reading)
    if verdict is Verdict.NO_DATA:
        return _older(alert)
    alert = replace(alert, value=reading.value)
    if alert.state is AlertState.FIRING:
        alert = _older(alert)
        over = verdict is Verdict.CLEAR and alert.fired_for > rule.dwell_sessions
        return _enter(alert, AlertState.RESOLVED, session) if over else alert
    if verdict is not Verdict.HOLDS:
        quiet = alert.state is AlertState.PENDING
        return _enter(alert, AlertState.INACTIVE, session) if quiet else alert
    if alert.state is not AlertState.PENDING:
        alert = replace(_enter(alert, AlertState.PENDING, session), began=session)
    alert = replace(alert, held=alert.held + 1)
    ripe = alert.held >= rule.for_sessions and confirmed
    return replace(_enter(alert, AlertState.FIRING, session), fired_for=1) if ripe else alert


def in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules with every one after those that confirm it, otherwise by name.

    Raises:
        ValueError: Rules confirm each other in a circle.
    """
    by_name = {rule.name: rule for rule in rules}
    graph = {name: sorted(set(by_name[name].confirmed_by) & by_name.keys()) for name in sorted(by_name)}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        raise ValueError(f"rules confirm each other in a circle: {circle}; take one out") from None


def firing(alerts: Mapping[str, Alert]) -> tuple[Alert, ...]:
    """Return the alerts that fire, in the order of their fingerprints."""
    return tuple(alert for _, alert in sorted(alerts.items()) if alert.state is AlertState.FIRING)


def _inactive(rule: Rule, reading: Reading, session: date) -> Alert:
    return Alert(rule.name, reading.subject, AlertState.INACTIVE, session, session, 0, 0, reading.value)


def _enter(alert: Alert, state: AlertState, session: date) -> Alert:
    return replace(alert, state=state, since=session, held=0, fired_for=0)


def _older(alert: Alert) -> Alert:
    return replace(alert, fired_for=alert.fired_for + 1) if alert.state is AlertState.FIRING else alert
