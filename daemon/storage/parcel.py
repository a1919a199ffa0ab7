"""The parcel: one message on its way to one channel, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from alerts.message import Severity

URGENCY: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}

GROUP_PREFIX: Final = "folded."
"""A channel's digests of folded messages are the groups `folded.CHANNEL`; they are not folded again."""


class Status(StrEnum):
    """Where a message stands on its way to one channel."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    RETRY = "retry"
    UNKNOWN = "unknown"
    FOLDED = "folded"
    SUPERSEDED = "superseded"


WAITING: Final = frozenset({Status.PENDING, Status.RETRY})
"""Surely has not arrived."""

UNSENT: Final = WAITING | {Status.CLAIMED, Status.UNKNOWN}
"""The channel has not taken it, as far as is known."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A row that its channel has not taken yet, without its message.

    Attributes:
        group: The alert group.
        revision: Which message of the group, 1, 2, 3...
        channel: Where it goes.
        episode: The spell of firing, "" where there is none.
        event: What happened, a value of `Event`.
        severity: 0 info, 1 warning, 2 critical.
        status: Pending, claimed, retry or unknown.
        faults: Sends that failed while the channel worked.
        created_at: When it was decided.
        due_at: When it may be tried, the machine's time.
        tried_at: When a send of it was last under way, the machine's time; None where never.
        leased_until: Until when its claim holds; None where it has none.
        told: Whether the channel took an earlier message of the same group and episode.
        subjects: Whom it names, where other messages of its group wait too; else empty.
        lists_all: Whether it names all it is about; where not, it counts the others.
        behind: Whether an earlier message of its group is told in a digest that has not arrived yet.
    """

    group: str
    revision: int
    channel: str
    episode: str
    event: str
    severity: int
    status: Status
    faults: int
    created_at: datetime
    due_at: datetime
    tried_at: datetime | None = None
    leased_until: datetime | None = None
    told: bool = False
    subjects: frozenset[str] = frozenset()
    lists_all: bool = True
    behind: bool = False

    @property
    def key(self) -> str:
        """The name of the message: GROUP/REVISION."""
        return f"{self.group}/{self.revision}"

    @property
    def is_digest(self) -> bool:
        """Whether it tells messages that were folded."""
        return self.group.startswith(GROUP_PREFIX)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way to one channel, claimed by a sender.

    Attributes:
        group: The alert group.
        revision: Which message of the group, 1, 2, 3...
        channel: Where it goes.
        severity: 0 info, 1 warning, 2 critical.
        message: The message, JSON-safe.
        attempts: Sends that have ended before this one.
        faults: Those of them that failed while the channel worked.
        copies: Those of them whose reply was lost, so that each may have arrived.
        unknown: Whether an earlier send may have arrived.
        living: The receiver's reference of the newest message of the same group and episode, "" for none.
        written_at: When it was written, the machine's time.
        tried_at: When an earlier send was last under way, the machine's time; None for none.
        current: Whether it is the newest word about an alert that is not over.
    """

    group: str
    revision: int
    channel: str
    severity: int
    message: dict[str, Any]
    attempts: int
    faults: int
    copies: int
    unknown: bool
    living: str
    written_at: datetime
    tried_at: datetime | None
    current: bool = False

    @property
    def key(self) -> str:
        """The name of the message: GROUP/REVISION."""
        return f"{self.group}/{self.revision}"
