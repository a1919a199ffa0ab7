"""The bars as stored: one row a session and ticker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.schema import bars, sessions
from market.panel import FIELDS, FloatArray, Panel


@dataclass(frozen=True, slots=True)
class SessionBars:
    """One session's bars.

    Attributes:
        session: The session.
        values: Shape (fields, tickers), fields in the order of `market.panel.FIELDS`; NaN where unknown.
    """

    session: date
    values: FloatArray

    @classmethod
    def unknown(cls, session: date, tickers: int) -> SessionBars:
        """Return a session of which nothing is known."""
        return cls(session, np.full((len(FIELDS), tickers), np.nan))

    @property
    def missing(self) -> float:
        """Share of the tickers without a close."""
        return float(np.isnan(self.values[FIELDS.index("close")]).mean())


class BarStore:
    """Reads and writes bars inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, day: SessionBars, tickers: tuple[str, ...], *, calendar: str, closed_at: datetime
    ) -> int:
        """Write one session and its bars; a ticker without any value has no row. Returns the bars written."""
        rows = [
            {
                "session": day.session,
                "ticker": ticker,
                **{field: number(float(x)) for field, x in zip(FIELDS, column, strict=True)},
            }
            for ticker, column in zip(tickers, day.values.T, strict=True)
            if not np.isnan(column).all()
        ]
        if rows:
            await self._connection.execute(insert(bars), rows)
        session_row = {
            "session": day.session,
            "calendar": calendar,
            "closed_at": closed_at,
            "bars": len(rows),
            "missing": len(tickers) - len(rows),
        }
        await self._connection.execute(insert(sessions), [session_row])
        return len(rows)

    async def tail(self, count: int, tickers: tuple[str, ...]) -> Panel:
        """Return the newest `count` sessions as a panel; sessions without a bar are rows of NaN."""
        newest = select(sessions.c.session).order_by(sessions.c.session.desc()).limit(count)
        days = sorted((await self._connection.execute(newest)).scalars())
        shape = (len(FIELDS), len(days), len(tickers))
        values = np.full(shape, np.nan)
        if days:
            row_of = {day: i for i, day in enumerate(days)}
            column_of = {ticker: i for i, ticker in enumerate(tickers)}
            found = await self._connection.execute(select(bars).where(bars.c.session >= days[0]))
            for session, ticker, *fields in found:
                if ticker in column_of:
                    place = (slice(None), row_of[session], column_of[ticker])
                    values[place] = [np.nan if x is None else x for x in fields]
        return Panel(tuple(days), tickers, *values)

    async def last_session(self) -> date | None:
        """Return the newest stored session."""
        found: date | None = (await self._connection.execute(select(func.max(sessions.c.session)))).scalar()
        return found
