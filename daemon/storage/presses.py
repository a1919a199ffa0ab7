"""What the store knows about a button that was pressed: its message, and whether it has acted already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.parcel import Status
from daemon.storage.schema import audit, outbox


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest message that stands under a receiver's reference.

    Attributes:
        group: Its alert group.
        episode: The spell of firing, "" where there is none.
        message: It, JSON-safe.
    """

    group: str
    episode: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acted:
    """What a button did.

    Attributes:
        actor: Who pressed it.
        at: When, aware UTC.
        interaction: The receiver's number of the press.
    """

    actor: str
    at: datetime
    interaction: str


class PressStore:
    """Reads inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def shown(self, channel: str, reference: str) -> Shown | None:
        """Return what stands under a reference; None where Forewarn sent no such message."""
        query = (
            select(outbox.c.group_, outbox.c.episode, outbox.c.message)
            .where(
                outbox.c.channel == channel,
                outbox.c.reference == reference,
                outbox.c.status == Status.SENT.value,
            )
            .order_by(outbox.c.created_at.desc(), outbox.c.revision.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).first()
        return Shown(row.group_, row.episode, row.message) if row else None

    async def newest(self, shown: Shown) -> str:
        """Return the key of the newest message about a spell, whether or not it has been delivered."""
        query = (
            select(outbox.c.key)
            .where(outbox.c.group_ == shown.group, outbox.c.episode == shown.episode)
            .order_by(outbox.c.revision.desc())
            .limit(1)
        )
        return (await self._connection.execute(query)).scalar() or ""

    async def acted(self, action: str, button: str, since: datetime) -> Acted | None:
        """Return what a button did, from the audit trail; None where it has not acted.

        Args:
            action: The audit's action, as `slack.pause`.
            button: Which one.
            since: How far to look back, aware UTC.
        """
        query = select(audit.c.actor, audit.c.at, audit.c.detail).where(
            audit.c.action == action, audit.c.at >= since
        )
        for row in await self._connection.execute(query):
            if row.detail.get("button") == button:
                return Acted(row.actor, row.at, str(row.detail.get("interaction", "")))
        return None
