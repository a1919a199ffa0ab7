"""The courier: carries one channel's messages, one after another, and says how each send ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import structlog

from alerts.channels.channel import (
    Channel,
    DeliveryError,
    Found,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.message import Message, Severity
from daemon.breaker import Breaker, BreakerState
from daemon.clock import Clock
from daemon.delivery_settings import DeliverySettings
from daemon.digests import write_folding
from daemon.folding import Folding, best_probe, fold, heads, most_urgent
from daemon.marks import Marks, Outcome
from daemon.pacer import Pacer
from daemon.storage.channels import WORKS, ChannelState
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore
from daemon.storage.parcel import URGENCY, Parcel, Status, Unsent
from daemon.storage.stored_message import UNREADABLE, read_message

LOOK_S: Final = 1.0
"""Seconds between two looks into the outbox when nothing wakes the courier."""

Sleep = Callable[[float], Awaitable[None]]
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
        state: ChannelState = WORKS,
    ) -> None:
        """Take the channel and how it did when it was last heard of."""
        self.channel = channel
        self.state = state
        self.woken = asyncio.Event()
        self.sent = 0
        self.announces = False
        self.doubt = ""
        self.held_since: datetime | None = None
        self._database = database
        self._settings = settings
        self._clock = clock
        self._marks = marks
        self._sleep = sleep
        self._chance = chance
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._asks_first = True
        self.restore(state)

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name

    @property
    def is_failing(self) -> bool:
        """Whether the channel fails so often that it is only tried now and then."""
        return not self.breaker.is_closed

    def restore(self, state: ChannelState) -> None:
        """Go on from how the channel did before a start: one that failed is tried with one message first."""
        self.state = state
        self.pacer = Pacer(self.channel.pace)
        self.breaker = Breaker(
            failures=self._settings.breaker_failures,
            first_s=self._settings.probe_seconds,
            longest_s=self._settings.longest_probe_seconds,
            chance=self._chance,
            probing=state.failing_since is not None,
        )
        if state.held_until is not None:
            left_s = (state.held_until - self._clock.now()).total_seconds()
            self.pacer.hold(self._clock.seconds() + min(left_s, self._settings.longest_hold_seconds))

    def pause_s(self) -> float:
        """Return the seconds until it is worth looking again."""
        now_s = self._clock.seconds()
        wait_s = max(self.pacer.wait_s(now_s), self.breaker.wait_s(now_s))
        return min(wait_s, LOOK_S) if wait_s > 0 else LOOK_S

    async def step(self) -> bool:
        """Claim and send the next message. Returns False where nothing can or may be sent now.

        A slow send goes on by itself after `slow_seconds`.
        """
        self._reap()
        if self._marks.waiting:
            await self._marks.flush()
        now_s = self._clock.seconds()
        state = self.breaker.state(now_s)
        room = 1 if state is BreakerState.HALF_OPEN else self._settings.in_flight
        if state is BreakerState.OPEN or self.pacer.wait_s(now_s) > 0 or len(self._flying) >= room:
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
        if self.breaker.is_clean:
            return most_urgent(free)
        # A failing channel is tried with what goes there by itself anyway; the rest is folded afterwards.
        later = {row.key for rows in self._plan(unsent, working=True).digests for row in rows}
        single = [row for row in free if row.key not in later] or free
        return best_probe(single) if probing else most_urgent(single)

    def _plan(self, unsent: tuple[Unsent, ...], *, working: bool | None = None) -> Folding:
        """Decide what is superseded and what is folded; nothing is folded while the channel fails."""
        settings = self._settings
        working = self.breaker.is_clean if working is None else working
        return fold(unsent, above=settings.fold_above, most=settings.fold_most, working=working)

    async def _carry(self, parcel: Parcel) -> None:
        """Send one message, or ask whether it has arrived, and write down how that ended."""
        try:
            message = read_message(parcel.message)
        except UNREADABLE as error:
            outcome = self._again(parcel, Status.RETRY, f"cannot be read: {error!r}", counted=True)
        else:
            deliver = self._find if parcel.unknown else self._send
            outcome = await deliver(parcel, message)
        self._log(outcome)
        await self._marks.write(outcome)
        self.sent += outcome.status is Status.SENT

    async def _send(self, parcel: Parcel, message: Message) -> Outcome:
        self.pacer.take(self._clock.seconds())
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                reference = await self.channel.send(message, living=parcel.living)
        except TransientError as error:
            # where an earlier send may have arrived, that this one did not says nothing about that one
            status = Status.UNKNOWN if parcel.unknown else Status.RETRY
            if error.retry_after_s is not None:
                return self._held(parcel, status, error, error.retry_after_s)
            return self._failed(parcel, status, error)
        except (UnknownOutcomeError, TimeoutError) as error:
            return self._failed(parcel, Status.UNKNOWN, error)
        except PermanentError as error:
            return self._lost(parcel, str(error))
        except Exception as error:  # one message that a channel chokes on never stops the others
            log.exception("channel raised what it should not", **self._place(parcel))
            return self._again(parcel, Status.UNKNOWN, f"unexpected {error!r}", counted=True)
        return self._arrived(parcel, reference)

    async def _find(self, parcel: Parcel, message: Message) -> Outcome:
        """Ask the receiver about a send whose outcome is unknown. Only then may it be sent again."""
        self.pacer.take(self._clock.seconds())
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                found = await self.channel.find(message, living=parcel.living)
        except TransientError as error:
            if error.retry_after_s is not None:
                return self._held(parcel, Status.UNKNOWN, error, error.retry_after_s)
            return self._failed(parcel, Status.UNKNOWN, error)
        except (UnknownOutcomeError, TimeoutError) as error:
            return self._failed(parcel, Status.UNKNOWN, error)
        except Exception as error:  # a receiver that cannot be asked is no reason to be silent
            log.warning("receiver cannot be asked", **self._place(parcel), reason=repr(error))
            found = Found(Sighting.UNKNOWABLE)
        if found.sighting is Sighting.UNKNOWABLE:  # under the same key, now: it must never be folded
            return await self._send(parcel, message)
        return self._sighted(parcel, found)

    def _sighted(self, parcel: Parcel, found: Found) -> Outcome:
        """Draw the conclusion: it arrived, it may be sent again, or it may still be on its way."""
        now = self._clock.now()
        if found.sighting is Sighting.ARRIVED:
            return self._arrived(parcel, found.reference)
        recovered = self.breaker.succeeded()
        settled = (parcel.tried_at or now) + timedelta(seconds=self._settings.settle_seconds)
        status, due = (Status.RETRY, None) if now >= settled else (Status.UNKNOWN, settled)
        text = "has not arrived"
        return Outcome(parcel, status, now, error=text, due=due, counted=False, recovered=recovered)

    def _arrived(self, parcel: Parcel, reference: str) -> Outcome:
        recovered, changed = self.breaker.succeeded(), self.state != WORKS
        self.state, self.doubt, self.held_since = WORKS, "", None
        now = self._clock.now()
        return Outcome(
            parcel, Status.SENT, now, reference=reference, changed=changed, recovered=recovered or changed
        )

    def _failed(self, parcel: Parcel, status: Status, error: Exception) -> Outcome:
        """Count a failure against the channel, and against the message while the channel works."""
        counted = self.breaker.is_closed
        if self.breaker.failed(self._clock.seconds()):
            log.warning("channel fails; it is tried now and then", channel=self.name, reason=str(error))
        changed = self.state.failing_since is None
        if changed:
            self.state = replace(self.state, failing_since=self._clock.now())
        text = str(error) or "no answer in time"
        return replace(self._again(parcel, status, text, counted=counted), changed=changed)

    def _held(self, parcel: Parcel, status: Status, error: DeliveryError, seconds: float) -> Outcome:
        """Obey the receiver's wish for silence: nothing goes there before. An endless one is a failure."""
        now = self._clock.now()
        if now - parcel.written_at > timedelta(hours=self._settings.max_age_hours):
            return self._lost(parcel, f"given up, still asked for silence: {error}")
        seconds = max(0.0, min(seconds, self._settings.longest_hold_seconds))
        self.pacer.hold(self._clock.seconds() + seconds)
        until = now + timedelta(seconds=seconds)
        self.held_since = self.held_since or now
        self.state = replace(self.state, held_until=until)
        return Outcome(parcel, status, now, error=str(error), due=until, counted=False, changed=True)

    def _again(self, parcel: Parcel, status: Status, error: str, *, counted: bool) -> Outcome:
        """Try again later, or give up."""
        settings, now = self._settings, self._clock.now()
        attempts = parcel.attempts + counted
        old = now - parcel.written_at > timedelta(hours=settings.max_age_hours)
        if attempts >= settings.max_attempts or old:
            return self._lost(parcel, f"given up after {attempts} attempts: {error}")
        if status is Status.UNKNOWN and not parcel.unknown:
            pause_s = settings.settle_seconds  # then it is asked for, which does no harm
        else:
            pause_s = min(settings.retry_seconds * 2.0**parcel.attempts, settings.longest_retry_seconds)
        due = now + timedelta(seconds=pause_s)
        return Outcome(parcel, status, now, error=error, due=due, counted=counted)

    def _lost(self, parcel: Parcel, error: str) -> Outcome:
        """Give a message up; the other channels are told."""
        critical = self.state.critical or parcel.severity == URGENCY[Severity.CRITICAL]
        since = self.state.failing_since
        trouble = self.state.trouble or f"could not deliver {parcel.key}: {error}"
        self.state = replace(self.state, trouble=trouble, critical=critical, failing_since=since)
        return Outcome(parcel, Status.FAILED, self._clock.now(), error=error, changed=True)

    def _place(self, parcel: Parcel) -> dict[str, object]:
        return {
            "group": parcel.group,
            "revision": parcel.revision,
            "channel": self.name,
            "attempt": parcel.attempts + 1,
        }

    def _log(self, outcome: Outcome) -> None:
        place = {**self._place(outcome.parcel), "outcome": outcome.status.value}
        match outcome.status:
            case Status.SENT:
                if self.announces:
                    log.info("sent", **place)
            case Status.FAILED:
                log.error("message given up", **place, reason=outcome.error)
            case _:
                log.warning("message not delivered yet", **place, reason=outcome.error)
