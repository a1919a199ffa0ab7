"""The feed: a live session's bars from the configured provider, or the word that they are not there yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog

from daemon.observer import Asked, Observer
from daemon.settings import MarketSettings
from daemon.storage.bars import SessionBars
from market.chain import link
from market.panel import FIELDS, FloatArray, Panel
from market.price_file import PriceFileError
from market.provider import FileProvider, PriceProvider, ProviderError
from market.yahoo import YahooProvider
from monitors.live import Outcome

T = TypeVar("T")

ANSWER_S = 600.0
"""Seconds to wait for a provider's whole answer; each has shorter time-outs of its own."""

RESTATED = 1e-4
"""Relative change of a kept close beyond which it counts as restated, not as rounding."""

log = structlog.get_logger("feed")


class FeedError(Exception):
    """The provider gave nothing usable; asking again later is right."""


@dataclass(frozen=True, slots=True)
class Source:
    """A blocking provider and its name, as `yahoo`."""

    name: str
    provider: PriceProvider


class Feed:
    """Fetches bars and links them to the kept ones."""

    def __init__(
        self, sources: tuple[Source, ...], tickers: tuple[str, ...], observer: Observer | None = None
    ) -> None:
        """Take the providers in the order in which they are asked.

        Args:
            sources: The next one is asked where the one before gave nothing at all.
            tickers: In the order of the result's columns.
            observer: Who writes down how each call ended; None writes nothing.
        """
        self._sources = sources
        self._tickers = tickers
        self._observer = observer

    async def history(self, sessions: tuple[date, ...]) -> tuple[SessionBars, ...]:
        """Fetch the sessions before the first live one; those without a bar are NaN.

        A hole in the history would stay for ever, so a ticker without any bar is an error.

        Raises:
            FeedError: The provider failed, or has nothing for a ticker.
        """
        panel = await self._fetch(sessions[0], sessions[-1])
        empty = [ticker for i, ticker in enumerate(panel.tickers) if np.isnan(panel.close[:, i]).all()]
        if empty:
            raise FeedError(f"no history for {', '.join(empty)} yet; mend the provider or market.tickers")
        return tuple(SessionBars(day, _row(panel, day)) for day in sessions)

    async def session(self, session: date, last: SessionBars | None) -> SessionBars:
        """Fetch one session, in the units of the last kept one.

        Args:
            session: The session.
            last: The newest kept session, or None where nothing is kept.

        Raises:
            FeedError: The provider failed.
        """
        panel = await self._fetch(last.session if last else session, session)
        new = _row(panel, session)
        if last is None:
            return SessionBars(session, new)
        linked, factor = link(last.values, _row(panel, last.session), new)
        for ticker, ratio in zip(self._tickers, factor.tolist(), strict=True):
            if np.isfinite(ratio) and abs(ratio - 1.0) > RESTATED:
                log.warning("provider restated its prices", ticker=ticker, session=str(session), factor=ratio)
        return SessionBars(session, linked)

    async def _fetch(self, start: date, end: date) -> Panel:
        failures: list[Exception] = []
        for source in self._sources:
            try:
                return await self._ask(source, start, end)
            except (ProviderError, PriceFileError, OSError) as error:
                failures.append(error)
                if source is not self._sources[-1]:
                    log.warning(
                        "provider failed, the next one is asked", provider=source.name, reason=str(error)
                    )
        reasons = "; ".join(str(error) or type(error).__name__ for error in failures)
        raise FeedError(f"no prices for {start} to {end}: {reasons}") from failures[-1]

    async def _ask(self, source: Source, start: date, end: date) -> Panel:
        async with (
            self._observer.asking(source.name, end) if self._observer else nullcontext(Asked()) as asked
        ):
            async with asyncio.timeout(ANSWER_S):
                fetched = await in_daemon_thread(lambda: source.provider.fetch(self._tickers, start, end))
            panel = fetched.panel.columns(self._tickers)
            if np.isnan(_row(panel, end)[FIELDS.index("close")]).all():
                asked.outcome = Outcome.EMPTY
        for ticker, reason in fetched.failed:
            log.warning("provider has no prices", provider=source.name, ticker=ticker, reason=reason)
        return panel


def provider_names(settings: MarketSettings) -> tuple[str, ...]:
    """Return who is asked for prices, in that order."""
    wanted = (settings.provider, *([settings.fallback] if settings.fallback else []))
    return tuple(dict.fromkeys(wanted))


def make_feed(settings: MarketSettings, observer: Observer | None = None) -> Feed:
    """Build the configured feed."""
    return Feed(make_sources(settings), tuple(sorted(settings.tickers)), observer)


def make_sources(settings: MarketSettings) -> tuple[Source, ...]:
    """Build the configured providers, in the order in which they are asked."""
    return tuple(Source(name, _provider(name, settings)) for name in provider_names(settings))


def _provider(name: str, settings: MarketSettings) -> PriceProvider:
    return FileProvider(Path(settings.prices_file)) if name == "file" else YahooProvider()


async def in_daemon_thread(function: Callable[[], T]) -> T:
    """Run a blocking function on a thread that a stopping process does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = function()
        except BaseException as error:
            _tell(loop, future, error=error)
        else:
            _tell(loop, future, result=result)

    threading.Thread(target=work, name="feed", daemon=True).start()
    return await future


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[T],
    *,
    result: T | None = None,
    error: BaseException | None = None,
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _row(panel: Panel, session: date) -> FloatArray:
    if session not in panel.sessions:
        return np.full((len(FIELDS), len(panel.tickers)), np.nan)
    place = panel.sessions.index(session)
    return np.stack([getattr(panel, field)[place] for field in FIELDS])
