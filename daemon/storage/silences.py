"""Silences as stored. One that has ended stays: it explains why people were not told."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.silence import Silence
from daemon.storage.schema import silences


class SilenceStore:
    """Reads and writes silences inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> tuple[Silence, ...]:
        """Return every silence, the newest first."""
        rows = await self._connection.execute(select(silences).order_by(silences.c.number.desc()))
        return tuple(Silence(**row._mapping) for row in rows)

    async def running(self, now: datetime) -> tuple[Silence, ...]:
        """Return those that have not ended, the newest first."""
        query = select(silences).where(silences.c.ends > now).order_by(silences.c.number.desc())
        return tuple(Silence(**row._mapping) for row in await self._connection.execute(query))

    async def add(self, silence: Silence) -> Silence:
        """Write a silence under the next number and return it. The transaction must hold the gate."""
        newest = (await self._connection.execute(select(func.max(silences.c.number)))).scalar()
        numbered = replace(silence, number=(newest or 0) + 1)
        await self._connection.execute(insert(silences), [asdict(numbered)])
        return numbered

    async def end(self, number: int, at: datetime) -> None:
        """Let a silence end."""
        await self._connection.execute(update(silences).where(silences.c.number == number).values(ends=at))
