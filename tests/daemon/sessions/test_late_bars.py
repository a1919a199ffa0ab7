"""Bars that come late, are corrected or cannot be right: forecasts made before do not change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sqlalchemy import delete, select

from daemon.storage.bars import BarStore
from daemon.storage.schema import bar_revisions, bars, features, forecasts, outcomes, regimes
from market.panel import FIELDS, Panel
from tests.daemon.sessions.desk import FIRST, Desk

CLOSE, ADJ_CLOSE, VOLUME = (FIELDS.index(name) for name in ("close", "adj_close", "volume"))


def truth(desk: Desk, session: date) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    panel = desk.provider.panel
    return np.stack([getattr(panel, name)[panel.sessions.index(session)] for name in FIELDS])


def change(panel: Panel, session: date, ticker: str, **factors: float) -> Panel:
    """The history with some fields of one bar multiplied."""
    row, column = panel.sessions.index(session), panel.tickers.index(ticker)
    fields = {}
    for name, factor in factors.items():
        fields[name] = getattr(panel, name).copy()
        fields[name][row, column] *= factor
    return replace(panel, **fields)


def remembered(desk: Desk, session: date) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    memory = desk.pipeline.memory
    return memory.bars[memory.sessions.index(session)]


async def same_after_restart(desk: Desk) -> None:
    """What a restart rebuilds from the store is what the running process remembers."""
    before = desk.pipeline.memory
    desk.restart()
    await desk.pipeline.restore()
    after = desk.pipeline.memory
    assert before.sessions == after.sessions
    assert_array_equal(np.stack(before.bars), np.stack(after.bars))
    assert before.came.keys() == after.came.keys()
    for session in before.came:
        assert_array_equal(before.came[session], after.came[session])
    assert before.features.keys() == after.features.keys()
    assert before.book == after.book
    async with desk.database.read() as connection:
        for row in await connection.execute(select(outcomes)):
            came = after.came[row.session][after.universe.index(row.ticker)]
            assert_array_equal(came, np.nan if row.came is None else row.came)


async def unknown_session(desk: Desk) -> date:
    """Run a session whose bars never came until its deadline."""
    session = desk.exchange.next(FIRST)
    desk.provider.down = True
    desk.at(session, minutes=desk.settings.schedule.data_deadline_minutes)
    assert await desk.look() == 1
    assert np.isnan(remembered(desk, session)).all()
    desk.provider.down = False
    return session


async def rows_of(desk: Desk, table: object, session: date) -> list[tuple[object, ...]]:
    async with desk.database.read() as connection:
        query = select(table).where(table.c.session == session).order_by(table.c.ticker)  # type: ignore[attr-defined,call-overload]
        return [tuple(row) for row in await connection.execute(query)]


async def test_bars_after_the_deadline_are_filled_in_with_the_next_session_and_change_no_forecast(
    desk: Desk,
) -> None:
    session = await unknown_session(desk)
    made = [await rows_of(desk, table, session) for table in (features, forecasts)]
    following = desk.exchange.next(session)
    desk.at(following)
    assert await desk.look() == 1
    assert_array_equal(remembered(desk, session), truth(desk, session))
    assert [await rows_of(desk, table, session) for table in (features, forecasts)] == made
    async with desk.database.read() as connection:
        kept = (await connection.execute(select(bars).where(bars.c.session == session))).all()
        kinds = (await connection.execute(select(bar_revisions.c.kind).distinct())).scalars().all()
        before = await BarStore(connection).as_known(
            desk.clock.now() - timedelta(seconds=1), 2, desk.pipeline.memory.tickers
        )
    assert {row.known_at for row in kept} == {desk.clock.now()}
    assert kinds == ["late"]
    assert before.sessions[-1] == following
    assert np.isnan(before.close[-2:]).all()
    assert (await desk.results("ingest"))[following]["revised"] == len(kept)
    await same_after_restart(desk)


async def test_a_session_after_a_filled_one_has_the_features_of_an_unbroken_history(desk: Desk) -> None:
    session = await unknown_session(desk)
    desk.at(desk.exchange.next(session))
    await desk.look()
    broken = desk.pipeline.memory.features[desk.exchange.next(session)]
    async with desk.database.read() as connection:
        panel = await BarStore(connection).tail(10_000, desk.pipeline.memory.tickers)
    whole = desk.provider.panel
    rows = slice(whole.sessions.index(panel.sessions[0]), whole.sessions.index(panel.sessions[-1]) + 1)
    assert panel.sessions == whole.sessions[rows]
    assert_array_equal(panel.close, whole.close[rows])
    assert np.isfinite(broken).mean() > 0.9


async def test_after_a_jump_of_the_clock_the_sessions_are_filled_in_as_their_days_come(desk: Desk) -> None:
    ahead = desk.exchange.sessions(FIRST + timedelta(days=1), date(2004, 8, 31))
    desk.provider.published = FIRST
    desk.at(ahead[-1], minutes=desk.settings.schedule.data_deadline_minutes)
    assert await desk.look() == len(ahead)
    assert np.isnan(remembered(desk, ahead[5])).all()
    for session in ahead[:3]:
        desk.provider.published = session
        desk.clock._at = desk.clock._at.replace(year=2004, month=session.month, day=session.day)
        assert await desk.look() == 0
        assert_array_equal(remembered(desk, session), truth(desk, session))
        assert await desk.look() == 0
    fills = await desk.results("fill")
    assert [fills[day]["bars"] for day in ahead[:3]] == [len(desk.pipeline.memory.tickers)] * 3
    assert np.isnan(remembered(desk, ahead[3])).all()
    await same_after_restart(desk)


async def test_a_provider_that_is_down_is_asked_for_late_bars_again(desk: Desk) -> None:
    session = await unknown_session(desk)
    desk.provider.down = True
    desk.restart()
    await desk.pipeline.restore()
    assert await desk.look() == 0
    assert session not in await desk.results("fill")
    desk.provider.down = False
    assert await desk.look() == 0
    assert_array_equal(remembered(desk, session), truth(desk, session))


async def test_a_corrected_bar_is_kept_beside_what_was_known_before(desk: Desk) -> None:
    session = desk.exchange.next(FIRST)
    desk.provider.panel = change(desk.provider.panel, FIRST, "IBM", close=1.001, adj_close=1.001)
    desk.at(session)
    await desk.look()
    column = desk.pipeline.memory.tickers.index("IBM")
    assert remembered(desk, FIRST)[CLOSE, column] == truth(desk, FIRST)[CLOSE, column]
    async with desk.database.read() as connection:
        (row,) = (await connection.execute(select(bar_revisions))).all()
    assert (row.session, row.ticker, row.kind) == (FIRST, "IBM", "correction")
    assert row.close == pytest.approx(truth(desk, FIRST)[CLOSE, column] / 1.001)
    await same_after_restart(desk)


async def test_a_corrected_entry_changes_the_outcome_in_the_store_and_in_the_book_alike(desk: Desk) -> None:
    entry = desk.exchange.next(FIRST)
    days = desk.exchange.sessions(entry, date(2004, 6, 11))
    for session in days:
        desk.at(session)
        await desk.look()
    ticker, came = next(
        (row[1], row[-1]) for row in await rows_of(desk, outcomes, FIRST) if row[-1] is not None
    )
    book = desk.pipeline.memory.book
    factor = 0.8 if came == 0.0 else 1.25  # the entry was that much cheaper, or dearer
    desk.provider.panel = change(
        desk.provider.panel, entry, str(ticker), open=factor, low=min(factor, 1.0), high=max(factor, 1.0)
    )
    desk.at(desk.exchange.next(days[-1]))
    await desk.look()
    assert {row[1]: row[-1] for row in await rows_of(desk, outcomes, FIRST)}[ticker] not in {came, None}
    assert desk.pipeline.memory.book != book
    await same_after_restart(desk)


async def test_a_store_without_regimes_enters_its_outcomes_under_none(desk: Desk) -> None:
    """A store of an earlier version holds forecasts and no regimes: they count for all regimes together."""
    for session in desk.exchange.sessions(desk.exchange.next(FIRST), date(2004, 6, 11)):
        desk.at(session)
        await desk.look()
    async with desk.database.write() as connection:
        await connection.execute(delete(regimes))
    desk.restart()
    await desk.pipeline.restore()
    assert desk.pipeline.memory.regimes == {}
    assert desk.pipeline.memory.forecast_by_champion(session) != ()
    assert set(desk.pipeline.memory.book.resolved.regimes) <= {""}
    assert desk.pipeline.memory.book.trades > 0
    desk.at(desk.exchange.next(session))
    assert await desk.look() == 1


async def test_a_split_leaves_the_kept_bars_and_is_recorded_once(desk: Desk) -> None:
    first = desk.exchange.next(FIRST)
    later = desk.exchange.next(first)
    panel, column = desk.provider.panel, desk.provider.panel.tickers.index("IBM")
    before = remembered(desk, FIRST).copy()
    factors = dict.fromkeys(FIELDS, 0.5) | {"volume": 2.0}
    fields = {}
    for name, factor in factors.items():
        fields[name] = getattr(panel, name).copy()
        fields[name][:, column] *= factor
    told = replace(panel, **fields)
    desk.provider.panel = told
    for session in (first, later):
        desk.at(session)
        await desk.look()
    desk.provider.panel = panel
    assert_array_equal(remembered(desk, FIRST), before)
    assert_allclose(remembered(desk, first), truth(desk, first), rtol=1e-12)
    assert_allclose(remembered(desk, later), truth(desk, later), rtol=1e-12)
    async with desk.database.read() as connection:
        rows = (await connection.execute(select(bar_revisions))).all()
    assert [(row.session, row.ticker, row.kind, row.factor) for row in rows] == [(FIRST, "IBM", "split", 2.0)]


@pytest.mark.parametrize("factor", [100.0, 0.01])
async def test_a_bar_in_another_unit_is_quarantined_named_and_never_filled_in(
    desk: Desk, factor: float
) -> None:
    session = desk.exchange.next(FIRST)
    sound = desk.provider.panel
    prices = dict.fromkeys((name for name in FIELDS if name != "volume"), factor)
    desk.provider.panel = change(sound, session, "IBM", **prices)
    desk.at(session)
    await desk.look()
    column = desk.pipeline.memory.tickers.index("IBM")
    assert np.isnan(remembered(desk, session)[:, column]).all()
    assert np.isfinite(np.delete(remembered(desk, session), column, axis=1)).all()
    named = (await desk.results("ingest"))[session]["quarantined"]
    assert str(named).startswith(f"['IBM {session}: unit_100x: the price moved by ")
    following = desk.exchange.next(session)
    desk.at(following)
    await desk.look()
    assert np.isnan(remembered(desk, session)[CLOSE, column])
    desk.provider.panel = sound
    desk.at(desk.exchange.next(following))
    await desk.look()
    assert_array_equal(remembered(desk, session), truth(desk, session))
    await same_after_restart(desk)
