"""The features as stored: one packed vector a session and ticker."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import features
from forecaster.features import MODEL_FEATURES
from market.panel import FloatArray

FEATURE_SET = hashlib.sha256(
    "\n".join(f"{f.name}|{f.lookback}|{f.formula}" for f in MODEL_FEATURES).encode()
).hexdigest()[:16]
"""Fingerprint of the features that the model reads: vectors of two sets are never mixed."""


class FeatureStore:
    """Reads and writes feature vectors inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, session: date, universe: tuple[str, ...], matrix: FloatArray) -> None:
        """Write one session's matrix, shape (tickers, features)."""
        packed = np.ascontiguousarray(matrix, dtype="<f8")
        rows = [
            {"session": session, "ticker": ticker, "vector": packed[i].tobytes(), "feature_set": FEATURE_SET}
            for i, ticker in enumerate(universe)
        ]
        await self._connection.execute(insert(features), rows)

    async def since(self, first: date, universe: tuple[str, ...]) -> dict[date, FloatArray]:
        """Return the matrices from a session on, by session; tickers that are not stored are NaN.

        Raises:
            ValueError: A vector was made by another set of features.
        """
        found = await self._connection.execute(select(features).where(features.c.session >= first))
        row_of = {ticker: i for i, ticker in enumerate(universe)}
        out: dict[date, FloatArray] = {}
        for session, ticker, vector, feature_set in found:
            if feature_set != FEATURE_SET:
                raise ValueError(
                    f"features of {session} {ticker} belong to set {feature_set}, this version computes "
                    f"{FEATURE_SET}; replay into a new database"
                )
            matrix = out.setdefault(session, np.full((len(universe), len(MODEL_FEATURES)), np.nan))
            if ticker in row_of:
                matrix[row_of[ticker]] = np.frombuffer(vector, dtype="<f8")
        return out
