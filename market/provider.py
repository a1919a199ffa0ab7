"""The seam through which prices arrive: what a provider promises, and how it may fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from market.panel import Panel
from market.splits import Splits


class ProviderError(Exception):
    """A provider did not give what it was asked for."""


class TransientProviderError(ProviderError):
    """It may work later: no answer in time, no network, a rate limit. Try again after a while."""


class ProviderTimeoutError(TransientProviderError):
    """No answer came in time."""


class RateLimitedError(TransientProviderError):
    """The provider wants fewer requests.

    Attributes:
        retry_after_s: Seconds of silence that it asked for; None where it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotSentError(RateLimitedError):
    """The request was about to be sent when another one was told to slow down."""


class UnusableAnswerError(TransientProviderError):
    """An answer came and is not what was asked for, as an error page instead of bars."""


class PausedError(TransientProviderError):
    """Nothing was asked: the provider failed too often, or wants silence for longer than is waited for."""


class PermanentProviderError(ProviderError):
    """It will not work until a person changes something; the message says what."""


class UnknownTickerError(ProviderError):
    """The provider answered that it does not know the ticker."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a provider returned.

    Attributes:
        panel: The tickers asked for, in that order; a ticker that failed is a column of NaN.
        failed: (ticker, reason) of each ticker that failed.
        sources: (ticker, provider) of each ticker with bars, told by a chain; a ticker's bars are all of one
            provider.
        splits: Those from the first session asked for up to today, of each ticker of which the provider tells
            them; by them its volume differs from raw shares.
    """

    panel: Panel
    failed: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    splits: Splits = field(default_factory=dict)


class PriceProvider(Protocol):
    """Anything that can be asked for daily bars."""

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the bars from `start` to `end`, both inclusive.

        Sessions are those for which any ticker has a bar. A session that has not closed yet may come back
        with the prices so far: ask for closed sessions only. One ticker's failure is its own.

        Raises:
            TransientProviderError: Nothing came, another attempt may succeed.
            PermanentProviderError: Nothing came, another attempt will not help.
        """
        ...
