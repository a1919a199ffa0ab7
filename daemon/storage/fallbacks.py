"""Fallbacks as stored: a message that its channel does not take is written for another one, once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.outbox_rows import UNSENT_COLUMNS, UNSENT_STATUSES, is_row, unsent_of
from daemon.storage.parcel import Parcel, Status, Unsent
from daemon.storage.schema import outbox


class FallbackStore:
    """Finds and writes fallbacks inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def due(self, *, before: datetime, failing: Collection[str]) -> list[Unsent]:
        """Return what is to be told by another channel: it waits since `before`, or its channel fails."""
        late = outbox.c.fallback_wall_from <= before
        lost = and_(outbox.c.fallback_wall_from.is_not(None), outbox.c.channel.in_(failing))
        query = select(*UNSENT_COLUMNS).where(outbox.c.status.in_(UNSENT_STATUSES), or_(late, lost))
        return [unsent_of(row, told=False) for row in await self._connection.execute(query)]

    async def fall_back(self, row: Unsent | Parcel, channels: Collection[str], *, wall: datetime) -> str:
        """Write a message for the next channel of its list, once. Returns which, or "" where none is left.

        Args:
            row: What its channel has not taken.
            channels: Those that exist.
            wall: The machine's own time, aware UTC.
        """
        found = (await self._connection.execute(select(outbox).where(*is_row(row)))).one()
        if found.fallback_wall_from is None:
            return ""
        names: list[str] = [name for name in found.fallback if name in channels]
        await self._connection.execute(
            update(outbox).where(*is_row(row)).values(fallback=[], fallback_wall_from=None)
        )
        if not names:
            return ""
        same = and_(outbox.c.group_ == row.group, outbox.c.revision == row.revision)
        there = select(outbox.c.channel).where(same, outbox.c.channel == names[0])
        if (await self._connection.execute(there)).first() is None:
            copy = {
                **found._mapping,
                "channel": names[0],
                "status": Status.PENDING.value,
                "attempts": 0,
                "reference": "",
                "error": "",
                "fallback": names[1:],
                "fallback_of": row.channel,
                "folded_into": "",
                "written_wall_at": wall,
                "fallback_wall_from": wall if names[1:] else None,
                "tried_wall_at": None,
                "due_wall_at": wall,
                "lease_wall_until": None,
                "sent_wall_at": None,
            }
            await self._connection.execute(insert(outbox), [copy])
        return names[0]
