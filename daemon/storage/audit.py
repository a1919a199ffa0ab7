"""The audit trail as stored: who did what, when; rows are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import audit


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
        last = (await self._connection.execute(select(func.max(audit.c.seq)))).scalar() or 0
        row = {"seq": last + 1, "at": at, "actor": actor, "action": action, "detail": detail}
        await self._connection.execute(insert(audit), [row])
