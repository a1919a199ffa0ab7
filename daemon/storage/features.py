"""The features as stored: one packed vector a session and ticker."""

from __future__ import annotations

import asyncio
from datetime import date

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import DatabaseError
from daemon.storage.schema import features
from market.panel import FloatArray

ROWS = 2_000
"""Vectors unpacked at a time, about 10 ms: between them the event loop serves whoever waits."""


class FeatureStore:
    """Reads and writes feature vectors inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, session: date, universe: tuple[str, ...], matrix: FloatArray, feature_set: str
    ) -> None:
        """Write one session's matrix, shape (tickers, features).

        Args:
            session: The session.
            universe: The tickers, one per row.
            matrix: The features.
            feature_set: Fingerprint of what the columns are.
        """
        packed = np.ascontiguousarray(matrix, dtype="<f8")
        rows = [
            {"session": session, "ticker": ticker, "vector": packed[i].tobytes(), "feature_set": feature_set}
            for i, ticker in enumerate(universe)
        ]
        await self._connection.execute(insert(features), rows)

    async def since(self, first: date, universe: tuple[str, ...], feature_set: str) -> dict[date, FloatArray]:
        """Return the matrices from a session on, by session; tickers that are not stored are NaN.

        Args:
            first: The oldest session wanted.
            universe: The tickers, one per row.
            feature_set: Fingerprint of what the columns must be.

        Raises:
            DatabaseError: A vector was made by another set of features.
        """
        return await self.between(first, date.max, universe, feature_set)

    async def between(
        self, first: date, last: date, universe: tuple[str, ...], feature_set: str
    ) -> dict[date, FloatArray]:
        """Return the matrices from a session to another, both included, as `since` does."""
        wanted = features.c.session.between(first, last)
        row_of = {ticker: i for i, ticker in enumerate(universe)}
        out: dict[date, FloatArray] = {}
        found = await self._connection.execute(select(features).where(wanted))
        for rows in found.partitions(ROWS):
            await asyncio.sleep(0)
            for session, ticker, packed, made_by in rows:
                if made_by != feature_set:
                    raise DatabaseError(
                        f"features of {session} {ticker} belong to set {made_by}, this version computes "
                        f"{feature_set}, and two sets are never mixed; use a new database"
                    )
                vector = np.frombuffer(packed, dtype="<f8")
                if session not in out:
                    out[session] = np.full((len(universe), vector.size), np.nan)
                if ticker in row_of:
                    out[session][row_of[ticker]] = vector
        return out
