"""The bars as stored: since when they are known, what they replaced, and what was known at an instant."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sqlalchemy import select

from daemon.storage.bars import BarStore, SessionBars
from daemon.storage.database import Database
from daemon.storage.schema import bar_revisions, metadata
from market.panel import FIELDS
from market.revisions import Revision, RevisionKind

DAYS = tuple(date(2024, 1, 2) + timedelta(days=i) for i in range(4))
TICKERS = ("A", "B")


def at(day: float) -> datetime:
    return datetime(2024, 1, 2, 21, tzinfo=UTC) + timedelta(days=day)


def bar(close: float) -> tuple[float, ...]:
    return tuple(close if name != "volume" else 100.0 for name in FIELDS)


def told(session: int, ticker: str, close: float, kind: RevisionKind = RevisionKind.CORRECTION) -> Revision:
    return Revision(DAYS[session], ticker, kind, values=bar(close))


async def keep(store: BarStore, closes: dict[int, tuple[float, float]]) -> None:
    """Keep sessions with one close a ticker, each known an hour after its close."""
    for session, pair in closes.items():
        values = np.array([bar(close) if not math.isnan(close) else (math.nan,) * 6 for close in pair]).T
        day = SessionBars(DAYS[session], values)
        known_at = at(session) + timedelta(hours=1)
        await store.add(day, TICKERS, calendar="XNYS", closed_at=at(session), known_at=known_at)


async def closes(database: Database, instant: datetime) -> list[list[float]]:
    async with database.read() as connection:
        panel = await BarStore(connection).as_known(instant, 10, TICKERS)
    return [[float(x) for x in row] for row in panel.close]


async def test_bars_are_read_as_they_were_known_at_any_instant(database: Database) -> None:
    async with database.write() as connection:
        store = BarStore(connection)
        await keep(store, {0: (1.0, 10.0), 1: (2.0, math.nan)})
        assert await store.revise((told(0, "A", 1.5), told(1, "B", 20.0, RevisionKind.LATE)), at(2)) == 2
        await store.revise((told(0, "A", 1.7),), at(3))
    assert_array_equal(await closes(database, at(0)), [[np.nan, np.nan]])
    assert_array_equal(await closes(database, at(0.5)), [[1.0, 10.0]])
    assert_array_equal(await closes(database, at(1.5)), [[1.0, 10.0], [2.0, np.nan]])
    assert_array_equal(await closes(database, at(2)), [[1.5, 10.0], [2.0, 20.0]])
    assert_array_equal(await closes(database, at(3) - timedelta(seconds=1)), [[1.5, 10.0], [2.0, 20.0]])
    assert_array_equal(await closes(database, at(3)), [[1.7, 10.0], [2.0, 20.0]])
    assert await closes(database, at(-1)) == []


async def test_the_newest_bars_are_what_is_known_last(database: Database) -> None:
    async with database.write() as connection:
        store = BarStore(connection)
        await keep(store, {0: (1.0, 10.0), 1: (2.0, math.nan)})
        await store.revise((told(0, "A", 1.5), told(1, "B", 20.0, RevisionKind.LATE)), at(2))
        newest = await store.tail(10, TICKERS)
        known = await store.as_known(at(9), 10, TICKERS)
    for name in FIELDS:
        assert_array_equal(getattr(newest, name), getattr(known, name))
    assert_array_equal(newest.close, [[1.5, 10.0], [2.0, 20.0]])


async def test_what_was_replaced_is_written_with_its_kind(database: Database) -> None:
    async with database.write() as connection:
        store = BarStore(connection)
        await keep(store, {0: (1.0, 10.0), 1: (2.0, math.nan)})
        await store.revise((told(0, "A", 1.5), told(1, "B", 20.0, RevisionKind.LATE)), at(2))
        rows = (await connection.execute(select(bar_revisions).order_by(bar_revisions.c.ticker))).all()
    assert [(row.ticker, row.kind, row.close, row.known_at, row.replaced_at) for row in rows] == [
        ("A", "correction", 1.0, at(0) + timedelta(hours=1), at(2)),
        ("B", "late", None, None, at(2)),
    ]


async def test_a_split_is_written_once_and_again_when_there_is_another(database: Database) -> None:
    def split(session: int, factor: float) -> tuple[Revision, ...]:
        return (Revision(DAYS[session], "A", RevisionKind.SPLIT, factor),)

    async with database.write() as connection:
        store = BarStore(connection)
        await keep(store, {0: (1.0, 10.0), 1: (2.0, 10.0), 2: (3.0, 10.0)})
        for session, factor in enumerate((2.0, 2.0, 8.0)):
            assert await store.revise(split(session, factor), at(session + 0.5)) == 0
        rows = (await connection.execute(select(bar_revisions).order_by(bar_revisions.c.replaced_at))).all()
        assert_array_equal((await store.tail(10, TICKERS)).close[:, 0], [1.0, 2.0, 3.0])
    assert [(row.session, row.factor) for row in rows] == [(DAYS[0], 2.0), (DAYS[2], 8.0)]


async def test_no_change_writes_nothing(database: Database) -> None:
    async with database.write() as connection:
        await keep(BarStore(connection), {0: (1.0, 10.0)})
        assert await BarStore(connection).revise((), at(1)) == 0
        assert (await connection.execute(select(bar_revisions))).all() == []


CHANGES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(TICKERS), st.integers(1, 9), st.integers(1, 6)),
    max_size=8,
    unique_by=lambda one: (one[0], one[1], one[3]),
)


@settings(max_examples=25, deadline=None)
@given(changes=CHANGES, asked=st.integers(0, 8))
async def test_after_any_corrections_the_past_reads_as_it_was_then(
    changes: list[tuple[int, str, int, int]], asked: int
) -> None:
    store = Database("sqlite://", durable=False)
    async with store.write() as connection:
        await connection.run_sync(metadata.create_all)
        await keep(BarStore(connection), {0: (1.0, 1.0), 1: (2.0, 2.0), 2: (3.0, 3.0)})
        for session, ticker, close, day in sorted(changes, key=lambda one: one[3]):
            await BarStore(connection).revise((told(session, ticker, close),), at(3 + day))
    want = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    for session, ticker, close, day in sorted(changes, key=lambda one: one[3]):
        if day <= asked:
            want[session, TICKERS.index(ticker)] = close
    assert_array_equal(await closes(store, at(3 + asked)), want)
    await store.aclose()
