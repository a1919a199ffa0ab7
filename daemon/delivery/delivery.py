"""Delivery: take messages from the outbox, send them, then mark how it ended. Never mark, then send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.channels.channel import Channel
from alerts.message import Event, Severity
from daemon.clock import Clock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.breaker import BreakerState
from daemon.delivery.courier import LOOK_S, Courier, Sleep, Tally
from daemon.delivery.marks import Marks, Outcome
from daemon.delivery.strays import give_up_strays
from daemon.delivery.trouble import tell_trouble
from daemon.live.outage import Outage, is_outage
from daemon.storage.channels import ChannelState, ChannelStore
from daemon.storage.database import Database
from daemon.storage.fallbacks import FallbackStore
from daemon.storage.outbox import OutboxStore
from daemon.storage.parcel import Status, Unsent

JUMP_S: Final = 5.0
"""Seconds by which the machine's clock may be set before what waits is tried at once."""
FIRST_BACKOFF_S: Final = 1.0
LONGEST_BACKOFF_S: Final = 4.0
"""Seconds between two tries of a store that does not work."""

Progress = Callable[[str, str], None]
log = structlog.get_logger("delivery")


class Delivery:
    """Empties the outbox into the channels, each by a courier of its own: no channel waits for another."""

    def __init__(
        self,
        database: Database,
        channels: tuple[Channel, ...],
        settings: DeliverySettings,
        clock: Clock,
        *,
        levels: Mapping[str, Severity] | None = None,
        outage: Outage | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: Random | None = None,
        store: str = "",
        tally: Tally = lambda channel, outcome: None,
    ) -> None:
        """Wire the couriers; nothing is read yet.

        Args:
            database: The store, migrated.
            channels: Where messages go, by name.
            settings: Retries, pauses and limits.
            clock: The machine's own time.
            levels: The least severity each channel is told of when another one fails; everything by default.
            outage: Who is told when the store cannot be used.
            sleep: Waits for so many seconds of the clock.
            chance: Where jitter comes from.
            store: The store's identity, by which receivers tell two daemons apart.
            tally: Is told, by channel, how each send ended.
        """
        self._database = database
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._outage = outage or Outage()
        self._marks = Marks(database, self._write)
        chance = chance or Random()  # noqa: S311 - jitter is no secret
        self._couriers = {
            channel.name: Courier(
                channel,
                database,
                settings,
                clock,
                self._marks,
                sleep=sleep,
                chance=chance,
                store=store,
                tally=tally,
            )
            for channel in channels
        }
        self._levels = {name: (levels or {}).get(name, Severity.INFO) for name in self._couriers}
        self._offset_s = self._offset()

    async def recover(self) -> int:
        """At a start: claims of a process that died become sends of unknown outcome. Returns how many.

        What waits for a channel that is no longer configured is given up, and the others are told.
        """
        now = self._clock.now()
        async with self._database.write() as connection:
            store = OutboxStore(connection)
            abandoned = await store.abandon_claims(now=now)
            await store.forget_future(now=now)  # the clock may have been corrected since
            strays = await give_up_strays(connection, self._levels, now)
            states = await ChannelStore(connection).all()
        for name, courier in self._couriers.items():
            courier.standing.restore(states.get(name, ChannelState()))
        for channel, count in strays.items():
            log.error("messages were given up: their channel is gone", channel=channel, count=count)
        if abandoned:
            log.warning("sends of a stopped process may or may not have arrived", count=abandoned)
        return abandoned

    async def drain(self) -> int:
        """Send everything that may be sent now, the most urgent first. Returns how many sends succeeded."""
        before = sum(courier.sent for courier in self._couriers.values())
        await asyncio.gather(*(_empty(courier) for courier in self._couriers.values()))
        return sum(courier.sent for courier in self._couriers.values()) - before

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        for courier in self._couriers.values():
            courier.woken.set()

    async def run(self, stop: asyncio.Event, progress: Progress = lambda name, note: None) -> None:
        """Send until told to stop. A store that fails is waited for; anything else unexpected ends it.

        Args:
            stop: Ends it.
            progress: Is told, by name and in words, whenever a loop has gone round.
        """
        async with asyncio.TaskGroup() as group:
            for courier in self._couriers.values():
                courier.announces = True
                loop = self._serve(courier, stop, progress)
                group.create_task(loop, name=f"delivery to {courier.name}")
            group.create_task(self._watch(stop, progress), name="delivery")

    async def watch(self) -> None:
        """Look after what no courier sees: a clock that was set, messages that wait too long, trouble."""
        now = self._clock.now()
        if abs(self._offset() - self._offset_s) > JUMP_S:
            log.warning("the machine's clock was set", seconds=round(self._offset() - self._offset_s, 1))
            async with self._database.write() as connection:
                store = OutboxStore(connection)
                await store.forget_future(now=now)
                await store.forget_age(now=now)
            self._offset_s = self._offset()
        await self._fall_back()
        troubled = [courier for courier in self._couriers.values() if self._is_new_trouble(courier)]
        if troubled:
            async with self._database.write() as connection:
                for courier in troubled:
                    await ChannelStore(connection).save(courier.name, courier.standing.state)
                await tell_trouble(connection, self._levels, now)
            self.wake()

    def breakers(self) -> dict[str, BreakerState]:
        """Return each channel's breaker as it stands now."""
        now_s = self._clock.seconds()
        return {name: courier.standing.breaker.state(now_s) for name, courier in self._couriers.items()}

    def distrust(self, name: str, reason: str) -> None:
        """Hear that a channel would take no message: the others are told, until one arrives there."""
        self._couriers[name].standing.doubt = reason

    async def aclose(self) -> None:
        """Drop what is under way, write the marks that are left if that is possible, release connections."""
        for courier in self._couriers.values():
            await courier.drop()
        try:
            await self._marks.flush()
        except Exception as error:
            if not is_outage(error):
                raise
            log.error(
                "outcomes could not be written; the next start asks the receivers", count=self._marks.waiting
            )
        for courier in self._couriers.values():
            await courier.channel.aclose()

    async def _serve(self, courier: Courier, stop: asyncio.Event, progress: Progress) -> None:
        name = f"delivery to {courier.name}"

        async def look() -> bool:
            courier.woken.clear()
            if await courier.step():
                return True
            progress(name, f"sent {courier.sent} messages")
            return False

        await self._loop(name, look, stop, courier.pause_s, courier.woken)

    async def _watch(self, stop: asyncio.Event, progress: Progress) -> None:
        async def look() -> bool:
            await self.watch()
            progress("delivery", "watches its channels")
            return False

        await self._loop("delivery", look, stop, lambda: LOOK_S, asyncio.Event())

    async def _loop(
        self,
        name: str,
        look: Callable[[], Awaitable[bool]],
        stop: asyncio.Event,
        pause_s: Callable[[], float],
        woken: asyncio.Event,
    ) -> None:
        """Look again and again; wait where there was nothing to do, and longer where the store fails."""
        backoff_s = FIRST_BACKOFF_S
        while not stop.is_set():
            try:
                busy = await look()
            except Exception as error:
                if not is_outage(error):
                    raise
                self._outage.report(error, where=name)
                await self._first(stop.wait(), self._sleep(backoff_s))
                backoff_s = min(backoff_s * 2.0, LONGEST_BACKOFF_S)
                continue
            backoff_s = FIRST_BACKOFF_S
            if not busy:
                await self._first(stop.wait(), woken.wait(), self._sleep(pause_s()))

    async def _fall_back(self) -> None:
        """Write what critical messages wait for too long also for the next channel."""
        before = self._clock.now() - timedelta(seconds=self._settings.fallback_seconds)
        failing = [courier.name for courier in self._couriers.values() if courier.standing.is_failing]
        async with self._database.read() as connection:
            due = await FallbackStore(connection).due(before=before, failing=failing)
            if not any(self._may_fall_back(row) for row in due):
                return
        async with self._database.write() as connection:
            store = FallbackStore(connection)
            for row in filter(self._may_fall_back, await store.due(before=before, failing=failing)):
                channel = await store.fall_back(row, self._couriers, wall=self._clock.now())
                place = {"group": row.group, "revision": row.revision, "channel": row.channel}
                log.warning("message falls back", **place, to=channel or "nobody: no channel is left")
        self.wake()

    def _may_fall_back(self, row: Unsent) -> bool:
        """Tell whether another channel is told: not of an end that only waits for its turn to be shown."""
        courier = self._couriers.get(row.channel)
        if row.event != Event.RESOLVED or courier is None or not courier.channel.edits:
            return True
        return courier.standing.is_failing or courier.standing.held_since is not None

    def _is_new_trouble(self, courier: Courier) -> bool:
        """Tell whether a channel has failed for so long that people are told, from now on."""
        standing, now = courier.standing, self._clock.now()
        state = standing.state
        if state.trouble:
            return False
        longest = timedelta(seconds=self._settings.tell_after_seconds)
        if standing.is_failing and state.failing_since and now - state.failing_since >= longest:
            text = f"has not answered since {state.failing_since:%Y-%m-%d %H:%M} UTC"
        elif state.held_until and state.held_until - now >= longest:
            text = f"asks for silence until {state.held_until:%Y-%m-%d %H:%M} UTC"
        elif standing.held_since and now - standing.held_since >= longest:
            text = f"has asked for silence again and again since {standing.held_since:%Y-%m-%d %H:%M} UTC"
        elif standing.doubt:
            text = standing.doubt
        else:
            return False
        standing.state = replace(state, trouble=text)
        return True

    async def _write(self, connection: AsyncConnection, outcome: Outcome) -> None:
        """Write what follows from how a send ended, in one transaction. Twice is once."""
        store, parcel = OutboxStore(connection), outcome.parcel
        await store.mark(
            parcel,
            outcome.status,
            wall=outcome.wall,
            reference=outcome.reference,
            error=outcome.error,
            due=outcome.due,
            counted=outcome.counted,
            fault=outcome.fault,
            copy=outcome.copy,
        )
        if outcome.status is Status.FAILED:
            await FallbackStore(connection).fall_back(parcel, self._couriers, wall=outcome.wall)
        if outcome.changed:
            await ChannelStore(connection).save(parcel.channel, self._couriers[parcel.channel].standing.state)
            if await tell_trouble(connection, self._levels, outcome.wall):
                self.wake()
        if outcome.recovered:
            await store.hurry(now=outcome.wall, channel=parcel.channel)

    def _offset(self) -> float:
        """Return the seconds between the machine's clock and the one that nobody sets."""
        return self._clock.now().timestamp() - self._clock.seconds()

    @staticmethod
    async def _first(*waits: Awaitable[Any]) -> None:
        """Wait for the first of several and cancel the others."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _empty(courier: Courier) -> None:
    """Send until nothing more may be sent now."""
    while await courier.step():
        pass
    await courier.land()
    if await courier.step():
        await _empty(courier)
