"""Telling: who is told what about the alerts now, and why, or why not.

Pure and level-triggered: it compares the alerts as they are with what people were last told about each group.
Run again on the same input, it tells nothing; run late, it tells what still holds. So it may be run after
every judgement, every few seconds, and after a crash. It reads alerts and never decides one: what a firing
alert demands of trading stands, whether people are told of it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from alerts.alert import Alert, AlertState, Known, is_blind
from alerts.group import Group
from alerts.message import Event, Severity
from alerts.reason import Reason
from alerts.route import URGENCY, Route, Routing
from alerts.rulebook import Rulebook
from alerts.silence import Quiet

_URGENT_FIRST: Final = (
    Reason.FIRST,
    Reason.NEW_IN_GROUP,
    Reason.SILENCE_ENDED,
    Reason.INHIBITION_ENDED,
    Reason.NO_DATA,
    Reason.UNSTEADY,
    Reason.STEADY,
    Reason.RESOLVED,
    Reason.RULE_REMOVED,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell about a group.

    Attributes:
        group: The group.
        episode: The spell of telling it belongs to.
        event: What happened.
        reason: Why people are told now.
        severity: How urgent it is.
        open: The alerts that are told as they stand.
        over: The alerts that have just ended.
        channels: Where it goes; empty where a digest collects it.
        fallback: Where it goes, in turn, when a channel cannot take it.
        digest: The route whose digest collects it, or "".
    """

    group: str
    episode: str
    event: Event
    reason: Reason
    severity: Severity
    open: tuple[Alert, ...]
    over: tuple[Alert, ...]
    channels: tuple[str, ...]
    fallback: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What came of it.

    Attributes:
        alerts: The alerts whose marks changed, by fingerprint.
        groups: The groups that changed, by name.
        notices: What to tell, the most urgent first.
        reasons: Why each alert that a decision was made about is told, or is not, by fingerprint.
    """

    alerts: dict[str, Alert]
    groups: dict[str, Group]
    notices: tuple[Notice, ...]
    reasons: dict[str, Reason]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every decision reads."""

    book: Rulebook
    quiet: Quiet
    routing: Routing
    firing: frozenset[str]
    session: date
    now: datetime

    def place(self, alert: Alert) -> str:
        rule = self.book.get(alert.rule)
        return alert.marks.group or (rule.place if rule else alert.rule)

    def severity(self, alert: Alert, group: Group) -> Severity:
        """Return how urgent an alert is; that something cannot be judged is a warning, whatever it is."""
        rule = self.book.get(alert.rule)
        if alert.marks.known in (Known.NO_DATA, Known.BLIND):
            return Severity.WARNING
        return rule.severity if rule else group.severity

    def hush(self, alert: Alert) -> Reason | None:
        """Return why an alert is held back; None where it is not."""
        rule = self.book.get(alert.rule)
        held = self.quiet.why(alert.rule, self.place(alert), alert.subject, self.now)
        if held is None and rule is not None and not self.firing.isdisjoint(rule.inhibited_by):
            return Reason.INHIBITED
        return held

    def wanted(self, alert: Alert) -> Known:
        """Return what people should know about an alert."""
        if alert.flapping:
            return Known.FLAPPING
        if alert.state is AlertState.FIRING:
            rule = self.book.get(alert.rule)
            return Known.BLIND if rule is not None and is_blind(alert, rule) else Known.FIRING
        return Known.NO_DATA if alert.state is AlertState.NO_DATA else Known.NOTHING


@dataclass(frozen=True, slots=True)
class _News:
    """An alert about which people do not know what they should."""

    alert: Alert
    reason: Reason
    severity: Severity
    over: bool


def tell(
    book: Rulebook,
    alerts: Mapping[str, Alert],
    groups: Mapping[str, Group],
    quiet: Quiet,
    routing: Routing,
    session: date,
    now: datetime,
) -> Telling:
    """Decide what people are told now.

    Args:
        book: The rules in force.
        alerts: By fingerprint: at least every alert that is open or of which people were told something.
        groups: What people know, by group.
        quiet: The silences and maintenance windows.
        routing: Where messages go.
        session: The newest session.
        now: The instant, aware UTC.
    """
    firing = frozenset(alert.rule for alert in alerts.values() if alert.state is AlertState.FIRING)
    scene = _Scene(book, quiet, routing, firing, session, now)
    members: dict[str, list[Alert]] = {}
    for name in sorted(name for name, alert in alerts.items() if _concerns(alert)):
        members.setdefault(scene.place(alerts[name]), []).append(alerts[name])
    telling = Telling({}, {}, (), {})
    notices = []
    for name, found in sorted(members.items()):
        group = groups.get(name) or Group(name)
        after, news = _tell_group(scene, group, found, telling)
        after, reminder = _remind(scene, after, [telling.alerts[one.fingerprint] for one in found], telling)
        if after != group:
            telling.groups[name] = after
        notices += [one for one in (news, reminder) if one]
    for alert in [*telling.alerts.values()]:
        if alert == alerts[alert.fingerprint]:
            del telling.alerts[alert.fingerprint]
    notices.sort(key=lambda notice: (-URGENCY[notice.severity], notice.group))
    return replace(telling, notices=tuple(notices))


def _concerns(alert: Alert) -> bool:
    marks = alert.marks
    return alert.is_open or bool(marks.known) or marks.silenced or marks.inhibited or alert.flapping


def _tell_group(
    scene: _Scene, group: Group, found: Iterable[Alert], telling: Telling
) -> tuple[Group, Notice | None]:
    """Decide about the news of one group; write its alerts' marks and reasons into `telling`."""
    members, news = [], []
    for alert in found:
        marked, one = _tell_alert(scene, group, alert, telling.reasons)
        members.append(marked)
        news += [one] if one else []
    for alert in members:
        telling.alerts[alert.fingerprint] = alert
    if not news:
        return group, None
    known = [alert for alert in members if alert.marks.known]
    severity = _worst(one.severity for one in news)
    group = _continued(scene, group, severity)
    if not known:  # whoever was told the worst of it is told its end
        severity = group.severity
    reason, event = _reason(news, is_over=not known), _event(news, known)
    lead = max(news, key=lambda one: (URGENCY[one.severity], one.alert.rule)).alert
    route = scene.routing.find(severity, lead.rule, group.name)
    notice = Notice(
        group=group.name,
        episode=group.episode,
        event=event,
        reason=reason,
        severity=severity,
        open=_told_open(members),
        over=tuple(one.alert for one in news if one.over),
        channels=scene.routing.open(route.channels, severity) if route else (),
        fallback=route.fallback if route else (),
    )
    if route and route.digest and severity is Severity.INFO and notice.channels:
        notice = replace(notice, channels=(), digest=route.name)
    elif not notice.channels:
        reason = scene.routing.why_none(route)
    told = Reason.DIGESTED if notice.digest else reason
    group = replace(group, is_open=bool(known), reason=told)
    if told.told:
        group = replace(group, told_at=scene.now)
    for one in news:
        _mark(telling, one.alert, one.reason if told.told else told, scene.now if told.told else None)
    return group, notice if notice.channels or notice.digest else None


def _tell_alert(
    scene: _Scene, group: Group, alert: Alert, reasons: dict[str, Reason]
) -> tuple[Alert, _News | None]:
    """Mark one alert; return it beside what is new about it."""
    marks, name = alert.marks, alert.fingerprint
    held = scene.hush(alert) if alert.is_open or marks.known or alert.flapping else None
    silenced, inhibited = held in (Reason.SILENCED, Reason.MAINTENANCE), held is Reason.INHIBITED
    after = replace(marks, silenced=silenced, inhibited=inhibited)
    if held is not None:
        reasons[name] = held
        return replace(alert, marks=replace(after, reason=held)), None
    want = scene.wanted(alert)
    if want is marks.known:
        if alert.flapping:
            reasons[name] = Reason.FLAPPING
        elif marks.silenced or marks.inhibited:  # it ended while it was held back
            reasons[name] = marks.reason
        return replace(alert, marks=after), None
    if want is Known.FIRING and marks.known is Known.BLIND:  # people know that it fires
        return replace(alert, marks=replace(after, known=want)), None
    over = want is Known.NOTHING
    reason = reasons[name] = _why(scene, group, alert, want)
    severity = scene.severity(alert, group)  # of what people knew, where it is over
    after = replace(after, known=want, group="" if over else group.name, reason=reason)
    alert = replace(alert, marks=after)
    return alert, _News(alert, reason, severity if over else scene.severity(alert, group), over)


def _why(scene: _Scene, group: Group, alert: Alert, want: Known) -> Reason:
    marks = alert.marks
    if want is Known.FLAPPING:
        return Reason.UNSTEADY
    if marks.known is Known.FLAPPING:
        return Reason.STEADY
    if want is Known.NOTHING:
        return Reason.RESOLVED if scene.book.covers(alert.rule, alert.subject) else Reason.RULE_REMOVED
    if want is not Known.FIRING:
        return Reason.NO_DATA
    if marks.silenced or marks.inhibited:
        return Reason.SILENCE_ENDED if marks.silenced else Reason.INHIBITION_ENDED
    return Reason.NEW_IN_GROUP if group.is_open else Reason.FIRST


def _reason(news: list[_News], *, is_over: bool) -> Reason:
    reason = min((one.reason for one in news), key=_URGENT_FIRST.index)
    return Reason.SOME_RESOLVED if reason is Reason.RESOLVED and not is_over else reason


def _event(news: list[_News], known: list[Alert]) -> Event:
    if not known:
        return Event.RESOLVED
    blind = all(one.reason is Reason.NO_DATA for one in news)
    only = all(alert.marks.known is Known.NO_DATA for alert in known)
    return Event.NO_DATA if blind or only else Event.FIRING


def _continued(scene: _Scene, group: Group, severity: Severity) -> Group:
    """Return the group in its present spell, or at the beginning of a new one."""
    if group.is_open:
        return replace(group, severity=_worst((group.severity, severity)))
    count = group.count + 1 if group.began == scene.session else 1
    return Group(group.name, scene.session, count, True, severity)


def _remind(
    scene: _Scene, group: Group, members: list[Alert], telling: Telling
) -> tuple[Group, Notice | None]:
    """Decide whether a group is told again, because nobody reacts."""
    told = [alert for alert in members if _is_asked(alert)]
    waiting = [alert for alert in told if not alert.marks.is_acknowledged(scene.now)]
    if not told:
        return group, None
    severity = _worst(scene.severity(alert, group) for alert in waiting or told)
    lead = max(waiting or told, key=lambda alert: (URGENCY[scene.severity(alert, group)], alert.rule))
    route = scene.routing.find(severity, lead.rule, group.name)
    due = _due(scene, group, route, waiting or told) if route else None
    if route is None or due is None:
        return group, None
    if not waiting:
        return replace(group, reason=Reason.ACKNOWLEDGED), None
    escalates = due is Reason.ESCALATED
    channels = scene.routing.open(route.escalate_to if escalates else route.channels, severity)
    if not channels:
        return replace(group, reason=scene.routing.why_none(route)), None
    if escalates:
        for alert in waiting:
            marks = replace(alert.marks, escalated_at=scene.now)
            telling.alerts[alert.fingerprint] = replace(alert, marks=marks)
    members = [telling.alerts[alert.fingerprint] for alert in members]
    return replace(group, reason=due, told_at=scene.now), Notice(
        group=group.name,
        episode=group.episode,
        event=Event.REMINDER,
        reason=due,
        severity=severity,
        open=_told_open(members),
        over=(),
        channels=channels,
        fallback=route.fallback,
    )


def _due(scene: _Scene, group: Group, route: Route, waiting: list[Alert]) -> Reason | None:
    """Return why a group is to be told again now; None where it is not."""
    after, repeat = route.escalate_after, route.repeat
    if after is not None and any(_is_overdue(alert, scene.now - after) for alert in waiting):
        return Reason.ESCALATED
    if repeat is not None and group.told_at is not None and scene.now - group.told_at >= repeat:
        return Reason.REPEAT
    return None


def _is_overdue(alert: Alert, since: datetime) -> bool:
    asked, escalated = alert.marks.asked_at, alert.marks.escalated_at
    return asked is not None and asked <= since and (escalated is None or escalated < asked)


def _is_asked(alert: Alert) -> bool:
    """Tell whether people were told of an alert that stands and is not held back."""
    marks = alert.marks
    told = marks.told_at is not None and marks.known in (Known.FIRING, Known.BLIND, Known.NO_DATA)
    return told and alert.is_open and not (marks.silenced or marks.inhibited)


def _told_open(members: list[Alert]) -> tuple[Alert, ...]:
    return tuple(
        alert
        for alert in members
        if alert.marks.known and not alert.marks.silenced and not alert.marks.inhibited
    )


def _mark(telling: Telling, alert: Alert, reason: Reason, told_at: datetime | None) -> None:
    marks = replace(alert.marks, reason=reason, told_at=told_at, escalated_at=None)
    telling.reasons[alert.fingerprint] = reason
    telling.alerts[alert.fingerprint] = replace(alert, marks=marks)


def _worst(severities: Iterable[Severity]) -> Severity:
    return max(severities, key=URGENCY.__getitem__)
