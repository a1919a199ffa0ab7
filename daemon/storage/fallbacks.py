"""Fallbacks as stored: a message that its channel does not take is written for another one, once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
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
        await self._connection.execute(
            update(outbox).where(*is_row(row)).values(fallback=[], fallback_wall_from=None)
        )
        names: list[str] = [name for name in found.fallback if name in channels]
        same = and_(outbox.c.group_ == row.group, outbox.c.revision == row.revision)
        query = select(outbox.c.channel, outbox.c.status, outbox.c.fallback).where(same)
        there = {other.channel: other for other in await self._connection.execute(query)}
        while names:
            name = names.pop(0)
            if name not in there:
                await self._copy(found, name, names, wall)
                return name
            if there[name].status in UNSENT_STATUSES:  # it is told there anyway; what is left is for later
                await self._extend(there[name], same, names, wall)
                return name
            if there[name].status != Status.FAILED.value:  # it has been told there
                return name
        return ""

    async def give_up(self, row: Unsent, error: str) -> None:
        """Mark a message as failed for good without having tried it."""
        lost = {"status": Status.FAILED.value, "error": error, "lease_wall_until": None}
        await self._connection.execute(update(outbox).where(*is_row(row)).values(lost))

    async def _copy(self, found: Any, name: str, others: list[str], wall: datetime) -> None:  # noqa: ANN401 - a row
        copy = {
            **found._mapping,
            "channel": name,
            "status": Status.PENDING.value,
            "attempts": 0,
            "faults": 0,
            "copies": 0,
            "reference": "",
            "error": "",
            "fallback": others,
            "fallback_of": found.channel,
            "folded_into": "",
            "written_wall_at": wall,
            "fallback_wall_from": wall if others else None,
            "tried_wall_at": None,
            "due_wall_at": wall,
            "lease_wall_until": None,
            "sent_wall_at": None,
        }
        await self._connection.execute(insert(outbox), [copy])

    async def _extend(
        self,
        there: Any,  # noqa: ANN401 - a row
        same: ColumnElement[bool],
        others: list[str],
        wall: datetime,
    ) -> None:
        """Let a message that waits fall back, in the end, on these channels as well."""
        more = [name for name in others if name not in there.fallback and name != there.channel]
        if not more:
            return
        own = update(outbox).where(same, outbox.c.channel == there.channel)
        await self._connection.execute(own.values(fallback=[*there.fallback, *more]))
        await self._connection.execute(
            own.where(outbox.c.fallback_wall_from.is_(None)).values(fallback_wall_from=wall)
        )
