"""The courier: carries one channel's messages, one after another, and says how each send ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Final

import structlog

from alerts.channels.channel import (
    Channel,
    ChannelRefusedError,
    Found,
    PartlyTakenError,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.message import Message
from daemon.clock import Clock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.breaker import BreakerState
from daemon.delivery.digests import write_folding
from daemon.delivery.folding import Folding, best_probe, fold, heads, most_urgent, silent
from daemon.delivery.marks import Marks, Outcome
from daemon.delivery.standing import Standing
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore
from daemon.storage.parcel import Parcel, Status, Unsent
from daemon.storage.stored_message import UNREADABLE, read_message

LOOK_S: Final = 1.0
"""Seconds between two looks into the outbox when nothing wakes the courier."""

DOUBTFUL: Final = 5
"""Messages in doubt that are enough to probe a failing channel with: to ask about them harms nobody.

A receiver that hangs would otherwise put one message after another in doubt, none of which may be folded.
"""

Sleep = Callable[[float], Awaitable[None]]
Tally = Callable[[str, Status], None]
log = structlog.get_logger("delivery")


class Courier:
    """Sends to one channel: at its pace, the most urgent first, never two messages of a group out of order.

    Normally one send is under way at a time, so that a death in the middle leaves one message in doubt. One
    that is slow is left to itself after a while, and the next begins.
    """

    def __init__(
        self,
        channel: Channel,
        database: Database,
        settings: DeliverySettings,
        clock: Clock,
        marks: Marks,
        *,
        sleep: Sleep,
        chance: Random,
        store: str = "",
        tally: Tally = lambda channel, outcome: None,
    ) -> None:
        """Take the channel, the store's identity, and who counts how sends end."""
        self.channel = channel
        self.standing = Standing(channel.name, channel.pace, settings, clock, chance=chance)
        self.store = store
        self.woken = asyncio.Event()
        self.sent = 0
        self.announces = False
        self._tally = tally
        self._database = database
        self._settings = settings
        self._clock = clock
        self._marks = marks
        self._sleep = sleep
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._vouched: set[str] = set()
        self._asks_first = True

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name

    def pause_s(self) -> float:
        """Return the seconds until it is worth looking again."""
        now_s = self._clock.seconds()
        wait_s = max(self.standing.pacer.wait_s(now_s), self.standing.breaker.wait_s(now_s))
        return min(wait_s, LOOK_S) if wait_s > 0 else LOOK_S

    async def step(self) -> bool:
        """Claim and send the next message. Returns False where nothing can or may be sent now.

        A slow send goes on by itself after `slow_seconds`.
        """
        self._reap()
        if self._marks.waiting:
            await self._marks.flush()
        now_s = self._clock.seconds()
        state = self.standing.breaker.state(now_s)
        room = 1 if state is BreakerState.HALF_OPEN else self._settings.in_flight
        if state is BreakerState.OPEN or self.standing.pacer.wait_s(now_s) > 0 or len(self._flying) >= room:
            return False
        parcel = await self._claim(probing=state is BreakerState.HALF_OPEN)
        if parcel is None:
            return False
        flight = asyncio.create_task(self._carry(parcel), name=f"send {parcel.key} to {self.name}")
        self._flying[parcel.key] = flight
        timer = asyncio.ensure_future(self._sleep(self._settings.slow_seconds))
        try:
            await asyncio.wait((flight, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        self._reap()
        return True

    async def land(self) -> None:
        """Wait until no send is under way."""
        if self._flying:
            await asyncio.wait(self._flying.values())
        self._reap()

    async def drop(self) -> None:
        """Cancel what is under way; the next start finds out whether it arrived."""
        for flight in self._flying.values():
            flight.cancel()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        self._flying.clear()

    def _reap(self) -> None:
        """Forget the sends that have ended, and raise what a mark raised."""
        for key, flight in list(self._flying.items()):
            if flight.done():
                del self._flying[key]
                flight.result()

    async def _claim(self, *, probing: bool) -> Parcel | None:
        if self._asks_first:  # an idle courier never takes the write lock
            async with self._database.read() as connection:
                unsent = await OutboxStore(connection).unsent(self.name)
            if not self._plan(unsent) and not self._choose(unsent, probing=probing):
                return None
        async with self._database.write() as connection:
            store = OutboxStore(connection)
            unsent = await store.unsent(self.name)
            if plan := self._plan(unsent):
                await write_folding(connection, plan, self._clock.now())
                unsent = await store.unsent(self.name)
            row = self._choose(unsent, probing=probing)
            now, lease_s = self._clock.now(), self._settings.lease_seconds
            parcel = await store.claim(row, now=now, lease_s=lease_s) if row else None
        self._asks_first = parcel is None
        return parcel

    def _choose(self, unsent: tuple[Unsent, ...], *, probing: bool) -> Unsent | None:
        """Return the message to send now: due, ours to take, and the first of its group."""
        now = self._clock.now()

        def is_free(row: Unsent) -> bool:
            if row.key in self._flying:
                return False
            if row.status is Status.CLAIMED:  # where its lease has run out its sender is gone
                return row.leased_until is not None and row.leased_until <= now
            return row.due_at <= now

        free = [row for row in heads(unsent) if is_free(row)]
        last = silent(unsent, edits=self.channel.edits)
        if self.standing.breaker.is_clean:
            return most_urgent(free, last=last)
        # A failing channel is tried with what goes there by itself anyway; the rest is folded afterwards.
        later = {row.key for rows in self._plan(unsent, working=True).digests for row in rows}
        single = [row for row in free if row.key not in later] or free
        if not probing:
            return most_urgent(single, last=last)
        doubtful = {row.key for row in unsent if row.status is Status.UNKNOWN}
        if len(doubtful) >= DOUBTFUL:
            single = [row for row in free if row.key in doubtful]
        return best_probe(single)

    def _plan(self, unsent: tuple[Unsent, ...], *, working: bool | None = None) -> Folding:
        """Decide what is superseded and what is folded; nothing is folded while the channel fails."""
        settings = self._settings
        working = self.standing.breaker.is_clean if working is None else working
        return fold(
            unsent,
            above=settings.fold_above,
            most=settings.fold_most,
            working=working,
            edits=self.channel.edits,
        )

    async def _carry(self, parcel: Parcel) -> None:
        """Send one message, or ask whether it has arrived, and write down how that ended."""
        try:
            message = read_message(parcel.message)
        except UNREADABLE as error:
            outcome = self.standing.again(parcel, Status.RETRY, f"cannot be read: {error!r}", fault=True)
        else:
            deliver = self._find if parcel.unknown else self._send
            outcome = await deliver(parcel, replace(message, store=self.store))
        self._log(outcome)
        await self._marks.write(outcome)
        self.sent += outcome.status is Status.SENT

    async def _send(self, parcel: Parcel, message: Message) -> Outcome:
        standing = self.standing
        standing.pacer.take(self._clock.seconds())
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                reference = await self.channel.send(message, living=parcel.living)
        except TransientError as error:
            # where an earlier send may have arrived, that this one did not says nothing about that one
            return self._failed(parcel, error, Status.UNKNOWN if parcel.unknown else Status.RETRY)
        except (UnknownOutcomeError, TimeoutError) as error:
            return self._failed(parcel, error, Status.UNKNOWN, copy=True)
        except (PartlyTakenError, PermanentError) as error:
            return self._not_taken(parcel, error)
        except Exception as error:  # one message that a channel chokes on never stops the others
            log.exception("channel raised what it should not", **self._place(parcel))
            return standing.again(parcel, Status.UNKNOWN, f"unexpected {error!r}", fault=True, copy=True)
        return standing.arrived(parcel, reference)

    def _not_taken(self, parcel: Parcel, error: PartlyTakenError | PermanentError) -> Outcome:
        match error:
            case PartlyTakenError():
                return self.standing.partly(parcel, error)
            case ChannelRefusedError():
                return self.standing.refused(parcel, error)
            case _:
                return self.standing.lost(parcel, str(error))

    async def _find(self, parcel: Parcel, message: Message) -> Outcome:
        """Ask the receiver about a send whose outcome is unknown. Only then may it be sent again."""
        if parcel.key in self._vouched:
            self._vouched.discard(parcel.key)
            return await self._send(parcel, message)
        self.standing.pacer.take(self._clock.seconds())
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                found = await self.channel.find(message, living=parcel.living)
        except (TransientError, UnknownOutcomeError, TimeoutError) as error:
            return self._failed(parcel, error, Status.UNKNOWN)
        except Exception as error:  # a receiver that cannot be asked is no reason to be silent
            log.warning("receiver cannot be asked", **self._place(parcel), reason=repr(error))
            found = Found(Sighting.UNKNOWABLE)
        if found.sighting is Sighting.UNKNOWABLE:
            return await self._copy(parcel, message)
        return self.standing.sighted(parcel, found)

    async def _copy(self, parcel: Parcel, message: Message) -> Outcome:
        """Where nobody can say whether it arrived, send it again under the same key, a few times.

        Where a reply was lost the receiver must first answer a question that shows nothing, so that one which
        hangs for an hour does not get a copy a minute.
        """
        if parcel.copies >= self._settings.max_copies:
            text = f"no reply to any of {parcel.copies} sends, each of which may have arrived"
            return self.standing.lost(parcel, text)
        if not parcel.copies:  # its sender died
            return await self._send(parcel, message)
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                await self.channel.check()
        except (TransientError, UnknownOutcomeError, TimeoutError) as error:
            return self._failed(parcel, error, Status.UNKNOWN)
        except Exception as error:  # what a send would say counts
            log.warning("receiver cannot be asked", **self._place(parcel), reason=repr(error))
            return await self._send(parcel, message)
        self._vouched.add(parcel.key)
        return self.standing.answered(parcel)

    def _failed(self, parcel: Parcel, error: Exception, status: Status, *, copy: bool = False) -> Outcome:
        if isinstance(error, TransientError) and error.retry_after_s is not None:
            return self.standing.held(parcel, status, error, error.retry_after_s)
        return self.standing.failed(parcel, status, error, copy=copy)

    def _place(self, parcel: Parcel) -> dict[str, object]:
        return {
            "group": parcel.group,
            "revision": parcel.revision,
            "channel": self.name,
            "attempt": parcel.attempts + 1,
        }

    def _log(self, outcome: Outcome) -> None:
        self._tally(self.name, outcome.status)
        place = {**self._place(outcome.parcel), "outcome": outcome.status.value}
        match outcome.status:
            case Status.SENT:
                if self.announces:
                    log.info("sent", **place)
            case Status.FAILED:
                log.error("message given up", **place, reason=outcome.error)
            case _:
                log.warning("message not delivered yet", **place, reason=outcome.error)
