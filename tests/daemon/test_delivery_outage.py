"""The store fails: nothing is sent that cannot be marked, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.clock import ReplayClock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.live.health import Health
from daemon.live.outage import STORE, Outage, is_outage, reason_of
from daemon.live.probe import Probe
from daemon.storage.database import Database, DatabaseError
from daemon.storage.migrate import upgrade
from daemon.storage.outbox import OutboxStore
from daemon.web.status import GateStatus
from tests.daemon.outbox_desk import START, Desk, Receiver, message
from trading.gate import Gate, GateState


class Failing:
    """A store whose writes can be made to fail, before or after they have happened."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before = self.after = False
        self.writes = 0
        write = database.write

        @asynccontextmanager
        async def failing() -> AsyncIterator[AsyncConnection]:
            self.writes += 1
            if self.before:
                raise DatabaseError("database or disk is full")
            async with write() as connection:
                yield connection
            if self.after:
                raise DatabaseError("the answer to the commit was lost")

        monkeypatch.setattr(database, "write", failing)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def store(database: Database, monkeypatch: pytest.MonkeyPatch) -> Failing:
    return Failing(database, monkeypatch)


async def test_where_the_mark_cannot_be_written_nothing_more_is_sent_and_nothing_twice(
    desk: Desk, store: Failing
) -> None:
    slack, email = Receiver("slack"), Receiver("email")

    async def fill_the_disk() -> None:
        store.before = True

    slack.script.append(fill_the_disk)
    desk.open(slack, email)
    await desk.put(message("a"), message("b"))
    with pytest.raises(DatabaseError):
        await desk.delivery.drain()
    store.before = False
    await desk.put(message("c"), channels=("email",))
    store.before = True
    for _ in range(5):
        with pytest.raises(DatabaseError):
            await desk.delivery.drain()
    assert (slack.keys, email.keys) == (["a/1"], [])
    store.before = False
    await desk.delivery.drain()
    assert (slack.keys, email.keys) == (["a/1", "b/1"], ["c/1"])
    assert set((await desk.statuses()).values()) == {"sent"}


async def test_a_mark_whose_commit_was_not_confirmed_is_written_again_without_harm(
    desk: Desk, store: Failing
) -> None:
    slack = Receiver()

    async def lose_the_answer() -> None:
        store.after = True

    slack.script.append(lose_the_answer)
    desk.open(slack)
    await desk.put(message("a"))
    with pytest.raises(DatabaseError):
        await desk.delivery.drain()
    store.after = False
    await desk.delivery.drain()
    (row,) = await desk.rows()
    assert (row.status, row.attempts, slack.keys) == ("sent", 1, ["a/1"])


async def test_a_death_before_the_mark_could_be_written_costs_at_most_one_duplicate(
    desk: Desk, store: Failing
) -> None:
    slack = Receiver()

    async def fill_the_disk() -> None:
        store.before = True

    slack.script.append(fill_the_disk)
    desk.open(slack)
    await desk.put(message("a"), message("b"))
    with pytest.raises(DatabaseError):
        await desk.delivery.drain()
    await desk.delivery.aclose()
    store.before = False
    desk.open(slack)
    await desk.delivery.recover()
    await desk.delivery.drain()
    assert slack.keys == ["a/1", "a/1", "b/1"]


async def test_delivery_waits_out_an_outage_by_itself(desk: Desk, store: Failing) -> None:
    slack, stop = Receiver(), asyncio.Event()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)
        if len(slept) >= 30:
            store.before = False

    health = Health(desk.clock)
    delivery = Delivery(
        desk.database, (slack,), DeliverySettings(), desk.clock, outage=Outage(health), sleep=sleep
    )
    await desk.put(message("a"))
    store.before = True
    running = asyncio.create_task(delivery.run(stop))
    async with asyncio.timeout(30):
        while not slack.took:
            assert not running.done()
            await asyncio.wait([running], timeout=0.01)
    stop.set()
    await running
    assert slack.keys == ["a/1"]
    assert health.doubt(STORE) == "database or disk is full"
    assert {1.0, 2.0, 4.0} <= set(slept)
    assert max(slept) == 4.0


async def test_a_mistake_of_our_own_is_no_outage_and_ends_the_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mistake(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(OutboxStore, "unsent", mistake)
    delivery = desk.open(Receiver())
    async with asyncio.timeout(10):
        with pytest.raises(ExceptionGroup) as told:
            await delivery.run(asyncio.Event())
    assert told.group_contains(ZeroDivisionError)


def state_of(sqlstate: str) -> Exception:
    error = Exception("as Postgres says")
    error.sqlstate = sqlstate  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DatabaseError("gone"), True),
        (OperationalError("x", {}, Exception("database is locked")), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (IntegrityError("x", {}, Exception("UNIQUE")), False),
        (DBAPIError("x", {}, state_of("22021")), False),
        (DBAPIError("x", {}, state_of("53100")), True),
        (ZeroDivisionError(), False),
        (ExceptionGroup("", [TimeoutError(), ZeroDivisionError()]), False),
    ],
)
def test_only_what_may_end_by_itself_is_an_outage(error: Exception, expected: bool) -> None:
    assert is_outage(error) is expected


def test_the_reason_of_an_outage_holds_no_parameter_of_a_statement() -> None:
    error = OperationalError("INSERT", {"password": "hunter2"}, Exception("disk is full\nhunter2"))
    assert reason_of(error) == "disk is full"


class TestProbe:
    @pytest.fixture
    def clock(self) -> ReplayClock:
        return ReplayClock(START)

    async def test_what_it_finds_reaches_the_health_and_ends_the_outage(
        self, desk: Desk, store: Failing
    ) -> None:
        health = Health(desk.clock)
        outage, renewed = Outage(health), []

        async def renew() -> None:
            renewed.append(True)

        probe = Probe(desk.database, desk.clock, health, outage, renew)
        assert await probe.look()
        assert (health.doubt(STORE), renewed) == ("", [])
        store.before = True
        assert not await probe.look()
        assert health.doubt(STORE) == "database or disk is full"
        store.before = False
        assert await probe.look()
        assert (health.doubt(STORE), outage.reason, renewed) == ("", "", [True])

    async def test_a_store_that_does_not_answer_at_all_is_doubted_too(self, desk: Desk) -> None:
        health = Health(desk.clock)

        async def renew() -> None:
            return None

        await Probe(desk.database, desk.clock, health, Outage(health), renew).look()
        desk.after(11)
        assert health.doubt(STORE) == "no answer for more than 10 s"

    @pytest.mark.parametrize(
        ("saved", "shown"),
        [
            (GateState.ACTIVE, GateState.UNKNOWN),
            (GateState.UNKNOWN, GateState.UNKNOWN),
            (GateState.REDUCE_ONLY, GateState.REDUCE_ONLY),
            (GateState.HALTED, GateState.HALTED),
        ],
    )
    def test_a_doubted_gate_is_never_active_and_never_looser_than_saved(
        self, saved: GateState, shown: GateState
    ) -> None:
        gate = GateStatus.of(Gate("global", saved, False, 3, START, "", "", "forewarn"))
        assert gate.doubted("disk is full").state is shown
        assert gate.doubted("") == gate


async def test_a_sqlite_file_that_vanished_is_an_outage_and_its_return_ends_it(tmp_path: Path) -> None:
    here, away = tmp_path / "here.db", tmp_path / "away.db"
    store = Database(f"sqlite:///{here}", durable=False)
    await upgrade(store)
    await asyncio.to_thread(here.rename, away)
    with pytest.raises(DatabaseError, match="its file is gone"):
        async with store.write():
            pass
    await asyncio.to_thread(away.rename, here)
    await Desk(store).put(message("a"))
    assert [row.key for row in await Desk(store).rows()] == ["a/1"]
    await store.aclose()
