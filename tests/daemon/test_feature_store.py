"""The features as stored: what comes back, and that a long span does not hold up the event loop."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from daemon.storage import features
from daemon.storage.database import Database, DatabaseError
from daemon.storage.features import FeatureStore

DAYS = tuple(date(2024, 1, 2) + timedelta(days=i) for i in range(6))
TICKERS = ("A", "B", "C")
MATRICES = np.random.default_rng(1).standard_normal((len(DAYS), len(TICKERS), 4))


async def keep(database: Database) -> None:
    async with database.write() as connection:
        for day, matrix in zip(DAYS, MATRICES, strict=True):
            await FeatureStore(connection).add(day, TICKERS, matrix, "set 1")


async def test_a_span_comes_back_as_it_was_kept_and_unknown_tickers_are_nan(database: Database) -> None:
    await keep(database)
    async with database.read() as connection:
        found = await FeatureStore(connection).between(DAYS[1], DAYS[4], ("B", "X", "A"), "set 1")
    assert sorted(found) == list(DAYS[1:5])
    for day, matrix in found.items():
        kept = MATRICES[DAYS.index(day)]
        assert_array_equal(matrix, [kept[1], [np.nan] * 4, kept[0]])


async def test_features_of_another_set_are_refused(database: Database) -> None:
    await keep(database)
    async with database.read() as connection:
        with pytest.raises(DatabaseError, match="belong to set set 1, this version computes set 2"):
            await FeatureStore(connection).since(DAYS[0], TICKERS, "set 2")


async def test_others_are_served_while_a_long_span_is_unpacked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(database)
    monkeypatch.setattr(features, "ROWS", 2)
    served, unpacked = [], 0
    unpack = np.frombuffer

    def counted(packed: bytes, dtype: str) -> object:
        nonlocal unpacked
        unpacked += 1
        return unpack(packed, dtype=dtype)

    async def other() -> None:
        while unpacked < len(DAYS) * len(TICKERS):
            served.append(unpacked)
            await asyncio.sleep(0)

    monkeypatch.setattr(np, "frombuffer", counted)
    async with database.read() as connection, asyncio.TaskGroup() as group:
        group.create_task(other())
        await FeatureStore(connection).since(DAYS[0], TICKERS, "set 1")
    assert {2, 8, 16} <= set(served)
