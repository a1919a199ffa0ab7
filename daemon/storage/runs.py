"""The ledger: which job has run for which due instant. It alone decides what is still to do."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import runs


class RunStore:
    """Reads and writes the ledger inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def done(self, session: date) -> frozenset[str]:
        """Return the jobs that have run for a session."""
        rows = await self._connection.execute(select(runs.c.job).where(runs.c.session == session))
        return frozenset(rows.scalars())

    async def record(
        self,
        job: str,
        due_at: datetime,
        session: date,
        result: dict[str, Any],
        *,
        started: datetime,
        finished: datetime,
    ) -> None:
        """Write that a job has run. A second row for the same job and instant is refused by the database."""
        row = {
            "job": job,
            "due_at": due_at,
            "session": session,
            "result": result,
            "started_wall_at": started,
            "finished_wall_at": finished,
        }
        await self._connection.execute(insert(runs), [row])

    async def first_session(self, job: str) -> date | None:
        """Return the oldest session for which a job has run."""
        oldest = select(func.min(runs.c.session)).where(runs.c.job == job)
        found: date | None = (await self._connection.execute(oldest)).scalar()
        return found

    async def last_session(self, job: str) -> date | None:
        """Return the newest session for which a job has run."""
        newest = select(func.max(runs.c.session)).where(runs.c.job == job)
        found: date | None = (await self._connection.execute(newest)).scalar()
        return found

    async def result(self, job: str, session: date) -> dict[str, Any]:
        """Return what a job wrote about its run; empty where it has not run."""
        query = select(runs.c.result).where(runs.c.job == job, runs.c.session == session)
        return (await self._connection.execute(query)).scalar() or {}

    async def finished_at(self, job: str, session: date) -> datetime | None:
        """Return when a job was done with a session, by the machine's clock; None where it was not."""
        query = select(runs.c.finished_wall_at).where(runs.c.job == job, runs.c.session == session)
        found: datetime | None = (await self._connection.execute(query)).scalar()
        return found

    async def sessions_since(self, job: str, instant: datetime) -> tuple[date, ...]:
        """Return the sessions due at or after an instant for which a job has run, oldest first."""
        query = select(runs.c.session).where(runs.c.job == job, runs.c.due_at >= instant)
        return tuple((await self._connection.execute(query.order_by(runs.c.session))).scalars())

    async def count_since(self, job: str, instant: datetime) -> int:
        """Return how often a job has been due at or after an instant."""
        query = select(func.count()).where(runs.c.job == job, runs.c.due_at >= instant)
        return int((await self._connection.execute(query)).scalar() or 0)
