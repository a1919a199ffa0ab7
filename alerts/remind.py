"""Reminding: a group is told again, or to others, because nobody reacts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from alerts.alert import Alert, Known
from alerts.group import Group
from alerts.message import Event
from alerts.notice import Notice, Telling
from alerts.reason import Reason
from alerts.route import URGENCY, Route
from alerts.scene import Scene, told_open, worst


def remind(scene: Scene, group: Group, members: list[Alert], telling: Telling) -> tuple[Group, Notice | None]:
    """Decide whether a group is told again, because nobody reacts.

    Args:
        scene: What the decision reads.
        group: The group, its news told.
        members: Its alerts, as they are afterwards.
        telling: Takes the marks of those that are escalated.

    Returns:
        The group afterwards, and what to tell; None for nothing.
    """
    told = [alert for alert in members if _is_asked(alert)]
    waiting = [alert for alert in told if not alert.marks.is_acknowledged(scene.now)]
    if not told:
        return group, None
    severity = worst(scene.severity(alert, group) for alert in waiting or told)
    lead = max(waiting or told, key=lambda alert: (URGENCY[scene.severity(alert, group)], alert.rule))
    route = scene.routing.find(severity, lead.rule, group.name)
    due = _due(scene, group, route, waiting or told) if route else {}
    if route is None or not due:
        return group, None
    if not waiting:
        return replace(group, reason=Reason.ACKNOWLEDGED), None
    open_ = {reason: scene.routing.open(names, severity) for reason, names in due.items()}
    # an escalation that no channel takes holds no repeat up
    reason, channels = next(((why, names) for why, names in open_.items() if names), (None, ()))
    if reason is None:
        return replace(group, reason=scene.routing.why_none(route)), None
    if reason is Reason.ESCALATED:
        for alert in waiting:
            marks = replace(alert.marks, escalated_at=scene.now)
            telling.alerts[alert.fingerprint] = replace(alert, marks=marks)
        group = replace(group, escalated_to=tuple(dict.fromkeys((*group.escalated_to, *channels))))
    return replace(group, reason=reason, told_at=scene.now), Notice(
        group=group.name,
        episode=group.episode,
        event=Event.REMINDER,
        reason=reason,
        severity=severity,
        open=told_open(telling.alerts[alert.fingerprint] for alert in members),
        over=(),
        channels=channels,
        fallback=route.fallback,
    )


def _due(scene: Scene, group: Group, route: Route, waiting: list[Alert]) -> dict[Reason, tuple[str, ...]]:
    """Return why a group is to be told again now, and to whom, what is more urgent first."""
    after, repeat = route.escalate_after, route.repeat
    due = {}
    if after is not None and any(_is_overdue(alert, scene.now - after) for alert in waiting):
        due[Reason.ESCALATED] = route.escalate_to
    if repeat is not None and group.told_at is not None and scene.now - group.told_at >= repeat:
        due[Reason.REPEAT] = route.channels
    return due


def _is_overdue(alert: Alert, since: datetime) -> bool:
    asked, escalated = alert.marks.asked_at, alert.marks.escalated_at
    return asked is not None and asked <= since and (escalated is None or escalated < asked)


def _is_asked(alert: Alert) -> bool:
    """Tell whether people were told of an alert that stands and is not held back."""
    marks = alert.marks
    told = marks.told_at is not None and marks.known in (Known.FIRING, Known.BLIND, Known.NO_DATA)
    return told and alert.is_open and not (marks.silenced or marks.inhibited)
