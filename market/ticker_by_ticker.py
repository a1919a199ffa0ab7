"""Asking for tickers one by one, several at once: a ticker that fails never fails the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from market.bars import Bars, panel_of
from market.provider import (
    Fetched,
    ProviderError,
    ProviderTimeoutError,
    TransientProviderError,
    UnknownTickerError,
)
from market.splits import Split

T = TypeVar("T")

Ask = Callable[[str], Awaitable[T]]

Outcomes = dict[str, T | TransientProviderError | UnknownTickerError]
"""What came of each ticker."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider tells of one ticker.

    Attributes:
        bars: Its bars.
        splits: Those since the first session asked for; None where the provider does not tell them.
    """

    bars: Bars
    splits: tuple[Split, ...] | None = None


async def fetch_each(
    provider: str, tickers: Sequence[str], start: date, end: date, ask: Ask[Answer], *, within_s: float
) -> Fetched:
    """Ask for each ticker's bars and splits and put together what came.

    Args:
        provider: Who is asked, for messages.
        tickers: What is asked for; one that comes twice is asked for once.
        start: First session asked for, for messages.
        end: Last session asked for, for messages.
        ask: Asks for one ticker; a guard of its own says how many at once.
        within_s: Seconds to wait for all; a ticker without an answer has failed then.

    Raises:
        ProviderTimeoutError: No ticker got an answer in time.
        TransientProviderError: No ticker got an answer.
        PermanentProviderError: The provider will not answer whoever asks for what; the others are not asked.
    """
    wanted = tuple(dict.fromkeys(tickers))
    outcomes = await ask_each(wanted, ask, within_s=within_s)
    answers = {
        ticker: found for ticker, found in outcomes.items() if isinstance(found, Answer) and found.bars
    }
    failed = {
        ticker: _reason(found) if isinstance(found, Exception) else f"{provider} has no bars {start} to {end}"
        for ticker, found in outcomes.items()
        if ticker not in answers
    }
    answered = [ticker for ticker, found in outcomes.items() if not isinstance(found, TransientProviderError)]
    if wanted and not answered:
        late = all(isinstance(found, ProviderTimeoutError) for found in outcomes.values())
        raise (ProviderTimeoutError if late else TransientProviderError)(
            f"{provider} answered for none of {len(wanted)} tickers ({wanted[0]}: {failed[wanted[0]]})"
        )
    panel = panel_of(wanted, {ticker: one.bars for ticker, one in answers.items()})
    splits = {ticker: one.splits for ticker, one in answers.items() if one.splits is not None}
    return Fetched(panel, tuple(failed.items()), splits=splits)


async def ask_each(tickers: Sequence[str], ask: Ask[T], *, within_s: float) -> Outcomes[T]:
    """Ask for tickers at once and return what came of each; one without an answer in time has failed.

    Args:
        tickers: What is asked for, each once.
        ask: Asks for one ticker; a guard of its own says how many at once.
        within_s: Seconds to wait for all.

    Raises:
        PermanentProviderError: The provider will not answer whoever asks for what; the others are not asked.
    """

    async def one(ticker: str) -> T | TransientProviderError | UnknownTickerError:
        try:
            return await ask(ticker)
        except (TransientProviderError, UnknownTickerError) as error:
            return error

    tasks = {ticker: asyncio.create_task(one(ticker)) for ticker in tickers}
    late = ProviderTimeoutError(f"no answer within {within_s:g} s")
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=within_s, return_when=asyncio.FIRST_EXCEPTION)
        return {ticker: task.result() if task.done() else late for ticker, task in tasks.items()}
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def _reason(error: ProviderError) -> str:
    return str(error) or type(error).__name__
