"""Composing: from what is to be told to the messages that people get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from alerts.alert import Alert, AlertState
from alerts.message import Curve, Event, Finding, Message, Severity, Trading
from alerts.notice import Notice
from alerts.reason import Reason
from alerts.route import URGENCY
from alerts.rule import Rule, Side
from alerts.rulebook import Rulebook
from monitors.reading import Evidence, Reading

PERCENT_METRICS: Final = frozenset(
    {"drawdown", "win_rate_last_20", "execution_failure_rate", "bars_missing_rate", "drift_share"}
)
"""Metrics whose value is a fraction and reads better in per cent."""

LARGE: Final = 1e6
"""Above that a value is no rate any more, and no seconds that anybody counts."""

FINDINGS: Final = 12
"""Findings a message lists at most; the others are counted."""


def compose(
    notice: Notice,
    book: Rulebook,
    session: date,
    now: datetime,
    *,
    done: str = "",
    trading: Trading | None = None,
    curve: Curve | None = None,
    last_known: Mapping[str, Reading] | None = None,
) -> Message:
    """Put a notice into words: the whole group as it stands, the worst alert first.

    Args:
        notice: What to tell.
        book: The rules in force.
        session: The newest session.
        now: The instant of the decision, aware UTC.
        done: What the gate is now and what was done, as one clause.
        trading: The gate.
        curve: The worst alert's metric over time.
        last_known: By fingerprint, the newest reading that could be judged, for alerts without data.
    """
    told = worst_first(notice, book)
    measured = last_known or {}
    findings = tuple(_finding(one, book.get(one.rule), measured.get(one.fingerprint)) for one in told)
    return Message(
        key=f"{notice.group}/{notice.episode}",
        group=notice.group,
        event=notice.event,
        severity=notice.severity,
        title=_title(notice, told, book),
        session=session.isoformat(),
        findings=findings[:FINDINGS],
        done=done,
        runbook="" if notice.event is Event.RESOLVED else _runbooks(told, book, findings),
        episode=notice.episode,
        reason=notice.reason.value,
        at=now.isoformat(),
        others=max(len(findings) - FINDINGS, 0),
        trading=trading,
        curve=curve,
        acknowledged_by=", ".join(
            sorted({one.marks.acknowledged_by for one in notice.open if one.marks.is_acknowledged(now)})
        ),
    )


def worst_first(notice: Notice, book: Rulebook) -> tuple[Alert, ...]:
    """Return the alerts a notice speaks of: the most urgent rule first, within a rule the worst value."""

    def order(alert: Alert) -> tuple[bool, int, str, float, str]:
        rule = book.get(alert.rule)
        urgency = URGENCY[rule.severity] if rule else 0
        sign = 1.0 if rule is not None and rule.side is Side.BELOW else -1.0
        blind = alert.state is AlertState.NO_DATA
        value = sign * alert.value if alert.value == alert.value else 0.0
        return blind, -urgency, alert.rule, value, alert.subject

    return tuple(sorted(notice.open or notice.over, key=order))


def compose_gate(
    session: date,
    title: str,
    done: str,
    severity: Severity,
    *,
    epoch: int,
    at: datetime | None = None,
    trading: Trading | None = None,
    reason: Reason = Reason.GATE,
) -> Message:
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
        episode=f"epoch {epoch}",
        reason=reason.value,
        at=at.isoformat() if at else "",
        trading=trading,
    )


def _title(notice: Notice, told: tuple[Alert, ...], book: Rulebook) -> str:
    names = list(dict.fromkeys(alert.rule for alert in told))
    lead = book.get(names[0]) if names else None
    title = lead.summary if lead else f"Rule {names[0] if names else notice.group} is no longer in force"
    return f"{title} (and {len(names) - 1} more of {notice.group})" if len(names) > 1 else title


def _finding(alert: Alert, rule: Rule | None, last: Reading | None) -> Finding:
    if last is not None:
        alert = replace(alert, value=last.value, n=last.n, threshold=last.threshold, evidence=last.evidence)
    return Finding(
        subject=alert.subject,
        value=amount(rule.metric if rule else "", alert.value),
        limit=limit_of(rule, alert.threshold) if rule else "",
        samples=alert.n,
        chance=_chance(alert.evidence),
        since=alert.began.isoformat(),
        false_alarms=rule.false_alarms if rule else "",
    )


def amount(metric: str, value: float) -> str:
    """Return a metric's value as people read it: rates in per cent, seconds whole, the rest three digits.

    Above a million, three digits are enough for each.
    """
    if abs(value) > LARGE:
        return f"{value:.3g} s" if metric.endswith("_s") else f"{value:.3g}"
    if metric.endswith("_s"):
        return f"{value:,.0f} s"
    return f"{value:.1%}" if metric in PERCENT_METRICS or metric.endswith("_rate") else f"{value:.3g}"


def limit_of(rule: Rule, own: float | None) -> str:
    """Return what a rule asks for, effect and evidence; `own` is the limit its reading brought."""
    sign = ">" if rule.side is Side.ABOVE else "<"
    limit = own if rule.own_limit else rule.threshold
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


def _runbooks(told: tuple[Alert, ...], book: Rulebook, findings: tuple[Finding, ...]) -> str:
    """Return what to do about the leading rule, and under which rules only a person lifts the pause.

    How often it fires by chance is said here where the worst finding says something else about chance.
    """
    rules = [rule for name in dict.fromkeys(alert.rule for alert in told) if (rule := book.get(name))]
    if not rules:
        return ""
    lead = rules[0]
    noise = f"By chance alone it {lead.false_alarms}." if lead.false_alarms and findings[0].chance else ""
    latched = any(rule.latches for rule in rules)
    human = "Only a person lifts this: forewarn trading resume --reason ..." if latched else ""
    return " ".join(part for part in (lead.runbook, noise, human) if part)
