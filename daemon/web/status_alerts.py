"""The alerts as shown: what fires, what may, what cannot be judged, and what was over lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import AlertState
from alerts.message import Severity
from alerts.rule import Action, Rule
from daemon.storage.alerts import AlertStore

SHOWN: Final = (AlertState.FIRING, AlertState.NO_DATA, AlertState.PENDING)
"""The states of an alert that is open, in the order in which they are shown."""
LISTED: Final = (*SHOWN, AlertState.RESOLVED)
RECENT: Final = timedelta(days=7)
"""How long an alert that is over is shown."""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that fires, is about to, cannot be judged any more, or is over.

    Attributes:
        rule: The rule's name.
        subject: What it found.
        metric: The rule's metric; "" where the rule is not in force any more.
        summary: The rule in one line; "" likewise.
        false_alarms: How often the rule fires when nothing has changed, in words; "" where not measured.
        severity: How urgent; None likewise.
        action: What it does about trading; None likewise.
        since: The session in which it entered its state.
        sessions: For how many sessions it has been firing, or its condition has held; 0 otherwise.
        value: The reading's last known value, in the metric's unit.
        group: The group it is told in.
        reason: The newest decision about telling it, a value of `alerts.reason.Reason`.
        acknowledged_by: Who takes care of it; "" for nobody.
        silenced: Whether a silence or a maintenance window covers it.
        inhibited: Whether an alert that explains it fires.
        flapping: Whether it fires and resolves too often to be told each time.
        state: Where it stands: firing, pending, no_data or resolved.
    """

    rule: str
    subject: str
    metric: str
    summary: str
    false_alarms: str
    severity: Severity | None
    action: Action | None
    since: date
    sessions: int
    value: float
    group: str = ""
    reason: str = ""
    acknowledged_by: str = ""
    silenced: bool = False
    inhibited: bool = False
    flapping: bool = False
    state: AlertState = AlertState.FIRING


async def read_alerts(connection: AsyncConnection, rules: Mapping[str, Rule]) -> tuple[OpenAlert, ...]:
    """Return the alerts that are listed, those that fire first, of each state the most urgent first."""
    found = []
    for alert in (await AlertStore(connection).all()).values():
        if alert.state not in LISTED:
            continue
        rule = rules.get(alert.rule)
        found.append(
            OpenAlert(
                rule=alert.rule,
                subject=alert.subject,
                metric=rule.metric if rule else "",
                summary=rule.summary if rule else "",
                false_alarms=rule.false_alarms if rule else "",
                severity=rule.severity if rule else None,
                action=rule.action if rule else None,
                since=alert.since,
                sessions=alert.held if alert.state is AlertState.PENDING else alert.fired_for,
                value=alert.value,
                group=alert.marks.group or (rule.place if rule else alert.rule),
                reason=alert.marks.reason.value,
                acknowledged_by=alert.marks.acknowledged_by,
                silenced=alert.marks.silenced,
                inhibited=alert.marks.inhibited,
                flapping=alert.flapping,
                state=alert.state,
            )
        )
    urgency = [None, *Severity]

    def order(one: OpenAlert) -> tuple[int, int, str, str]:
        return LISTED.index(one.state), -urgency.index(one.severity), one.rule, one.subject

    return tuple(sorted(found, key=order))


def recently_over(alerts: Iterable[OpenAlert], session: date) -> tuple[OpenAlert, ...]:
    """Return the alerts that were resolved in the days before a session, the newest first."""
    over = [one for one in alerts if one.state is AlertState.RESOLVED and session - one.since <= RECENT]
    return tuple(sorted(over, key=lambda one: one.since, reverse=True))
