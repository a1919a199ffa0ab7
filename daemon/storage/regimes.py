"""The regimes as stored: what each close said, and what was made of it."""

from __future__ import annotations

import math
from datetime import date

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.schema import regimes
from forecaster.regime import UNKNOWN, Observation, Regime


class RegimeStore:
    """Reads and writes regimes inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, session: date, seen: Observation, regime: Regime) -> None:
        """Write one session's regime."""
        row = {
            "session": session,
            "market": number(seen.market),
            "breadth": number(seen.breadth),
            "name": regime.name,
            "shock": regime.shock,
            "scores": [number(score) for score in regime.scores],
            "probabilities": list(regime.probabilities),
        }
        await self._connection.execute(insert(regimes), [row])

    async def observations(self) -> dict[date, Observation]:
        """Return what every close said, oldest first: the regimes are its fold."""
        query = select(regimes.c.session, regimes.c.market, regimes.c.breadth).order_by(regimes.c.session)
        found = await self._connection.execute(query)
        return {row.session: Observation(_float(row.market), _float(row.breadth)) for row in found}

    async def between(self, first: date, last: date) -> dict[date, str]:
        """Return the regimes' names from a session to another, both included, by session."""
        query = select(regimes.c.session, regimes.c.name).where(regimes.c.session.between(first, last))
        return {row.session: row.name for row in await self._connection.execute(query)}

    async def spell(self, session: date) -> tuple[str, date] | None:
        """Return the regime at a session's close and the first session of its spell; None where unknown."""
        name = (
            await self._connection.execute(select(regimes.c.name).where(regimes.c.session == session))
        ).scalar()
        if name in {None, UNKNOWN}:
            return None
        other = select(func.max(regimes.c.session)).where(regimes.c.session < session, regimes.c.name != name)
        first = select(func.min(regimes.c.session)).where(
            regimes.c.session > func.coalesce(other.scalar_subquery(), date.min)
        )
        return str(name), (await self._connection.execute(first)).scalar_one()


def _float(value: float | None) -> float:
    return math.nan if value is None else value
