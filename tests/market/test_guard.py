"""The guard: pace, patience and repetition, with time in the test's hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.breaker import CircuitBreaker
from market.bucket import TokenBucket
from market.guard import Guard, Request
from market.limits import Limits
from market.provider import (
    NotSentError,
    PausedError,
    PermanentProviderError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    TransientProviderError,
    UnknownTickerError,
)
from market.retry_after import retry_after_s
from tests.market.provider_cases import JumpingTimer

LIMITS = Limits(per_s=10.0, at_once=2, attempts=4, first_pause_s=1.0, longest_pause_s=20.0, failures=3)
DOWN = TransientProviderError("500")


class Desk:
    """A guard, and a provider that does what it is told."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.timer = JumpingTimer()
        self.told: list[Request] = []
        self.asked_s: list[float] = []
        self.guard = Guard("p", limits, timer=self.timer, chance=Random(7), told=self.told.append)

    async def call(self, *outcomes: str | BaseException) -> str:
        script = list(outcomes)

        async def ask() -> str:
            self.asked_s.append(self.timer.seconds())
            outcome = script.pop(0)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        return await self.guard.call("AAA", ask)

    @property
    def gaps_s(self) -> list[float]:
        return [b - a for a, b in zip(self.asked_s, self.asked_s[1:], strict=False)]


async def test_a_failure_is_asked_again_after_pauses_that_double_within_their_jitter() -> None:
    desk = Desk()
    assert await desk.call(DOWN, DOWN, "bars") == "bars"
    assert 0.5 <= desk.gaps_s[0] <= 1.0
    assert 1.0 <= desk.gaps_s[1] <= 2.0
    assert [request.failure for request in desk.told] == ["500", "500", ""]


async def test_the_last_attempt_s_failure_is_raised() -> None:
    desk = Desk(replace(LIMITS, failures=99))
    with pytest.raises(TransientProviderError, match="fourth"):
        await desk.call(DOWN, DOWN, DOWN, TransientProviderError("fourth"))
    assert len(desk.asked_s) == LIMITS.attempts


async def test_nothing_is_asked_before_retry_after_by_anybody() -> None:
    desk = Desk()
    with pytest.raises(UnknownTickerError):
        await desk.call(RateLimitedError("429", 7.0), UnknownTickerError("no"))
    assert desk.gaps_s[0] >= 7.0
    begun_s = desk.timer.seconds()
    desk.asked_s.clear()
    await asyncio.gather(desk.call(RateLimitedError("429", 9.0), "a"), desk.call("b"), desk.call("c"))
    assert [at_s - begun_s >= 9.0 for at_s in desk.asked_s[2:]] == [True, True]


async def test_a_rate_limit_without_retry_after_holds_everybody_for_the_pause() -> None:
    desk = Desk()
    assert await desk.call(RateLimitedError("429"), "bars") == "bars"
    assert 0.5 <= desk.gaps_s[0] <= 1.0


async def test_a_request_that_was_not_sent_is_no_attempt_and_waits_like_the_others() -> None:
    desk = Desk(replace(LIMITS, attempts=1, failures=1))
    assert await desk.call(*[NotSentError("held", 2.0)] * 3, "bars") == "bars"
    assert min(desk.gaps_s) >= 2.0
    assert [request.failure for request in desk.told] == [""]


async def test_a_silence_too_long_to_wait_for_is_an_error_at_once_and_kept_until_its_end() -> None:
    desk = Desk()
    with pytest.raises(PausedError, match="p wants no request for another 3600 s"):
        await desk.call(RateLimitedError("429", 3600.0), "never asked")
    with pytest.raises(PausedError):
        await desk.call("never asked")
    assert (len(desk.asked_s), desk.timer.slept) == (1, [])
    desk.timer.at_s += 3600.0
    assert await desk.call("bars") == "bars"


@pytest.mark.parametrize("error", [UnknownTickerError("404"), PermanentProviderError("401")])
async def test_what_another_attempt_will_not_mend_is_not_asked_again(error: ProviderError) -> None:
    desk = Desk()
    with pytest.raises(type(error)):
        await desk.call(error)
    assert len(desk.asked_s) == 1


async def test_an_answer_that_does_not_come_is_a_time_out() -> None:
    desk = Desk(replace(LIMITS, timeout_s=0.01, attempts=2))

    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ProviderTimeoutError, match=r"no answer within 0.01 s"):
        await desk.guard.call("AAA", hang)
    assert [request.timed_out for request in desk.told] == [True, True]


async def test_after_failures_in_a_row_nothing_is_asked_until_a_probe_succeeds() -> None:
    desk = Desk(replace(LIMITS, attempts=1))
    for _ in range(3):
        with pytest.raises(TransientProviderError, match="500"):
            await desk.call(DOWN)
    with pytest.raises(PausedError, match=r"p failed 3 times in a row; it is asked again in \d+ s"):
        await desk.call("never asked")
    desk.timer.at_s += LIMITS.first_probe_s
    with pytest.raises(TransientProviderError, match="500"):
        await desk.call(DOWN)
    desk.timer.at_s += LIMITS.first_probe_s / 2 - 1
    with pytest.raises(PausedError):
        await desk.call("never asked")
    desk.timer.at_s += 2 * LIMITS.first_probe_s
    assert await desk.call("bars") == "bars"
    assert await desk.call("bars") == "bars"


async def test_unknown_tickers_never_open_the_breaker() -> None:
    desk = Desk()
    for _ in range(20):
        with pytest.raises(UnknownTickerError):
            await desk.call(UnknownTickerError("404"))
    assert await desk.call("bars") == "bars"


async def test_a_cancelled_probe_leaves_the_way_free_for_the_next() -> None:
    desk = Desk(replace(LIMITS, attempts=1, failures=1))
    with pytest.raises(TransientProviderError):
        await desk.call(DOWN)
    desk.timer.at_s += LIMITS.first_probe_s
    with pytest.raises(asyncio.CancelledError):
        await desk.call(asyncio.CancelledError())
    assert await desk.call("bars") == "bars"


async def test_no_more_are_under_way_at_once_than_allowed() -> None:
    desk, under_way, most = Desk(), 0, 0

    async def ask() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    await asyncio.gather(*(desk.guard.call("AAA", ask) for _ in range(20)))
    assert most == LIMITS.at_once


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=60), st.floats(0.5, 20.0), st.integers(1, 5))
def test_no_span_holds_more_requests_than_its_rate_and_the_burst(
    steps: list[float], per_s: float, burst: int
) -> None:
    bucket, now_s, taken = TokenBucket(per_s=per_s, burst=burst), 0.0, []
    for step in steps:
        now_s += step
        if bucket.wait_s(now_s) == 0:
            bucket.take(now_s)
            taken.append(now_s)
    for i, first in enumerate(taken):
        for j, last in enumerate(taken[i:], start=i):
            assert j - i + 1 <= burst + (last - first) * per_s + 1e-6


def test_failures_side_by_side_count_once() -> None:
    breaker = CircuitBreaker(failures=2, first_s=10.0, longest_s=60.0, chance=Random(1))
    for _ in range(6):
        breaker.fail(began_s=0.0, now_s=1.0)
    assert breaker.is_closed
    breaker.fail(began_s=1.5, now_s=2.0)
    assert not breaker.is_closed


def test_only_one_probe_is_under_way() -> None:
    breaker = CircuitBreaker(failures=1, first_s=10.0, longest_s=60.0, chance=Random(1))
    breaker.fail(0.0, 0.0)
    assert not breaker.admits(4.9)
    assert breaker.admits(10.0)
    breaker.begin()
    assert not breaker.admits(10.0)


NOW = datetime(2024, 3, 7, 21, tzinfo=UTC)
DATE = "Thu, 07 Mar 2024 21:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "Thu, 07 Mar 2024 21:01:30 GMT"}, 90.0),
        ({"Retry-After": "Thu, 07 Mar 2024 20:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_an_instant(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers, NOW) == seconds


def test_an_instant_is_measured_from_the_answer_s_own_date() -> None:
    headers = {"Retry-After": "Thu, 07 Mar 2024 21:00:30 GMT", "Date": DATE}
    assert retry_after_s(headers, NOW - timedelta(hours=1)) == 30.0
