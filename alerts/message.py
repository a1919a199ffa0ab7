"""The message: what a person is told about a group of alerts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How urgently a person is needed."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Event(StrEnum):
    """What happened to the group of alerts."""

    FIRING = "firing"
    RESOLVED = "resolved"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert of the group, in words and numbers.

    Attributes:
        subject: What was measured, as a feature's name or `account`.
        value: What was measured, formatted with its unit.
        limit: The threshold it is compared with, formatted, with its direction (`> 0.2`).
        samples: How many observations the value rests on.
        chance: How likely it is by chance, in words (`p = 0.004, own windows`), or "".
        since: The session in which the condition began, ISO date.
    """

    subject: str
    value: str
    limit: str
    samples: int
    chance: str
    since: str


@dataclass(frozen=True, slots=True)
class Message:
    """Everything a channel needs; it renders this and adds nothing.

    Attributes:
        key: Unique name of this delivery unit (group and revision): the idempotency key.
        group: Which alert group it belongs to (the rule's name).
        event: What happened.
        severity: How urgent it is.
        title: One line: what and where.
        session: The session it speaks about, ISO date.
        findings: The alerts of the group, worst first.
        done: What Forewarn did about it, as `Trading is REDUCE_ONLY (epoch 7)`.
        runbook: What the reader can do.
    """

    key: str
    group: str
    event: Event
    severity: Severity
    title: str
    session: str
    findings: tuple[Finding, ...]
    done: str
    runbook: str
