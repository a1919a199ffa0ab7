"""The scene: rules, wishes for quiet, routes and the instant, as every decision about telling reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from alerts.alert import Alert, AlertState, Known, is_blind
from alerts.group import Group
from alerts.message import Severity
from alerts.reason import Reason
from alerts.route import URGENCY, Routing
from alerts.rulebook import Rulebook
from alerts.silence import Quiet


@dataclass(frozen=True, slots=True)
class Scene:
    """What every decision reads.

    Attributes:
        book: The rules in force.
        quiet: The silences and maintenance windows.
        routing: Where messages go.
        firing: The rules of which an alert fires.
        session: The newest session.
        now: The instant, aware UTC.
    """

    book: Rulebook
    quiet: Quiet
    routing: Routing
    firing: frozenset[str]
    session: date
    now: datetime

    def place(self, alert: Alert) -> str:
        """Return the group an alert is told in."""
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

    def reaches(self, alert: Alert, group: Group) -> bool:
        """Tell whether a channel would take a message about an alert now."""
        severity = self.severity(alert, group)
        route = self.routing.find(severity, alert.rule, group.name)
        return route is not None and bool(self.routing.open(route.channels, severity))


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the most urgent of at least one severity."""
    return max(severities, key=URGENCY.__getitem__)


def told_open(members: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return the alerts of a group that a message tells as they stand."""
    return tuple(
        alert
        for alert in members
        if alert.marks.known and not alert.marks.silenced and not alert.marks.inhibited
    )
