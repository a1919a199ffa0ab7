"""The guard: every request to a provider goes through it, in time, at its pace, again where that may help."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TypeVar

from market.breaker import CircuitBreaker
from market.bucket import TokenBucket
from market.limits import Limits
from market.provider import (
    NotSentError,
    PausedError,
    PermanentProviderError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    TransientProviderError,
)
from market.timer import MachineTimer, Timer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has ended.

    Attributes:
        provider: Who was asked.
        what: What was asked for, as a ticker.
        began_at: When, aware UTC.
        seconds: How long it took.
        failure: Why it failed, in words, whether or not a later one made up for it; "" where it did not.
        timed_out: Whether no answer came in time.
    """

    provider: str
    what: str
    began_at: datetime
    seconds: float
    failure: str = ""
    timed_out: bool = False


def ignore(_: Request) -> None:
    """Take note of nothing."""


class Guard:
    """Lets requests pass at their pace, and repeats those that failed by something that may pass."""

    def __init__(
        self,
        provider: str,
        limits: Limits,
        *,
        timer: Timer | None = None,
        chance: Random | None = None,
        told: Callable[[Request], None] = ignore,
    ) -> None:
        """Begin with a full bucket and a closed breaker.

        Args:
            provider: Who is asked, for messages.
            limits: How.
            timer: Measures and waits; None takes the machine's own.
            chance: Where the jitter comes from; None takes chance itself.
            told: Hears how each request ended.
        """
        self.provider = provider
        self.limits = limits
        self._timer = timer or MachineTimer()
        self._chance = chance or Random()  # noqa: S311 - jitter, not a secret
        self._told = told
        self._bucket = TokenBucket(per_s=limits.per_s, burst=limits.at_once)
        self._slots = asyncio.Semaphore(limits.at_once)
        self._breaker = CircuitBreaker(
            failures=limits.failures,
            first_s=limits.first_probe_s,
            longest_s=limits.longest_probe_s,
            chance=self._chance,
        )

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return self._timer.now()

    async def call(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` brings, asking again after a pause where it failed by something that may pass.

        Args:
            what: What is asked for, as a ticker.
            ask: One request. It raises a `ProviderError`; whatever else it raises passes through.

        Raises:
            PausedError: Nothing may be asked for a while.
            TransientProviderError: The last attempt failed.
            UnknownTickerError: The provider does not know what was asked for.
            PermanentProviderError: Another attempt will not help.
        """
        attempt = 1
        while True:
            try:
                return await self._once(what, ask)
            except PausedError:
                raise
            except NotSentError:
                continue
            except TransientProviderError as error:
                if attempt >= self.limits.attempts:
                    raise
                pause_s = self._pause_s(attempt)
                if not isinstance(error, RateLimitedError):
                    await self._timer.sleep(pause_s)
                elif error.retry_after_s is None:
                    self._bucket.hold(self._timer.seconds() + pause_s)
                attempt += 1

    async def _once(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        async with self._slots:
            await self._turn()
            began_s, began_at = self._timer.seconds(), self._timer.now()
            self._breaker.begin()
            try:
                async with asyncio.timeout(self.limits.timeout_s):
                    answer = await ask()
            except TimeoutError as error:
                late = ProviderTimeoutError(f"no answer within {self.limits.timeout_s:g} s")
                self._failed(what, began_s, began_at, late)
                raise late from error
            except NotSentError as error:
                self._bucket.hold(self._timer.seconds() + (error.retry_after_s or 0.0))
                self._breaker.abandon()
                raise
            except TransientProviderError as error:
                self._failed(what, began_s, began_at, error)
                raise
            except PermanentProviderError as error:
                self._breaker.abandon()
                self._tell(what, began_s, began_at, error)
                raise
            except ProviderError:  # an answer, if not the one hoped for
                self._breaker.succeed()
                self._tell(what, began_s, began_at)
                raise
            except BaseException:
                self._breaker.abandon()
                raise
            self._breaker.succeed()
            self._tell(what, began_s, began_at)
            return answer

    async def _turn(self) -> None:
        """Wait until a request may begin, and count it.

        Raises:
            PausedError: That is too long a wait.
        """
        while True:
            now_s = self._timer.seconds()
            if not self._breaker.admits(now_s):
                raise PausedError(
                    f"{self.provider} failed {self.limits.failures} times in a row; "
                    f"it is asked again in {self._breaker.wait_s(now_s):.0f} s"
                )
            if (held_s := self._bucket.held_s(now_s)) > self.limits.longest_pause_s:
                raise PausedError(f"{self.provider} wants no request for another {held_s:.0f} s")
            if (wait_s := self._bucket.wait_s(now_s)) <= 0:
                self._bucket.take(now_s)
                return
            await self._timer.sleep(wait_s)

    def _failed(self, what: str, began_s: float, began_at: datetime, error: TransientProviderError) -> None:
        now_s = self._timer.seconds()
        self._breaker.fail(began_s, now_s)
        if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
            self._bucket.hold(now_s + error.retry_after_s)
        self._tell(what, began_s, began_at, error)

    def _tell(
        self, what: str, began_s: float, began_at: datetime, error: ProviderError | None = None
    ) -> None:
        seconds = self._timer.seconds() - began_s
        failure = "" if error is None else str(error) or type(error).__name__
        late = isinstance(error, ProviderTimeoutError)
        self._told(Request(self.provider, what, began_at, seconds, failure, late))

    def _pause_s(self, attempt: int) -> float:
        """Return the pause after an attempt: doubling, and between half of it and the whole by chance."""
        whole_s = min(self.limits.first_pause_s * 2.0 ** (attempt - 1), self.limits.longest_pause_s)
        return whole_s * (0.5 + 0.5 * self._chance.random())
