"""The outbox under anything: sends, lost replies, deaths, failing marks, in any order.

Never lost, never sent twice without a doubt in between, never out of order within a group.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from alerts.channels.channel import Found, Pace, Sighting, TransientError, UnknownOutcomeError
from alerts.message import Event, Message, Severity
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database, DatabaseError
from daemon.storage.schema import channels, metadata, outbox
from tests.daemon.outbox_desk import Desk, Receiver, message

pytestmark = pytest.mark.no_cover  # it repeats what other tests count

MOST_COPIES = DeliverySettings().max_copies
ARRIVES, REFUSED, BUSY, LOST, LOST_AFTER, DIES, DIES_AFTER, UNMARKED = range(8)
"""What may happen to a send; AFTER: the receiver has got it."""


class Fickle(Receiver):
    """A receiver that does what the machine decided for each request, and remembers what it really got."""

    def __init__(self, name: str, *, remembers: bool) -> None:
        super().__init__(name, pace=Pace(per_s=1e6, burst=1_000_000), remembers=remembers)
        self.fates: list[int] = []
        self.doubts: Counter[str] = Counter()
        self.dying = asyncio.Event()
        self.unmarkable: Callable[[], None] = lambda: None

    async def send(self, message: Message, *, living: str = "") -> str:
        fate = self.fates.pop(0) if self.fates else ARRIVES
        if fate == REFUSED:
            raise TransientError("500")
        if fate == BUSY:
            raise TransientError("429", retry_after_s=7.0)
        if fate in (LOST, DIES):
            self.doubts[message.key] += 1
        if fate == LOST:
            raise UnknownOutcomeError("lost")
        if fate == DIES:
            await self._hang()
        self.take(message)
        if fate in (LOST_AFTER, DIES_AFTER):
            self.doubts[message.key] += 1
        if fate == LOST_AFTER:
            raise UnknownOutcomeError("lost")
        if fate == DIES_AFTER:
            await self._hang()
        if fate == UNMARKED:
            self.unmarkable()
        return f"ref-{len(self.took)}"

    async def find(self, message: Message, *, living: str = "") -> Found:
        found = await super().find(message, living=living)
        return found if self.remembers else Found(Sighting.UNKNOWABLE)

    async def _hang(self) -> None:
        self.dying.set()
        await asyncio.Event().wait()


class OutboxMachine(RuleBasedStateMachine):
    """Drives a delivery to two channels: one that can be asked what it has, and one that cannot."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.written: set[str] = set()
        self.unwritable = 0

    @initialize()
    def begin(self) -> None:
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        self.database = Database(self.url, durable=False)
        async with self.database.write() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(delete(outbox))
            await connection.execute(delete(channels))
        self.desk = Desk(self.database)
        self.asked, self.blind = Fickle("asked", remembers=True), Fickle("blind", remembers=False)
        write = Delivery._write
        machine = self

        async def failing(self: Delivery, connection: object, outcome: object) -> None:
            if machine.unwritable:
                machine.unwritable -= 1
                raise DatabaseError("database or disk is full")
            await write(self, connection, outcome)  # type: ignore[arg-type]

        self._failing = failing
        self.asked.unmarkable = self.blind.unmarkable = self._fill_the_disk
        self._open()

    def _fill_the_disk(self) -> None:
        self.unwritable = 2

    def _open(self) -> None:
        for channel in (self.asked, self.blind):
            channel.dying = asyncio.Event()
        delivery = self.desk.open(self.asked, self.blind, fold_above=3, max_attempts=10_000)
        delivery._marks._write = self._failing.__get__(delivery)

    @rule(
        group=st.sampled_from("abcdef"),
        severity=st.sampled_from(Severity),
        event=st.sampled_from([Event.FIRING, Event.RESOLVED, Event.REMINDER]),
        episode=st.sampled_from(["", "1", "2"]),
        count=st.integers(1, 4),
    )
    def write(self, group: str, severity: Severity, event: Event, episode: str, count: int) -> None:
        told = [message(group, severity, event=event, episode=episode) for _ in range(count)]
        self.runner.run(self.desk.put(*told, channels=("asked", "blind"), fallback=("blind", "asked")))

    @rule(channel=st.sampled_from(["asked", "blind"]), fates=st.lists(st.integers(0, 7), max_size=6))
    def decide(self, channel: str, fates: list[int]) -> None:
        getattr(self, channel).fates = fates

    @rule()
    def deliver(self) -> None:
        self.runner.run(self._deliver())

    @rule(seconds=st.sampled_from([1, 5, 30, 200]))
    def pass_time(self, seconds: int) -> None:
        self.desk.clock.advance(self.desk.clock.now() + timedelta(seconds=seconds))
        self.runner.run(self._deliver())

    @rule()
    def restart(self) -> None:
        self.runner.run(self._restart())

    async def _deliver(self) -> None:
        """Deliver once; a death in the middle ends in a restart, a store that fails in another try."""
        for _ in range(20):
            await self.desk.delivery.watch()
            draining = asyncio.create_task(self.desk.delivery.drain())
            deaths = [asyncio.create_task(one.dying.wait()) for one in (self.asked, self.blind)]
            await asyncio.wait([draining, *deaths], return_when=asyncio.FIRST_COMPLETED)
            died = not draining.done()
            for task in (draining, *deaths):
                task.cancel()
            (result, *_) = await asyncio.gather(draining, *deaths, return_exceptions=True)
            if died:
                await self._restart()
            elif isinstance(result, DatabaseError):
                continue
            elif isinstance(result, BaseException):
                raise result
            else:
                return

    async def _restart(self) -> None:
        for courier in self.desk.delivery._couriers.values():
            for key in courier._flying:
                getattr(self, courier.name).doubts[key] += 1
            await courier.drop()
        for outcome in self.desk.delivery._marks._kept:  # what is only remembered dies with the process
            getattr(self, outcome.parcel.channel).doubts[outcome.parcel.key] += 1
        self._open()
        await self.desk.delivery.recover()

    @invariant()
    def nothing_is_sent_twice_without_a_doubt(self) -> None:
        if not hasattr(self, "asked"):
            return
        assert max(Counter(self.asked.keys).values(), default=0) <= 1
        for key, count in Counter(self.blind.keys).items():
            assert count <= 1 + self.blind.doubts[key], key

    @invariant()
    def no_message_overtakes_its_group(self) -> None:
        for channel in (getattr(self, "asked", None), getattr(self, "blind", None)):
            newest: dict[str, int] = {}
            for one in channel.took if channel else ():
                revision = int(one.key.rpartition("/")[2])
                if not one.group.startswith("folded."):
                    assert revision >= newest.get(one.group, 0), one.key
                    newest[one.group] = revision

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.runner.run(self._heal())
        self.runner.close()

    async def _heal(self) -> None:
        """Once everything works again, every message reaches its channel: by itself, or told by another."""
        for channel in (self.asked, self.blind):
            channel.fates = []
        self.unwritable = 0
        for _ in range(12):
            self.desk.clock.advance(self.desk.clock.now() + timedelta(seconds=31))
            await self._deliver()
        rows = {(row.channel, row.key): row for row in await self.desk.rows()}
        for (channel, key), first in rows.items():
            row = first
            while row.status in ("folded", "superseded"):
                row = rows[channel, row.folded_into]
            if row.status == "failed":  # three sends that may each have arrived, where nobody can be asked
                assert channel == "blind", (key, row.key, row.error)
                assert self.blind.doubts[row.key] >= MOST_COPIES, (key, row.key, row.error)
                continue
            assert row.status == "sent", (key, channel, row.key, row.status, row.error)
            assert row.key in getattr(self, channel).keys
        for name in ("asked", "blind"):
            self._no_digest_overtook(name, [row for (channel, _), row in rows.items() if channel == name])
        await self.desk.delivery.aclose()
        await self.database.aclose()

    def _no_digest_overtook(self, channel: str, rows: list[Any]) -> None:
        """What a digest tells comes after every older word about the same group, and before every newer."""
        told: dict[str, list[Any]] = {}
        for row in rows:
            if row.status in ("sent", "folded", "failed"):  # one given up may have arrived
                told.setdefault(row.folded_into or row.key, []).append(row)
        newest: dict[str, int] = {}
        for key in dict.fromkeys(getattr(self, channel).keys):
            for row in sorted(told[key], key=lambda row: row.revision):
                if not row.group_.startswith("folded."):
                    assert row.revision > newest.get(row.group_, 0), (row.key, key)
                    newest[row.group_] = row.revision


def run(url: str, examples: int) -> None:
    run_state_machine_as_test(
        type("Machine", (OutboxMachine,), {"url": url}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_is_lost_doubled_or_out_of_order_whatever_happens(new_url: Callable[[], str]) -> None:
    url = new_url()
    run(url, 20 if url.startswith("sqlite") else 6)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nothing_is_lost_doubled_or_out_of_order_in_many_stories(new_url: Callable[[], str]) -> None:
    run(new_url(), 200)
