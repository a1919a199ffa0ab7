"""The standing: how one channel does, and what each end of a send says about it and about the message."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import structlog

from alerts.channels.channel import (
    ChannelRefusedError,
    DeliveryError,
    Found,
    Pace,
    PartlyTakenError,
    Sighting,
)
from alerts.message import Severity
from daemon.clock import Clock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.breaker import Breaker
from daemon.delivery.marks import Outcome
from daemon.delivery.pacer import Pacer
from daemon.storage.channels import WORKS, ChannelState
from daemon.storage.parcel import URGENCY, Parcel, Status

log = structlog.get_logger("delivery")


class Standing:
    """Holds a channel's pace, breaker and troubles. It sends nothing and writes nothing.

    Attributes:
        state: How the channel does, as it is stored.
        pacer: When it may be sent to next.
        breaker: Whether it is sent to at all.
        held_since: Since when its receiver has asked for silence again and again; None where it has not.
        doubt: Why it would take no message, as far as was asked; "" for no doubt.
    """

    def __init__(
        self, name: str, pace: Pace, settings: DeliverySettings, clock: Clock, *, chance: Random
    ) -> None:
        """Begin with a channel that has always worked."""
        self._name = name
        self._pace = pace
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self.held_since: datetime | None = None
        self.doubt = ""
        self.restore(WORKS)

    @property
    def is_failing(self) -> bool:
        """Whether the channel fails so often that it is only tried now and then."""
        return not self.breaker.is_closed

    def restore(self, state: ChannelState) -> None:
        """Go on from how the channel did before a start: one that failed is tried with one message first.

        What a clock that was ahead has written is corrected: no failure began later than now, and a wish for
        silence beyond the longest that is obeyed is forgotten, as the receiver says it again.
        """
        now = self._clock.now()
        longest = now + timedelta(seconds=self._settings.longest_hold_seconds)
        self.state = state = replace(
            state,
            failing_since=state.failing_since and min(state.failing_since, now),
            held_until=state.held_until if state.held_until and state.held_until <= longest else None,
        )
        self.pacer = Pacer(self._pace)
        self.breaker = Breaker(
            failures=self._settings.breaker_failures,
            first_s=self._settings.probe_seconds,
            longest_s=self._settings.longest_probe_seconds,
            chance=self._chance,
            probing=state.failing_since is not None,
        )
        if state.held_until is not None:
            self.pacer.hold(self._clock.seconds() + (state.held_until - now).total_seconds())

    def arrived(self, parcel: Parcel, reference: str) -> Outcome:
        """The receiver has it: the channel works."""
        recovered, changed = self.breaker.succeeded(), self.state != WORKS
        self.state, self.doubt, self.held_since = WORKS, "", None
        now = self._clock.now()
        return Outcome(
            parcel, Status.SENT, now, reference=reference, changed=changed, recovered=recovered or changed
        )

    def partly(self, parcel: Parcel, error: PartlyTakenError) -> Outcome:
        """Some of the channel's recipients have it: the channel works, and the others are tried, or named."""
        before, recovered = self.state, self.breaker.succeeded()
        self.doubt, self.held_since = "", None
        if error.again:
            self.state = WORKS if before.failing_since or before.held_until else before
            outcome = self.again(parcel, Status.RETRY, str(error), fault=True)
        else:
            critical = parcel.severity == URGENCY[Severity.CRITICAL]
            known = before.trouble == str(error)
            self.state = ChannelState(trouble=str(error), critical=critical or (known and before.critical))
            outcome = Outcome(parcel, Status.SENT, self._clock.now(), error=str(error))
        recovered = recovered or before.failing_since is not None
        changed = self.state != before
        return replace(outcome, reference=error.reference, changed=changed, recovered=recovered)

    def sighted(self, parcel: Parcel, found: Found) -> Outcome:
        """The receiver was asked: it arrived, it may be sent again, or it may still be on its way."""
        now = self._clock.now()
        if found.sighting is Sighting.ARRIVED:
            return self.arrived(parcel, found.reference)
        recovered = self.breaker.succeeded()
        settled = (parcel.tried_at or now) + timedelta(seconds=self._settings.settle_seconds)
        status, due = (Status.RETRY, None) if now >= settled else (Status.UNKNOWN, settled)
        return Outcome(
            parcel,
            status,
            now,
            reference=found.reference,
            error="has not arrived",
            due=due,
            counted=False,
            recovered=recovered,
        )

    def answered(self, parcel: Parcel) -> Outcome:
        """A receiver that cannot be asked about a message answers: it may be sent again, at its pace."""
        recovered, now = self.breaker.succeeded(), self._clock.now()
        text = "may have arrived; the receiver answers again"
        return Outcome(parcel, Status.UNKNOWN, now, error=text, counted=False, recovered=recovered)

    def failed(self, parcel: Parcel, status: Status, error: Exception, *, copy: bool = False) -> Outcome:
        """Count a failure against the channel, and against the message while the channel works."""
        fault = self.breaker.is_closed
        if self.breaker.failed(self._clock.seconds()):
            log.warning("channel fails; it is tried now and then", channel=self._name, reason=str(error))
        changed = self.state.failing_since is None
        if changed:
            self.state = replace(self.state, failing_since=self._clock.now())
        text = str(error) or "no answer in time"
        return replace(self.again(parcel, status, text, fault=fault, copy=copy), changed=changed)

    def refused(self, parcel: Parcel, error: ChannelRefusedError) -> Outcome:
        """The receiver refuses whatever we send: the message waits until somebody has mended the channel."""
        now = self._clock.now()
        if self.breaker.trip(self._clock.seconds()):
            log.error("channel refuses everything; it is tried now and then", channel=self._name)
        before = self.state
        critical = before.critical or parcel.severity == URGENCY[Severity.CRITICAL]
        since, trouble = before.failing_since or now, before.trouble or f"refuses every message: {error}"
        self.state = replace(before, failing_since=since, trouble=trouble, critical=critical)
        status = Status.UNKNOWN if parcel.unknown else Status.RETRY
        due = now + timedelta(seconds=self._settings.retry_seconds)
        return Outcome(parcel, status, now, error=str(error), due=due, changed=self.state != before)

    def held(self, parcel: Parcel, status: Status, error: DeliveryError, seconds: float) -> Outcome:
        """Obey the receiver's wish for silence: nothing goes there before. An endless one is a failure."""
        now = self._clock.now()
        if self._is_old(parcel, now):
            return self.lost(parcel, f"given up, still asked for silence: {error}")
        seconds = max(0.0, min(seconds, self._settings.longest_hold_seconds))
        self.pacer.hold(self._clock.seconds() + seconds)
        until = now + timedelta(seconds=seconds)
        self.held_since = self.held_since or now
        self.state = replace(self.state, held_until=until)
        return Outcome(parcel, status, now, error=str(error), due=until, changed=True)

    def again(
        self, parcel: Parcel, status: Status, error: str, *, fault: bool, copy: bool = False
    ) -> Outcome:
        """Try again later, or give up: what failed too often on a working channel, or is old and stale."""
        settings, now = self._settings, self._clock.now()
        if parcel.faults + fault >= settings.max_attempts or self._is_old(parcel, now):
            return self.lost(parcel, f"given up after {parcel.attempts + 1} attempts: {error}")
        if status is Status.UNKNOWN and not parcel.unknown:
            pause_s = settings.settle_seconds  # then it is asked for, which does no harm
        else:
            pause_s = min(
                settings.retry_seconds * 2.0 ** min(parcel.attempts, 32), settings.longest_retry_seconds
            )
        due = now + timedelta(seconds=pause_s)
        return Outcome(parcel, status, now, error=error, due=due, fault=fault, copy=copy)

    def lost(self, parcel: Parcel, error: str) -> Outcome:
        """Give a message up; the other channels are told."""
        state = self.state
        critical = state.critical or parcel.severity == URGENCY[Severity.CRITICAL]
        trouble = f"could not deliver {parcel.key}: {error}"
        self.state = replace(state, trouble=trouble, critical=critical, lost=state.lost + 1)
        return Outcome(parcel, Status.FAILED, self._clock.now(), error=error, changed=True)

    def _is_old(self, parcel: Parcel, now: datetime) -> bool:
        """Tell whether a message is too old to be tried any more.

        Age alone says little, because clocks are set; and the newest word about an alert that stands is never
        too old.
        """
        aged = now - parcel.written_at > timedelta(hours=self._settings.max_age_hours)
        return aged and parcel.attempts >= self._settings.max_attempts and not parcel.current
