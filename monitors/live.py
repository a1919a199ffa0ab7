"""Live: the readings that only a running daemon gives, of its providers, channels, steps and punctuality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from monitors.arrays import FloatArray
from monitors.delays import latency_readings, lateness_reading, share_reading, staleness_reading
from monitors.reading import NoData, Reading
from monitors.settings import WatchSettings
from monitors.verdict import Subject


class Outcome(StrEnum):
    """How a call ended. `EMPTY` is an answer without what was asked for."""

    OK = "ok"
    EMPTY = "empty"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a provider.

    Attributes:
        provider: Who was asked.
        session: The session whose bars were asked for.
        began_s: When it began, seconds on the machine's clock.
        seconds: How long it took.
        outcome: How it ended.
    """

    provider: str
    session: date
    began_s: float
    seconds: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests over the network that the calls of a provider took.

    Attributes:
        provider: Who was asked.
        asked: How many there were.
        failed: How many of them failed, whether or not a later one made up for it.
    """

    provider: str
    asked: int
    failed: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One message on its way to a channel.

    Attributes:
        channel: Where it goes.
        written_s: When it was written, seconds on the machine's clock.
        delivered_s: When it was delivered; NaN while it is on its way, infinite where it was given up.
        attempts: Sends so far.
    """

    channel: str
    written_s: float
    delivered_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Live:
    """What a running daemon has seen, of the newest `live_days` days.

    Attributes:
        now_s: The present, seconds on the machine's clock, as all instants here.
        providers: Who serves prices, in the order in which they are asked.
        calls: Calls of providers, oldest first.
        channels: Where messages go.
        sent: Messages, oldest first.
        sessions: Sessions that were run.
        stumbled: How many of them had a step that failed and was tried again.
        due_s: When the session was due; NaN where that was before there was anything to run it.
        forecast_s: When its forecasts were stored.
        requests: One for each provider that is asked over the network.
        beside: Who is asked for something else than prices: of these only the requests are read.
    """

    now_s: float
    providers: tuple[str, ...]
    calls: tuple[Call, ...]
    channels: tuple[str, ...]
    sent: tuple[Sent, ...]
    sessions: int
    stumbled: int
    due_s: float
    forecast_s: float
    requests: tuple[Requests, ...] = ()
    beside: tuple[str, ...] = ()


def live_readings(session: date, live: Live, limits: WatchSettings) -> tuple[Reading, ...]:
    """Every reading of a running daemon; each provider and channel has its own.

    Rates of providers count sessions, not calls: an outage of one evening, asked about every minute, is one
    failure. A failed call has no latency; one that timed out has an infinite one.

    Raises:
        ValueError: When more sessions stumbled than were run.
    """
    readings: list[Reading] = []
    for place, name in enumerate(live.providers):
        readings += _provider(session, name, live, limits, is_fallback=place > 0)
    for name in live.beside:
        readings += _requests(session, name, live, limits)
    for name in live.channels:
        readings += _channel(session, name, live, limits)
    readings.append(_share(session, "job_failure_rate", "sessions", live.stumbled, live.sessions, limits))
    readings.append(_lateness(session, live, limits))
    return tuple(readings)


def _provider(
    session: date, name: str, live: Live, limits: WatchSettings, *, is_fallback: bool
) -> list[Reading]:
    subject = f"provider:{name}"
    own = [call for call in live.calls if call.provider == name]
    asked = {call.session for call in own}
    timed_out = {call.session for call in own if call.outcome is Outcome.TIMEOUT}
    failed = {call.session for call in own if call.outcome is Outcome.FAILED}
    readings = [
        *latency_readings(
            session,
            subject,
            _latencies(own),
            limit_s=limits.provider_slow_s,
            accepted=limits.slow_accepted,
        ),
        _share(session, "timeout_rate", subject, len(timed_out), len(asked), limits),
        _share(session, "failure_rate", subject, len(failed), len(asked), limits),
        staleness_reading(session, subject, _age(own, live.now_s), limit_s=limits.provider_stale_s),
    ]
    readings += _requests(session, name, live, limits)
    if is_fallback:
        every = {call.session for call in live.calls}
        served = {call.session for call in own if call.outcome is Outcome.OK}
        readings.append(_share(session, "fallback_rate", subject, len(served), len(every), limits))
    return readings


def _requests(session: date, name: str, live: Live, limits: WatchSettings) -> list[Reading]:
    return [
        _share(session, "request_failure_rate", f"provider:{name}", took.failed, took.asked, limits)
        for took in live.requests
        if took.provider == name
    ]


def _latencies(calls: Sequence[Call]) -> FloatArray:
    long = {Outcome.TIMEOUT: math.inf, Outcome.FAILED: math.nan}
    return np.array([long.get(call.outcome, call.seconds) for call in calls], dtype=np.float64)


def _age(calls: Sequence[Call], now_s: float) -> float:
    """Seconds since the first call in vain after the newest one that was not; NaN where none ever was."""
    in_vain = math.nan
    for call in reversed(calls):
        if call.outcome is Outcome.OK:
            return 0.0 if math.isnan(in_vain) else now_s - in_vain
        in_vain = call.began_s
    return math.nan


def _channel(session: date, name: str, live: Live, limits: WatchSettings) -> list[Reading]:
    subject = f"channel:{name}"
    own = [message for message in live.sent if message.channel == name]
    ended = [message for message in own if not math.isnan(message.delivered_s)]
    given_up = sum(math.isinf(message.delivered_s) for message in ended)
    again = sum(message.attempts > 1 for message in ended)
    return [
        *latency_readings(
            session,
            subject,
            np.array([_delay(message, live.now_s, limits.channel_slow_s) for message in own], dtype=float),
            limit_s=limits.channel_slow_s,
            accepted=limits.slow_accepted,
        ),
        _share(session, "delivery_failure_rate", subject, given_up, len(ended), limits),
        _share(session, "delivery_retry_rate", subject, again, len(ended), limits),
    ]


def _delay(message: Sent, now_s: float, limit_s: float) -> float:
    """Seconds to delivery; infinite where it has waited longer than the limit, NaN where it may yet come."""
    if math.isnan(message.delivered_s):
        return math.inf if now_s - message.written_s > limit_s else math.nan
    return message.delivered_s - message.written_s


def _share(session: date, metric: str, subject: str, failed: int, of: int, limits: WatchSettings) -> Reading:
    return share_reading(
        session,
        metric,
        subject,
        failed,
        of,
        limit=limits.live_failure_limit,
        accepted=limits.live_failure_accepted,
    )


def _lateness(session: date, live: Live, limits: WatchSettings) -> Reading:
    if math.isnan(live.due_s):
        subject = Subject(session, "execution", "lateness_s", "forecasts", limits.forecast_late_s)
        return subject.unknown(NoData.NOT_EVALUATED, 0, "the first session: nothing ran when it was due")
    due, done = np.array([live.due_s]), np.array([live.forecast_s])
    return lateness_reading(session, due, done, limit_s=limits.forecast_late_s)
