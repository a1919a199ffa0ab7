"""Folds as stored: messages that a newer one, or a digest, tells in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.message import Severity
from daemon.storage.outbox import OutboxStore
from daemon.storage.outbox_rows import WAITING_STATUSES, among, chunks, is_row
from daemon.storage.parcel import Status, Unsent
from daemon.storage.schema import outbox


class FoldStore:
    """Sets messages aside inside the caller's transaction; what tells them is written in the same one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def supersede(self, older: Unsent, newer: Unsent) -> None:
        """Mark a message as told by a newer one, which takes over since when a fallback is waited for."""
        await self._set_aside([older], Status.SUPERSEDED, newer.key)
        since = (
            await self._connection.execute(select(outbox.c.fallback_wall_from).where(*is_row(older)))
        ).scalar()
        if since is not None:
            await self._connection.execute(
                update(outbox)
                .where(*is_row(newer), outbox.c.fallback_wall_from > since)
                .values(fallback_wall_from=since)
            )

    async def messages(self, rows: Sequence[Unsent]) -> list[dict[str, Any]]:
        """Return the rows' messages, in their order."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for some in chunks(rows):
            query = select(outbox.c.group_, outbox.c.revision, outbox.c.message).where(
                outbox.c.channel == rows[0].channel, among(some)
            )
            found |= {
                (row.group_, row.revision): row.message for row in await self._connection.execute(query)
            }
        return [found[row.group, row.revision] for row in rows]

    async def put_digest(
        self,
        rows: Sequence[Unsent],
        revision: int,
        message: Mapping[str, Any],
        severity: Severity,
        *,
        wall: datetime,
    ) -> None:
        """Write a digest and mark the messages it tells as folded into it.

        Args:
            rows: The messages, all of one channel.
            revision: The digest's number.
            message: The digest; its group is the channel's, see `GROUP_PREFIX`.
            severity: How urgent it is.
            wall: The machine's own time, aware UTC.
        """
        channel, group = rows[0].channel, message["group"]
        names: dict[str, None] = {}
        since: datetime | None = None
        if severity is Severity.CRITICAL:
            for some in chunks(rows):
                query = select(outbox.c.fallback, outbox.c.fallback_wall_from).where(
                    outbox.c.channel == channel, outbox.c.fallback_wall_from.is_not(None), among(some)
                )
                for row in await self._connection.execute(query):
                    names |= dict.fromkeys(row.fallback)
                    since = row.fallback_wall_from if since is None else min(since, row.fallback_wall_from)
        at = max(row.created_at for row in rows)
        await OutboxStore(self._connection).add(
            group, revision, dict(message), severity, [channel], at=at, wall=wall, fallback=list(names)
        )
        if since is not None:
            await self._connection.execute(
                update(outbox)
                .where(outbox.c.group_ == group, outbox.c.revision == revision)
                .values(fallback_wall_from=since)
            )
        await self._set_aside(rows, Status.FOLDED, f"{group}/{revision}")

    async def _set_aside(self, rows: Sequence[Unsent], status: Status, told_by: str) -> None:
        for some in chunks(rows):
            await self._connection.execute(
                update(outbox)
                .where(
                    outbox.c.channel == rows[0].channel, among(some), outbox.c.status.in_(WAITING_STATUSES)
                )
                .values(status=status.value, folded_into=told_by)
            )
