"""Calls as stored: what a running daemon asked of others, and which of its own steps failed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import case, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import calls
from monitors.live import Call, Outcome, Requests

PROVIDER = "provider"
STEP = "step"
REQUEST = "request"
"""One of the requests over the network that a call of a provider took."""


class CallStore:
    """Reads and writes calls inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, kind: str, name: str, session: date, began: datetime, seconds: float, outcome: Outcome
    ) -> None:
        """Write one call; `kind` and `name` say of whom, `session` for which session."""
        row = {
            "kind": kind,
            "name": name,
            "began_wall_at": began,
            "session": session,
            "wall_seconds": seconds,
            "outcome": outcome.value,
        }
        await self._connection.execute(insert(calls), [row])

    async def providers_since(self, instant: datetime) -> tuple[Call, ...]:
        """Return the calls of providers that began at or after an instant, oldest first."""
        query = (
            select(calls)
            .where(calls.c.kind == PROVIDER, calls.c.began_wall_at >= instant)
            .order_by(calls.c.began_wall_at, calls.c.name)
        )
        return tuple(
            Call(row.name, row.session, row.began_wall_at.timestamp(), row.wall_seconds, Outcome(row.outcome))
            for row in await self._connection.execute(query)
        )

    async def requests_since(self, instant: datetime) -> tuple[Requests, ...]:
        """Return how many requests to each provider began at or after an instant, and how many failed."""
        failed = func.sum(case((calls.c.outcome == Outcome.OK.value, 0), else_=1))
        query = (
            select(calls.c.name, func.count(), failed)
            .where(calls.c.kind == REQUEST, calls.c.began_wall_at >= instant)
            .group_by(calls.c.name)
            .order_by(calls.c.name)
        )
        rows = await self._connection.execute(query)
        return tuple(Requests(name, int(asked), int(failures)) for name, asked, failures in rows)

    async def stumbled(self, sessions: tuple[date, ...]) -> int:
        """Return in how many of some sessions a step has failed."""
        query = select(func.count(calls.c.session.distinct())).where(
            calls.c.kind == STEP, calls.c.session.in_(sessions)
        )
        return int((await self._connection.execute(query)).scalar() or 0)

    async def forget(self, before: datetime) -> None:
        """Delete the calls that began before an instant."""
        await self._connection.execute(delete(calls).where(calls.c.began_wall_at < before))
