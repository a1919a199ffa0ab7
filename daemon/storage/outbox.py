"""The outbox as stored: one row a message and channel; claim, send, mark, in that order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.message import Severity
from daemon.storage.schema import outbox

URGENCY = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Status(StrEnum):
    """Where a message stands on its way to one channel."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    RETRY = "retry"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way to one channel.

    Attributes:
        group: The alert group.
        revision: Which message of the group, 1, 2, 3...
        channel: Where it goes.
        message: The message, JSON-safe.
        attempts: Sends that have ended before this one.
        unknown: True where an earlier send may have arrived.
    """

    group: str
    revision: int
    channel: str
    message: dict[str, Any]
    attempts: int
    unknown: bool


class OutboxStore:
    """Reads and writes the outbox inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next_revision(self, group: str) -> int:
        """Return the number of a group's next message."""
        found = await self._connection.execute(
            select(func.max(outbox.c.revision)).where(outbox.c.group_ == group)
        )
        return (found.scalar() or 0) + 1

    async def add(
        self,
        group: str,
        revision: int,
        message: dict[str, Any],
        severity: Severity,
        channels: Iterable[str],
        *,
        at: datetime,
        wall: datetime,
    ) -> None:
        """Write a message once for each channel, ready to be sent."""
        rows = [
            {
                "group_": group,
                "revision": revision,
                "channel": channel,
                "severity": URGENCY[severity],
                "message": message,
                "created_at": at,
                "status": Status.PENDING.value,
                "attempts": 0,
                "reference": "",
                "error": "",
                "due_wall_at": wall,
            }
            for channel in channels
        ]
        if rows:
            await self._connection.execute(insert(outbox), rows)

    async def claim(self, channel: str, *, now: datetime, lease_s: float, limit: int) -> tuple[Parcel, ...]:
        """Take the most urgent messages that are due for a channel, for `lease_s` seconds.

        A message whose earlier claim ran out is taken too: its sender died, so whether it arrived is unknown.
        """
        due = and_(
            outbox.c.status.in_([Status.PENDING.value, Status.RETRY.value, Status.UNKNOWN.value]),
            outbox.c.due_wall_at <= now,
        )
        abandoned = and_(outbox.c.status == Status.CLAIMED.value, outbox.c.lease_wall_until <= now)
        query = (
            select(outbox)
            .where(outbox.c.channel == channel, or_(due, abandoned))
            .order_by(outbox.c.severity.desc(), outbox.c.created_at, outbox.c.group_, outbox.c.revision)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        found = (await self._connection.execute(query)).all()
        parcels = tuple(
            Parcel(
                group=row.group_,
                revision=row.revision,
                channel=row.channel,
                message=row.message,
                attempts=row.attempts,
                unknown=row.status in (Status.UNKNOWN.value, Status.CLAIMED.value),
            )
            for row in found
        )
        for parcel in parcels:
            await self._set(parcel, status=Status.CLAIMED, lease_wall_until=now + timedelta(seconds=lease_s))
        return parcels

    async def mark(
        self,
        parcel: Parcel,
        status: Status,
        *,
        wall: datetime,
        reference: str = "",
        error: str = "",
        due: datetime | None = None,
    ) -> None:
        """Write how a send ended.

        Args:
            parcel: What was sent.
            status: How it ended.
            wall: Now.
            reference: The receiver's name for it.
            error: Why it did not succeed.
            due: When to try again; None where it is over.
        """
        await self._set(
            parcel,
            status=status,
            attempts=parcel.attempts + 1,
            reference=reference,
            error=error,
            lease_wall_until=None,
            sent_wall_at=wall if status is Status.SENT else None,
            due_wall_at=due or wall,
        )

    async def abandon_claims(self) -> int:
        """Mark every claim as of unknown outcome: its sender is gone, as after a start. Returns how many."""
        done = await self._connection.execute(
            update(outbox)
            .where(outbox.c.status == Status.CLAIMED.value)
            .values(status=Status.UNKNOWN.value, lease_wall_until=None)
        )
        return done.rowcount

    async def _set(self, parcel: Parcel, *, status: Status, **values: object) -> None:
        await self._connection.execute(
            update(outbox)
            .where(
                outbox.c.group_ == parcel.group,
                outbox.c.revision == parcel.revision,
                outbox.c.channel == parcel.channel,
            )
            .values(status=status.value, **values)
        )
