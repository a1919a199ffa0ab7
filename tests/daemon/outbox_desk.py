"""A desk with an outbox: messages to put in, scripted channels to take them out, and a clock to set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from alerts.channels.channel import Channel, Found, Pace, Sighting
from alerts.message import Event, Finding, Message, Severity
from daemon.clock import ReplayClock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.channels import ChannelState, ChannelStore
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore
from daemon.storage.schema import outbox

START = datetime(2024, 1, 2, 21, 30, tzinfo=UTC)
ENDLESS = Pace(per_s=1e6, burst=1_000_000)


class Receiver:
    """A channel that does in turn what the test says; then it succeeds.

    An entry of the script is an exception to raise, or a coroutine function to await before it succeeds.
    `took` is what the receiver really has, whatever the sender was told.
    """

    def __init__(
        self,
        name: str = "slack",
        *script: Exception | Callable[[], Awaitable[None]],
        pace: Pace = ENDLESS,
        remembers: bool = False,
        edits: bool = False,
    ) -> None:
        self.edits = edits
        self.name = name
        self.script = list(script)
        self.pace = pace
        self.remembers = remembers
        self.down: Exception | None = None
        self.took: list[Message] = []
        self.took_at: list[datetime] = []
        self.living: list[str] = []
        self.asked: list[str] = []
        self.tried = 0
        self.checked = 0
        self.found: Found | Exception | None = None
        self.clock: ReplayClock | None = None
        self.closed = False

    async def send(self, message: Message, *, living: str = "") -> str:
        self.tried += 1
        if self.down is not None:
            raise self.down
        if self.script:
            next_ = self.script.pop(0)
            if isinstance(next_, Exception):
                raise next_
            await next_()
        self.take(message)
        self.living.append(living)
        return f"ref-{len(self.took)}"

    def take(self, message: Message) -> None:
        self.took.append(message)
        if self.clock is not None:
            self.took_at.append(self.clock.now())

    async def find(self, message: Message, *, living: str = "") -> Found:
        self.asked.append(message.key)
        if isinstance(self.found, Exception):
            raise self.found
        if self.found is not None:
            return self.found
        if not self.remembers:
            return Found(Sighting.UNKNOWABLE)
        keys = [taken.key for taken in self.took]
        if message.key in keys:
            return Found(Sighting.ARRIVED, f"ref-{keys.index(message.key) + 1}")
        return Found(Sighting.ABSENT)

    async def check(self) -> None:
        self.checked += 1
        if self.down is not None:
            raise self.down

    async def aclose(self) -> None:
        self.closed = True

    @property
    def keys(self) -> list[str]:
        return [message.key for message in self.took]


def message(
    group: str = "drawdown_10pct",
    severity: Severity = Severity.CRITICAL,
    *,
    event: Event = Event.FIRING,
    episode: str = "",
) -> Message:
    return Message(
        key="",
        group=group,
        event=event,
        severity=severity,
        title=f"{group} is past its limit",
        session="2024-01-02",
        findings=(Finding("account", "11 %", "> 10 %", 1, "", "2024-01-02"),),
        done="Trading went from ACTIVE to REDUCE_ONLY (epoch 2).",
        runbook="",
        episode=episode,
        at="2024-01-02T21:30:00+00:00",
    )


@dataclass
class Desk:
    """A store, a clock, channels and the delivery between them."""

    database: Database
    clock: ReplayClock = field(default_factory=lambda: ReplayClock(START))
    channels: tuple[Receiver, ...] = ()
    delivery: Delivery = field(init=False)
    slept: list[float] = field(default_factory=list)

    def open(self, *channels: Receiver, **settings: float) -> Delivery:
        """Start a delivery, as a new process would."""
        self.channels = channels
        for channel in channels:
            channel.clock = self.clock
        carriers: Sequence[Channel] = channels
        self.delivery = Delivery(
            self.database,
            tuple(carriers),
            DeliverySettings.model_validate(settings),
            self.clock,
            sleep=self.sleep,
            chance=Random(7),
        )
        return self.delivery

    async def sleep(self, seconds: float) -> None:
        """Wait for ever: only the test moves the clock."""
        self.slept.append(seconds)
        await asyncio.Event().wait()

    def after(self, seconds: float) -> None:
        """Set the clock so many seconds after the start."""
        self.clock.advance(START + timedelta(seconds=seconds))

    async def put(
        self, *messages: Message, channels: tuple[str, ...] = ("slack",), fallback: tuple[str, ...] = ()
    ) -> None:
        """Write messages to the outbox in one transaction, as the judgement does."""
        now = self.clock.now()
        async with self.database.write() as connection:
            store = OutboxStore(connection)
            for one in messages:
                revision = await store.next_revision(one.group)
                await store.add(
                    one.group,
                    revision,
                    asdict(one),
                    one.severity,
                    channels,
                    at=now,
                    wall=now,
                    fallback=fallback,
                )

    async def rows(self) -> list[Any]:
        """Return the outbox, oldest revision first."""
        order = (outbox.c.group_, outbox.c.revision, outbox.c.channel)
        async with self.database.read() as connection:
            return list(await connection.execute(select(outbox).order_by(*order)))

    async def statuses(self) -> dict[str, str]:
        """Return the status of every row by `KEY CHANNEL`."""
        return {f"{row.key} {row.channel}": row.status for row in await self.rows()}

    async def states(self) -> dict[str, ChannelState]:
        """Return how the channels do."""
        async with self.database.read() as connection:
            return await ChannelStore(connection).all()

    async def until(self, seconds: float, *, step: float = 1.0) -> None:
        """Let the delivery work until so many seconds after the start, looking every `step` seconds."""
        end = START + timedelta(seconds=seconds)
        while self.clock.now() < end:
            self.clock.advance(min(end, self.clock.now() + timedelta(seconds=step)))
            await self.delivery.watch()
            await self.delivery.drain()
