"""The audit trail as stored: who did what, when; rows are only ever added."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import audit

_NUMBERED: Final = insert(audit).values(
    seq=select(func.coalesce(func.max(audit.c.seq), 0) + 1).scalar_subquery()
)


class AuditStore:
    """Adds to the audit trail inside the caller's transaction, which must hold the gate.

    Holding the gate serialises the writers, so that the numbers have no gap and no double.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, at: datetime, actor: str, action: str, detail: dict[str, Any]) -> None:
        """Write one row.

        Args:
            at: When, aware UTC.
            actor: Who: `forewarn`, a person, `simulated-operator`.
            action: What, as `alert.firing` or `gate.HALTED`.
            detail: The facts, JSON-safe.
        """
        await self.add_all(at, actor, [(action, detail)])

    async def add_all(self, at: datetime, actor: str, deeds: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Write one row for each (action, detail), in their order, by one statement."""
        rows = [{"at": at, "actor": actor, "action": action, "detail": detail} for action, detail in deeds]
        if rows:
            await self._connection.execute(_NUMBERED, rows)
