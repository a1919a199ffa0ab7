"""The notice: something to tell about a group of alerts, and everything a look at the alerts came to."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.alert import Alert
from alerts.group import Group
from alerts.message import Event, Severity
from alerts.reason import Reason


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
