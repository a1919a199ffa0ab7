"""Alerts and their transitions as stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert, AlertState, AlertTransition
from daemon.storage.database import number
from daemon.storage.schema import alert_transitions
from daemon.storage.schema import alerts as table


class AlertStore:
    """Reads and writes alerts inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> dict[str, Alert]:
        """Return every alert by fingerprint."""
        return {
            row.fingerprint: Alert(
                rule=row.rule,
                subject=row.subject,
                state=AlertState(row.state),
                since=row.since,
                began=row.began,
                held=row.held,
                fired_for=row.fired_for,
                value=float("nan") if row.value is None else row.value,
            )
            for row in await self._connection.execute(select(table))
        }

    async def save(self, before: Mapping[str, Alert], after: Mapping[str, Alert]) -> None:
        """Write the alerts that changed."""
        changed = [name for name, alert in after.items() if before.get(name) != alert]
        if not changed:
            return
        known = [name for name in changed if name in before]
        if known:
            await self._connection.execute(delete(table).where(table.c.fingerprint.in_(known)))
        await self._connection.execute(insert(table), [_row(name, after[name]) for name in changed])

    async def add_transitions(self, session: date, moved: Iterable[AlertTransition]) -> None:
        """Write what moved in a session."""
        rows = [
            {
                "session": session,
                "fingerprint": move.alert.fingerprint,
                "rule": move.alert.rule,
                "subject": move.alert.subject,
                "before": move.before.value,
                "after": move.alert.state.value,
                "value": number(move.reading.value),
            }
            for move in moved
        ]
        if rows:
            await self._connection.execute(insert(alert_transitions), rows)


def _row(name: str, alert: Alert) -> dict[str, object]:
    return {
        "fingerprint": name,
        "rule": alert.rule,
        "subject": alert.subject,
        "state": alert.state.value,
        "since": alert.since,
        "began": alert.began,
        "held": alert.held,
        "fired_for": alert.fired_for,
        "value": number(alert.value),
    }
