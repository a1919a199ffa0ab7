"""Readings that another program posts, as stored: one a session, metric and subject; the newest counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.outbox_rows import CHUNK
from daemon.storage.readings import ReadingStore
from daemon.storage.schema import readings as table
from monitors.reading import Reading


class ForeignStore:
    """Writes foreign readings inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """Write readings in place of older ones of the same thing. Returns those that say something new."""
        store, fresh = ReadingStore(self._connection), list[Reading]()
        for session in sorted({one.session for one in readings}):
            known = {(one.metric, one.subject): one for one in await store.of(session)}
            fresh += [
                one
                for one in readings
                if one.session == session and not _same(known.get((one.metric, one.subject)), one)
            ]
        for first in range(0, len(fresh), CHUNK):
            keys = [(one.session, one.metric, one.subject) for one in fresh[first : first + CHUNK]]
            own = tuple_(table.c.session, table.c.metric, table.c.subject).in_(keys)
            await self._connection.execute(delete(table).where(own))
        await store.add(tuple(fresh))
        return tuple(fresh)

    async def newer(self, readings: Sequence[Reading], *, than: date) -> dict[tuple[str, str], date]:
        """Return, by metric and subject of some readings, the newest session stored after a given one."""
        found: dict[tuple[str, str], date] = {}
        keys = sorted({(one.metric, one.subject) for one in readings})
        for first in range(0, len(keys), CHUNK):
            query = select(table.c.metric, table.c.subject, func.max(table.c.session).label("newest"))
            own = query.where(
                table.c.session > than,
                tuple_(table.c.metric, table.c.subject).in_(keys[first : first + CHUNK]),
            )
            grouped = own.group_by(table.c.metric, table.c.subject)
            rows = await self._connection.execute(grouped)
            found |= {(row.metric, row.subject): row.newest for row in rows}
        return found


def _same(old: Reading | None, new: Reading) -> bool:
    """Tell whether two readings say the same; their texts do, where both values are NaN."""
    return old is not None and repr(old) == repr(new)
