"""The group: alerts that are told in one message, and what people were last told about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from alerts.message import Message, Severity
from alerts.reason import Reason


@dataclass(frozen=True, slots=True)
class Group:
    """What people know about a group of alerts.

    Attributes:
        name: The group.
        began: The session in which the present or last spell of telling began; None before the first.
        count: Which spell of that session it is, from 1.
        is_open: Whether something is told that is not over.
        severity: The worst severity told in the spell: its end concerns the same people.
        told_at: When the spell's newest message was written, aware UTC.
        reason: The newest decision.
        notes: Messages that wait for a digest; only for the group of a digest.
        escalated_to: The channels the spell was escalated to: they hear how it goes on, and its end.
    """

    name: str
    began: date | None = None
    count: int = 0
    is_open: bool = False
    severity: Severity = Severity.INFO
    told_at: datetime | None = None
    reason: Reason = Reason.UNCHANGED
    notes: tuple[Message, ...] = ()
    escalated_to: tuple[str, ...] = ()

    @property
    def episode(self) -> str:
        """The name of the spell: the session in which it began, and a count where that began several."""
        day = self.began.isoformat() if self.began else ""
        return f"{day}#{self.count}" if self.count > 1 else day
