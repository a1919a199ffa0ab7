"""What people know about each group of alerts, as stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.group import Group
from alerts.message import Severity
from alerts.reason import Reason
from daemon.storage.schema import groups as table
from daemon.storage.stored_message import read_message


class GroupStore:
    """Reads and writes groups inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> dict[str, Group]:
        """Return every group by name."""
        rows = (await self._connection.execute(select(table))).all()
        return {
            row.name: Group(
                name=row.name,
                began=row.began,
                count=row.spell,
                is_open=row.is_open,
                severity=Severity(row.severity),
                told_at=row.told_at,
                reason=Reason(row.reason),
                notes=tuple(read_message(note) for note in row.notes),
                escalated_to=tuple(row.escalated_to),
            )
            for row in rows
        }

    async def save(self, changed: Iterable[Group]) -> None:
        """Write groups, new or changed."""
        rows = [
            {
                "name": group.name,
                "began": group.began,
                "spell": group.count,
                "is_open": group.is_open,
                "severity": group.severity.value,
                "told_at": group.told_at,
                "reason": group.reason.value,
                "notes": [asdict(note) for note in group.notes],
                "escalated_to": list(group.escalated_to),
            }
            for group in changed
        ]
        if rows:
            names = [row["name"] for row in rows]
            await self._connection.execute(delete(table).where(table.c.name.in_(names)))
            await self._connection.execute(insert(table), rows)
