"""Readings and the monitors' own state as stored."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.schema import monitor_states, readings
from monitors.reading import Evidence, NoData, Reading, State


class ReadingStore:
    """Reads and writes readings inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, made: tuple[Reading, ...]) -> None:
        """Write one session's readings."""
        rows = [
            {
                "session": one.session,
                "metric": one.metric,
                "subject": one.subject,
                "monitor": one.monitor,
                "value": number(one.value),
                "n": one.n,
                "threshold": one.threshold,
                "state": one.state.value,
                "method": one.evidence.method if one.evidence else None,
                "p_value": one.evidence.p_value if one.evidence else None,
                "e_value": one.evidence.e_value if one.evidence else None,
                "reason": one.reason.value if one.reason else None,
                "detail": one.detail,
            }
            for one in made
        ]
        if rows:
            await self._connection.execute(insert(readings), rows)

    async def of(self, session: date) -> tuple[Reading, ...]:
        """Return a session's readings, by metric and subject."""
        query = (
            select(readings)
            .where(readings.c.session == session)
            .order_by(readings.c.metric, readings.c.subject)
        )
        return tuple(reading_of(row) for row in await self._connection.execute(query))

    async def newest(self, metric: str, subject: str, until: date, count: int) -> tuple[Reading, ...]:
        """Return a metric's readings of one subject over the newest sessions, oldest first.

        Args:
            metric: The metric.
            subject: The subject.
            until: The last session.
            count: How many of them at most.
        """
        query = (
            select(readings)
            .where(readings.c.session <= until, readings.c.metric == metric, readings.c.subject == subject)
            .order_by(readings.c.session.desc())
            .limit(count)
        )
        rows = (await self._connection.execute(query)).all()
        return tuple(reading_of(row) for row in reversed(rows))

    async def state(self, name: str) -> dict[str, Any] | None:
        """Return a monitor's saved state; None before the first."""
        query = select(monitor_states.c.state).where(monitor_states.c.name == name)
        return (await self._connection.execute(query)).scalar()

    async def save_state(self, name: str, session: date, state: dict[str, Any]) -> None:
        """Replace a monitor's saved state."""
        values = {"session": session, "state": state}
        place = update(monitor_states).where(monitor_states.c.name == name)
        done = await self._connection.execute(place.values(**values))
        if done.rowcount == 0:
            await self._connection.execute(insert(monitor_states), [{"name": name, **values}])


def reading_of(row: Any) -> Reading:  # noqa: ANN401 - a row of `readings`
    """Return a stored reading as a value."""
    evidence = None
    if row.method is not None:
        evidence = Evidence(row.method, p_value=row.p_value, e_value=row.e_value)
    return Reading(
        session=row.session,
        monitor=row.monitor,
        metric=row.metric,
        subject=row.subject,
        value=float("nan") if row.value is None else row.value,
        n=row.n,
        threshold=row.threshold,
        state=State(row.state),
        evidence=evidence,
        reason=NoData(row.reason) if row.reason else None,
        detail=row.detail,
    )
