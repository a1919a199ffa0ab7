"""Asking for tickers one by one, several at once: a ticker that fails never fails the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date

from market.bars import Bars, panel_of
from market.provider import (
    Fetched,
    ProviderError,
    ProviderTimeoutError,
    TransientProviderError,
    UnknownTickerError,
)

Ask = Callable[[str], Awaitable[Bars]]


async def fetch_each(
    provider: str, tickers: Sequence[str], start: date, end: date, ask: Ask, *, within_s: float
) -> Fetched:
    """Ask for each ticker's bars and put together what came.

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
    outcomes = await _ask_all(wanted, ask, within_s)
    bars = {ticker: found for ticker, found in outcomes.items() if isinstance(found, dict) and found}
    failed = {
        ticker: _reason(found) if isinstance(found, Exception) else f"{provider} has no bars {start} to {end}"
        for ticker, found in outcomes.items()
        if not (isinstance(found, dict) and found)
    }
    answered = [ticker for ticker, found in outcomes.items() if not isinstance(found, TransientProviderError)]
    if wanted and not answered:
        late = all(isinstance(found, ProviderTimeoutError) for found in outcomes.values())
        raise (ProviderTimeoutError if late else TransientProviderError)(
            f"{provider} answered for none of {len(wanted)} tickers ({wanted[0]}: {failed[wanted[0]]})"
        )
    return Fetched(panel_of(wanted, bars), tuple(failed.items()))


async def _ask_all(
    tickers: tuple[str, ...], ask: Ask, within_s: float
) -> dict[str, Bars | TransientProviderError | UnknownTickerError]:
    async def one(ticker: str) -> Bars | TransientProviderError | UnknownTickerError:
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
