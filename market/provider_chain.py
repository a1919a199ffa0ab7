"""The chain of providers: the first is asked for everything, each next for what is still missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date

import numpy as np

from market.bars import Bars, panel_of
from market.panel import FIELDS, Panel
from market.provider import (
    Fetched,
    PermanentProviderError,
    PriceProvider,
    ProviderError,
    ProviderTimeoutError,
    TransientProviderError,
)
from market.splits import Split
from market.timer import MachineTimer, Timer


@dataclass(frozen=True, slots=True)
class Source:
    """A provider and its name, as `yahoo`."""

    name: str
    provider: PriceProvider


@dataclass(slots=True)
class Asked:
    """A call of one provider under way.

    Attributes:
        came: How many of its tickers have a bar of the last session asked for.
    """

    came: int = 0


Asking = Callable[[str, date], AbstractAsyncContextManager[Asked]]
"""Stands around a call of the provider so named for a range that ends with a session."""


@asynccontextmanager
async def unobserved(_provider: str, _session: date) -> AsyncIterator[Asked]:
    """Watch nothing."""
    yield Asked()


class ProviderChain:
    """Asks providers in order, each for the tickers that still lack the last session.

    All bars of a ticker are those of one provider, as two would not tell them in one unit. Where a provider
    answers and has the last session for nobody, it is merely late, as a rule: the next one is asked only
    after a patience, and again after the same, so that a late evening does not use up a paid quota.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        asking: Asking = unobserved,
        patience_s: float = 1200.0,
        answer_s: float = 600.0,
        timer: Timer | None = None,
    ) -> None:
        """Take the providers in the order in which they are asked.

        Args:
            sources: At least one.
            asking: Stands around each call, as to write down how it ended.
            patience_s: Seconds for which an answer without the last session is taken for merely late.
            answer_s: Seconds to wait for a provider's whole answer; each has shorter time-outs of its own.
            timer: Measures; None takes the machine's own.

        Raises:
            ValueError: There is no provider.
        """
        if not sources:
            raise ValueError("provider chain: there is no provider to ask; name one at least")
        self._sources = tuple(sources)
        self._asking = asking
        self._patience_s = patience_s
        self._answer_s = answer_s
        self._timer = timer or MachineTimer()
        self._late: tuple[date, float] | None = None

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the bars from `start` to `end`, both inclusive, and where each ticker's came from.

        Raises:
            ProviderTimeoutError: None answered in time.
            TransientProviderError: All failed, one of them in a way that may pass.
            PermanentProviderError: All failed for good.
        """
        wanted = tuple(dict.fromkeys(tickers))
        missing, reasons = wanted, dict.fromkeys(wanted, "")
        bars: dict[str, tuple[str, Bars]] = {}
        splits: dict[str, Sequence[Split]] = {}
        failures: list[ProviderError] = []
        for source in self._sources:
            try:
                fetched = await self._ask(source, missing, start, end)
            except ProviderError as error:
                failures.append(error)
                for ticker in missing:
                    reasons[ticker] += f"; {source.name}: {error}"
                continue
            for ticker, reason in fetched.failed:
                reasons[ticker] += f"; {source.name}: {reason}"
            for ticker, found in _bars_of(fetched.panel).items():
                if end in found or ticker not in bars:
                    bars[ticker] = (source.name, found)
                    splits.pop(ticker, None)
                    if ticker in fetched.splits:
                        splits[ticker] = fetched.splits[ticker]
            late = _came(fetched.panel, end) == 0
            missing = tuple(ticker for ticker in missing if end not in bars.get(ticker, ("", {}))[1])
            if not missing or (late and self._is_patient(end)):
                break
        if len(failures) == len(self._sources):
            raise _together(failures) from failures[-1]
        failed = tuple((ticker, reasons[ticker][2:] or "no bars") for ticker in wanted if ticker not in bars)
        panel = panel_of(wanted, {ticker: found for ticker, (_, found) in bars.items()})
        sources = tuple((ticker, bars[ticker][0]) for ticker in wanted if ticker in bars)
        return Fetched(panel, failed, sources, splits)

    async def _ask(self, source: Source, tickers: tuple[str, ...], start: date, end: date) -> Fetched:
        async with self._asking(source.name, end) as asked:
            try:
                async with asyncio.timeout(self._answer_s):
                    fetched = await source.provider.fetch(tickers, start, end)
            except TimeoutError as error:
                raise ProviderTimeoutError(f"no answer within {self._answer_s:g} s") from error
            asked.came = _came(fetched.panel, end)
            return fetched

    def _is_patient(self, session: date) -> bool:
        """Whether an answer without the session is waited for, and not made up for by the next provider."""
        now_s = self._timer.seconds()
        if self._late is None or self._late[0] != session:
            self._late = (session, now_s)
        if now_s - self._late[1] < self._patience_s:
            return True
        self._late = (session, now_s)
        return False


def _together(failures: Sequence[ProviderError]) -> ProviderError:
    """Return one error for all: hope is left where one of them may pass."""
    kind: type[ProviderError] = TransientProviderError
    if all(isinstance(error, ProviderTimeoutError) for error in failures):
        kind = ProviderTimeoutError
    elif not any(isinstance(error, TransientProviderError) for error in failures):
        kind = PermanentProviderError
    return kind("; ".join(str(error) or type(error).__name__ for error in failures))


def _bars_of(panel: Panel) -> dict[str, Bars]:
    """Return each ticker's bars; a ticker without any is not in it."""
    cube = np.stack([getattr(panel, field) for field in FIELDS], axis=-1)
    known = ~np.isnan(panel.close)
    return {
        ticker: {panel.sessions[row]: tuple(cube[row, column].tolist()) for row in np.flatnonzero(rows)}
        for column, (ticker, rows) in enumerate(zip(panel.tickers, known.T, strict=True))
        if rows.any()
    }


def _came(panel: Panel, session: date) -> int:
    """Return how many tickers have a bar of the session."""
    if session not in panel.sessions:
        return 0
    return int((~np.isnan(panel.close[panel.sessions.index(session)])).sum())
