"""What was told from outside by each close, as stored: it is never told otherwise later."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.schema import outside
from market.outside import unknown
from market.panel import FloatArray

COLUMNS: Final = (
    "off_exchange_volume",
    "short_volume",
    "premarket_volume",
    "postmarket_volume",
    "unexplained_share",
    "off_exchange_estimate",
    "estimate_r2",
)
"""Where the table keeps the rows of an array of shares, in the order of `market.outside.KEPT`."""


class OutsideStore:
    """Reads and writes shares inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, session: date, told_of: date, universe: tuple[str, ...], shares: FloatArray, known_at: datetime
    ) -> None:
        """Write what was known by a session's close; a ticker of which nothing was has no row.

        Args:
            session: The session.
            told_of: The session that it tells of.
            universe: The tickers.
            shares: Shape (kept, tickers).
            known_at: Since when the store knows it, aware UTC.
        """
        rows = [
            {"session": session, "ticker": ticker, "told_of": told_of, "known_at": known_at}
            | {name: number(value) for name, value in zip(COLUMNS, column.tolist(), strict=True)}
            for ticker, column in zip(universe, shares.T, strict=True)
            if not np.isnan(column).all()
        ]
        if rows:
            await self._connection.execute(insert(outside), rows)

    async def since(self, first: date, universe: tuple[str, ...]) -> dict[date, FloatArray]:
        """Return the shares from a session on, by session, shape (kept, universe)."""
        query = select(outside.c.session, outside.c.ticker, *(outside.c[name] for name in COLUMNS))
        found = await self._connection.execute(query.where(outside.c.session >= first))
        place = {ticker: i for i, ticker in enumerate(universe)}
        out: dict[date, FloatArray] = {}
        for session, ticker, *values in found:
            shares = out.setdefault(session, unknown(len(universe)))
            if ticker in place:
                shares[:, place[ticker]] = [np.nan if value is None else value for value in values]
        return out
