"""The models' moves as stored: which version is in use since when, and why. No model is read for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import model_moves, models


class Action(StrEnum):
    """How a version came into use."""

    FIRST = "first"
    RENEW = "renew"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Move:
    """One version taking the place of another.

    Attributes:
        at: When, aware UTC.
        session: From whose forecasts on; None for the next one.
        action: How it came.
        version: In use from here on.
        before: In use until then; None for none.
        actor: Who decided: `forewarn`, or a person.
        reason: Why.
        e_value: Of the challenge; None where there was none.
        gain: Nats per forecast saved in it.
    """

    at: datetime
    session: date | None
    action: Action
    version: int
    before: int | None
    actor: str
    reason: str
    e_value: float | None = None
    gain: float | None = None


class MoveStore:
    """Reads and writes moves inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def has(self, version: int) -> bool:
        """Say whether such a version was ever fitted."""
        query = select(models.c.version).where(models.c.version == version)
        return (await self._connection.execute(query)).first() is not None

    async def add(self, move: Move) -> None:
        """Put a version into use."""
        newest = (await self._connection.execute(select(func.max(model_moves.c.seq)))).scalar()
        row = {name: getattr(move, name) for name in Move.__dataclass_fields__}
        await self._connection.execute(
            insert(model_moves), [row | {"seq": (newest or 0) + 1, "action": move.action.value}]
        )

    async def last(self) -> Move | None:
        """Return how the version in use came into use; None where none is."""
        query = select(model_moves).order_by(model_moves.c.seq.desc()).limit(1)
        row = (await self._connection.execute(query)).first()
        return None if row is None else _move(row._mapping)

    async def newest_used(self) -> int:
        """Return the greatest version that was ever in use; 0 where none was."""
        found = await self._connection.execute(select(func.max(model_moves.c.version)))
        return int(found.scalar() or 0)

    async def all(self) -> tuple[Move, ...]:
        """Return every move, oldest first."""
        found = await self._connection.execute(select(model_moves).order_by(model_moves.c.seq))
        return tuple(_move(row._mapping) for row in found)


def _move(row: object) -> Move:
    stored = dict(row)  # type: ignore[call-overload]
    stored.pop("seq")
    return Move(**stored | {"action": Action(stored["action"])})
