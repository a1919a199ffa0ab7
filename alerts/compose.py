"""Composing: from what changed in a session to the messages that people get."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from alerts.alert import AlertState, AlertTransition
from alerts.message import Event, Finding, Message, Severity
from alerts.rule import Action, Rule, Side
from monitors.reading import Evidence, Reading

PERCENT_METRICS: Final = frozenset(
    {"drawdown", "win_rate_last_20", "execution_failure_rate", "bars_missing_rate", "drift_share"}
)
"""Metrics whose value is a fraction and reads better in per cent."""


def compose(
    rules: Mapping[str, Rule], moved: tuple[AlertTransition, ...], session: date, trading: str
) -> tuple[Message, ...]:
    """Fold a session's transitions into one message a rule and event, the most urgent first.

    Args:
        rules: The rules in force by name.
        moved: The session's transitions; those to and from pending are not told.
        session: The session.
        trading: What the gate is now and what was done, as one clause.
    """
    groups: dict[tuple[str, Event], list[AlertTransition]] = {}
    for move in moved:
        event = _event(move)
        if event is not None:
            groups.setdefault((move.alert.rule, event), []).append(move)
    messages = [
        _message(rules[rule], event, found, session, trading) for (rule, event), found in groups.items()
    ]
    urgency = list(Severity)
    return tuple(sorted(messages, key=lambda m: (-urgency.index(m.severity), m.group, m.event)))


def compose_gate(session: date, title: str, done: str, severity: Severity, *, epoch: int) -> Message:
    """Tell a change of the gate that no firing rule explains, as a person's lift or the return to ACTIVE."""
    return Message(
        key=f"gate/{epoch}",
        group="gate",
        event=Event.GATE,
        severity=severity,
        title=title,
        session=session.isoformat(),
        findings=(),
        done=done,
        runbook="",
    )


def _event(move: AlertTransition) -> Event | None:
    if move.alert.state is AlertState.FIRING:
        return Event.FIRING
    return Event.RESOLVED if move.alert.state is AlertState.RESOLVED else None


def _message(rule: Rule, event: Event, moved: list[AlertTransition], session: date, trading: str) -> Message:
    sign = -1.0 if rule.side is Side.ABOVE else 1.0
    worst = sorted(moved, key=lambda m: (sign * m.reading.value, m.alert.subject))
    return Message(
        key=f"{rule.name}/{session.isoformat()}/{event.value}",
        group=rule.name,
        event=event,
        severity=rule.severity,
        title=rule.summary,
        session=session.isoformat(),
        findings=tuple(_finding(rule, move) for move in worst),
        done=trading,
        runbook=_runbook(rule) if event is Event.FIRING else "",
    )


def _finding(rule: Rule, move: AlertTransition) -> Finding:
    reading = move.reading
    return Finding(
        subject=move.alert.subject,
        value=amount(rule.metric, reading.value),
        limit=_limit(rule, reading),
        samples=reading.n,
        chance=_chance(reading.evidence),
        since=move.alert.began.isoformat(),
    )


def amount(metric: str, value: float) -> str:
    """Return a metric's value as people read it: rates in per cent, the rest in three digits."""
    return f"{value:.1%}" if metric in PERCENT_METRICS else f"{value:.3g}"


def _limit(rule: Rule, reading: Reading) -> str:
    sign = ">" if rule.side is Side.ABOVE else "<"
    limit = reading.threshold if rule.own_limit else rule.threshold
    parts = []
    if limit is not None:
        parts.append(f"{sign} {amount(rule.metric, limit)}")
    if rule.max_p_value is not None:
        parts.append(f"p <= {rule.max_p_value:g}")
    if rule.min_e_value is not None:
        parts.append(f"e >= {rule.min_e_value:g}")
    return ", ".join(parts)


def _chance(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    method = evidence.method.replace("_", " ")
    if evidence.p_value is not None:
        return f"p = {evidence.p_value:.2g}, {method}"
    return f"e = {evidence.e_value:.3g}, {method}"


def _runbook(rule: Rule) -> str:
    noise = f"By chance alone it {rule.false_alarms}." if rule.false_alarms else ""
    latched = rule.action in {Action.CLOSE_ONLY, Action.HALT}
    human = "Only a person lifts this: forewarn trading resume --reason ..." if latched else ""
    return " ".join(part for part in (rule.runbook, noise, human) if part)
