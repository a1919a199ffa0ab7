"""Which sessions are due: catch-up after a stop, late prices, and orders decided too late."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from daemon.due import Due
from daemon.live.feed import FeedError
from daemon.person import lift
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.runs import RunStore
from daemon.storage.schema import accounts
from daemon.storage.trading import PAPER, TradingStore
from daemon.today import Today
from market.exchange import Exchange
from tests.daemon.replays import short_settings
from tests.daemon.sessions.desk import FIRST, Desk
from trading.gate import GateState


async def test_a_new_store_keeps_history_and_judges_the_newest_session_only(
    database: Database, exchange: Exchange, tmp_path: Path
) -> None:
    desk = Desk(database, short_settings(tmp_path), exchange)
    await desk.pipeline.restore()
    assert await desk.look() == 1
    assert list(await desk.results("judge")) == [FIRST]
    assert len(await desk.results("features")) == 321
    assert await desk.gate() is GateState.ACTIVE
    assert await desk.look() == 0


async def test_missed_sessions_are_caught_up_in_order_and_their_late_orders_never_trade(desk: Desk) -> None:
    missed = desk.exchange.sessions(FIRST + timedelta(days=1), date(2004, 6, 8))
    desk.at(missed[-1])
    desk.restart()
    await desk.pipeline.restore()
    await desk.sessions.start()
    assert await desk.gate() is GateState.UNKNOWN
    assert await desk.look() == len(missed)
    assert await desk.gate() is GateState.ACTIVE
    orders = await desk.results("order")
    assert [orders[day]["late"] for day in missed] == [True] * (len(missed) - 1) + [False]
    assert all(orders[day]["orders"] == 0 for day in missed[:-1])


async def test_a_session_waits_for_its_prices_and_then_runs(desk: Desk) -> None:
    session = desk.exchange.next(FIRST)
    desk.provider.published = FIRST
    desk.at(session)
    with pytest.raises(FeedError, match="100% of the bars of 2004-06-02 are missing so far"):
        await desk.look()
    desk.provider.published = session
    assert await desk.look() == 1
    assert await desk.gate() is GateState.ACTIVE


async def test_without_prices_until_the_deadline_the_gate_is_unknown(desk: Desk) -> None:
    session = desk.exchange.next(FIRST)
    desk.provider.down = True
    desk.at(session)
    with pytest.raises(FeedError, match="the provider is down"):
        await desk.look()
    assert await desk.gate() is GateState.ACTIVE
    desk.at(session, minutes=desk.settings.schedule.data_deadline_minutes)
    assert await desk.look() == 1
    assert await desk.gate() is GateState.UNKNOWN
    desk.provider.down = False
    desk.at(desk.exchange.next(session))
    assert await desk.look() == 1
    assert await desk.gate() is GateState.ACTIVE


async def test_a_start_that_missed_nothing_keeps_the_gate(desk: Desk) -> None:
    desk.restart()
    await desk.pipeline.restore()
    await desk.sessions.start()
    assert await desk.gate() is GateState.ACTIVE


async def test_the_next_alarm_is_the_next_sessions_close_and_a_margin(desk: Desk) -> None:
    assert desk.sessions.next_due_at() == datetime.fromisoformat("2004-06-02T20:30:00+00:00")
    async with desk.database.read() as connection:
        assert await RunStore(connection).last_session("order") == FIRST


async def test_a_death_between_judge_and_order_moves_no_gate_and_loses_no_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise KeyboardInterrupt

    session = desk.exchange.next(FIRST)
    desk.at(session)
    with monkeypatch.context() as patch:
        patch.setattr(desk.pipeline, "_order", die)
        with pytest.raises(KeyboardInterrupt):
            await desk.look()
    desk.restart()
    await desk.pipeline.restore()
    await desk.sessions.start()
    assert await desk.gate() is GateState.ACTIVE
    assert await desk.look() == 1
    assert (await desk.results("order"))[session]["late"] is False


async def test_a_death_in_the_first_session_leaves_no_hole_behind(
    database: Database, exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise KeyboardInterrupt

    desk = Desk(database, short_settings(tmp_path), exchange)
    await desk.pipeline.restore()
    with monkeypatch.context() as patch:
        patch.setattr(desk.pipeline, "_order", die)
        with pytest.raises(KeyboardInterrupt):
            await desk.look()
    later = date(2004, 6, 8)
    desk.at(later)
    desk.restart()
    await desk.pipeline.restore()
    await desk.look()
    assert tuple(await desk.results("order")) == exchange.sessions(FIRST, later)


async def test_a_history_with_a_hole_is_refused_and_nothing_is_kept(
    database: Database, exchange: Exchange, tmp_path: Path
) -> None:
    desk = Desk(database, short_settings(tmp_path), exchange)
    whole = desk.provider.panel
    close = whole.close.copy()
    close[:, whole.tickers.index("IBM")] = np.nan
    desk.provider.panel = replace(whole, close=close)
    await desk.pipeline.restore()
    with pytest.raises(FeedError, match="no history for IBM yet"):
        await desk.look()
    assert await desk.results("ingest") == {}
    desk.provider.panel = whole
    assert await desk.look() == 1


async def test_a_stop_during_the_first_fetch_ends_it(
    database: Database, exchange: Exchange, tmp_path: Path
) -> None:
    desk = Desk(database, short_settings(tmp_path), exchange)
    await desk.pipeline.restore()
    stop = asyncio.Event()
    stop.set()
    assert await desk.sessions.run_due(stop) == 0


async def close_gate(desk: Desk, rule: str) -> None:
    """Latch the gate as a rule would, or a person."""
    async with desk.database.write() as connection:
        store = GateStore(connection)
        before = await store.hold(desk.clock.now())
        after = replace(
            before, state=GateState.REDUCE_ONLY, latched=True, epoch=before.epoch + 1, rule=rule, reason="x"
        )
        await store.move(before, after, session=None)


async def lift_gate(desk: Desk) -> None:
    async with desk.database.write() as connection:
        await lift(connection, epoch=None, at=desk.clock.now(), reason="checked", actor="ann")


@pytest.mark.parametrize(("rule", "anew"), [("drawdown_10pct", True), ("", False)])
async def test_only_a_lift_of_what_a_rule_latched_starts_the_drawdown_anew(
    desk: Desk, rule: str, anew: bool
) -> None:
    async with desk.database.write() as connection:
        await connection.execute(update(accounts).values(peak=2_000_000.0))
    await close_gate(desk, rule)
    await lift_gate(desk)
    session = desk.exchange.next(FIRST)
    desk.at(session)
    await desk.look()
    async with desk.database.read() as connection:
        book = await TradingStore(connection).account_at(PAPER, session)
    assert (book.drawdown < 0.01) is anew


async def test_a_lift_while_a_session_runs_is_not_undone_by_its_old_readings(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk.database.write() as connection:
        await connection.execute(update(accounts).values(peak=2_000_000.0))
    session = desk.exchange.next(FIRST)
    desk.at(session)
    await desk.look()
    assert await desk.gate() is GateState.HALTED  # half of the peak is gone
    following = desk.exchange.next(session)
    desk.at(following)
    monitor = desk.pipeline._monitor

    async def lift_first(due: Due, today: Today) -> None:
        await lift_gate(desk)
        await monitor(due, today)

    with monkeypatch.context() as patch:
        patch.setattr(desk.pipeline, "_monitor", lift_first)
        await desk.look()
    assert await desk.gate() is GateState.UNKNOWN
    desk.at(desk.exchange.next(following))
    await desk.look()
    assert await desk.gate() is GateState.ACTIVE
