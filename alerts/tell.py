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

from alerts.alert import Alert, AlertState, Known, Marks
from alerts.group import Group
from alerts.message import Event, Severity
from alerts.notice import Notice, Telling
from alerts.reason import Reason
from alerts.remind import remind
from alerts.route import URGENCY, Routing
from alerts.rulebook import Rulebook
from alerts.scene import Scene, told_open, worst
from alerts.silence import Quiet

_URGENT_FIRST: Final = (
    Reason.FIRST,
    Reason.NEW_IN_GROUP,
    Reason.RAISED,
    Reason.ROUTED,
    Reason.SILENCE_ENDED,
    Reason.INHIBITION_ENDED,
    Reason.NO_DATA,
    Reason.UNSTEADY,
    Reason.STEADY,
    Reason.RESOLVED,
    Reason.RULE_REMOVED,
)


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
    scene = Scene(book, quiet, routing, firing, session, now)
    members: dict[str, list[Alert]] = {}
    for name in sorted(name for name, alert in alerts.items() if _concerns(alert)):
        members.setdefault(scene.place(alerts[name]), []).append(alerts[name])
    telling = Telling({}, {}, (), {})
    notices = []
    for name, found in sorted(members.items()):
        group = groups.get(name) or Group(name)
        after, news = _tell_group(scene, group, found, telling)
        after, reminder = remind(scene, after, [telling.alerts[one.fingerprint] for one in found], telling)
        if after != group:
            telling.groups[name] = after
        notices += [one for one in (news, reminder) if one]
    for alert in [*telling.alerts.values()]:
        old = alerts[alert.fingerprint]
        if alert is old or alert == old:
            del telling.alerts[alert.fingerprint]
    notices.sort(key=lambda notice: (-URGENCY[notice.severity], notice.group))
    return replace(telling, notices=tuple(notices))


def _concerns(alert: Alert) -> bool:
    marks = alert.marks
    return alert.is_open or bool(marks.known) or marks.silenced or marks.inhibited or alert.flapping


def _tell_group(
    scene: Scene, group: Group, found: Iterable[Alert], telling: Telling
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
    severity = worst(one.severity for one in news)
    group = _continued(scene, group, severity)
    if not known:  # whoever was told the worst of it is told its end
        severity = group.severity
    reason, event = _reason(news, is_over=not known), _event(news, known)
    lead = max(news, key=lambda one: (URGENCY[one.severity], one.alert.rule)).alert
    route = scene.routing.find(severity, lead.rule, group.name)
    channels = scene.routing.open(route.channels, severity) if route else ()
    if channels or not known:  # who was escalated to hears how it goes on, and its end in any case
        channels = scene.routing.open((*channels, *group.escalated_to), severity)
    notice = Notice(
        group=group.name,
        episode=group.episode,
        event=event,
        reason=reason,
        severity=severity,
        open=told_open(members),
        over=tuple(one.alert for one in news if one.over),
        channels=channels,
        fallback=route.fallback if route else (),
    )
    waits = route is not None and route.digest is not None and not group.escalated_to
    if route and waits and severity is Severity.INFO and notice.channels:
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
    scene: Scene, group: Group, alert: Alert, reasons: dict[str, Reason]
) -> tuple[Alert, _News | None]:
    """Mark one alert; return it beside what is new about it."""
    marks, name = alert.marks, alert.fingerprint
    held = scene.hush(alert) if alert.is_open or marks.known or alert.flapping else None
    silenced, inhibited = held in (Reason.SILENCED, Reason.MAINTENANCE), held is Reason.INHIBITED
    same = silenced is marks.silenced and inhibited is marks.inhibited
    after = marks if same else replace(marks, silenced=silenced, inhibited=inhibited)
    if held is not None:
        reasons[name] = held
        return _marked(alert, after if after.reason is held else replace(after, reason=held)), None
    want = scene.wanted(alert)
    again = _again(scene, group, alert) if want is marks.known else None
    if want is marks.known and again is None:
        if alert.flapping:
            reasons[name] = Reason.FLAPPING
        elif marks.silenced or marks.inhibited:  # it ended while it was held back
            reasons[name] = marks.reason
        return _marked(alert, after), None
    if want is Known.FIRING and marks.known is Known.BLIND:  # people know that it fires
        return replace(alert, marks=replace(after, known=want)), None
    over = want is Known.NOTHING
    reason = reasons[name] = again or _why(scene, group, alert, want)
    severity = scene.severity(alert, group)  # of what people knew, where it is over
    after = replace(after, known=want, group="" if over else group.name, reason=reason)
    alert = replace(alert, marks=after)
    return alert, _News(alert, reason, severity if over else scene.severity(alert, group), over)


def _marked(alert: Alert, marks: Marks) -> Alert:
    """Return the alert under other marks; itself where they are the same."""
    return alert if marks is alert.marks else replace(alert, marks=marks)


def _again(scene: Scene, group: Group, alert: Alert) -> Reason | None:
    """Return why an alert about which nothing is new is told: nobody had heard of it, or it is worse now."""
    marks, reason = alert.marks, None
    if not marks.known or marks.reason is Reason.DIGESTED:
        return None
    if marks.told_at is None:  # no channel took it
        reason = Reason.ROUTED
    elif marks.known is Known.FIRING and group.is_open:
        worse = URGENCY[scene.severity(alert, group)] > URGENCY[group.severity]
        reason = Reason.RAISED if worse else None
    return reason if reason is not None and scene.reaches(alert, group) else None


def _why(scene: Scene, group: Group, alert: Alert, want: Known) -> Reason:
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


def _continued(scene: Scene, group: Group, severity: Severity) -> Group:
    """Return the group in its present spell, or at the beginning of a new one."""
    if group.is_open:
        return replace(group, severity=worst((group.severity, severity)))
    if group.began is None or group.began < scene.session:
        return Group(group.name, scene.session, 1, True, severity)
    # A spell of a session before the one that had the last goes on counting there: no name comes twice.
    return Group(group.name, group.began, group.count + 1, True, severity)


def _mark(telling: Telling, alert: Alert, reason: Reason, told_at: datetime | None) -> None:
    marks = replace(alert.marks, reason=reason, told_at=told_at, escalated_at=None)
    telling.reasons[alert.fingerprint] = reason
    telling.alerts[alert.fingerprint] = replace(alert, marks=marks)
