"""The feed: a live session's bars from the configured provider, or the word that they are not there yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog

from daemon.settings import MarketSettings
from daemon.storage.bars import SessionBars
from market.chain import link
from market.panel import FIELDS, FloatArray, Panel
from market.price_file import PriceFileError
from market.provider import FileProvider, PriceProvider, ProviderError
from market.yahoo import YahooProvider

T = TypeVar("T")

RESTATED = 1e-4
"""Relative change of a kept close beyond which it counts as restated, not as rounding."""

log = structlog.get_logger("feed")


class FeedError(Exception):
    """The provider gave nothing usable; asking again later is right."""


class Feed:
    """Fetches bars and links them to the kept ones."""

    def __init__(self, provider: PriceProvider, tickers: tuple[str, ...]) -> None:
        """Take a blocking provider and the tickers, in the order of the result's columns."""
        self._provider = provider
        self._tickers = tickers

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
        try:
            fetched = await in_daemon_thread(lambda: self._provider.fetch(self._tickers, start, end))
        except (ProviderError, PriceFileError, OSError) as error:
            raise FeedError(f"no prices for {start} to {end}: {error}") from error
        for ticker, reason in fetched.failed:
            log.warning("provider has no prices", ticker=ticker, reason=reason)
        return fetched.panel.columns(self._tickers)


def make_feed(settings: MarketSettings) -> Feed:
    """Build the configured feed."""
    provider: PriceProvider
    provider = FileProvider(Path(settings.prices_file)) if settings.provider == "file" else YahooProvider()
    return Feed(provider, tuple(sorted(settings.tickers)))


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
