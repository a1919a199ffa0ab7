"""Minute days: what a session's minutes tell, held against those of the sessions before."""

from __future__ import annotations

import asyncio
from datetime import date

import numpy as np

from market.exchange import Exchange, ExchangeError
from market.extended_hours import day_parts
from market.minute_files import MinuteFileError, MinuteSource
from market.minutes import Minutes, make_grid
from market.panel import FloatArray
from market.short_volume_estimate import TRAILING_DAYS, unexplained


class MinuteDays:
    """Reads a session's minutes and remembers those of the 60 sessions before, 1 MB each for 100 tickers.

    Args:
        source: Gives a session's minutes.
        exchange: Whose sessions.
        past: Gives those of the sessions before; None takes `source`.
    """

    def __init__(self, source: MinuteSource, exchange: Exchange, past: MinuteSource | None = None) -> None:
        self._source, self._past, self._exchange = source, past or source, exchange
        self._tickers: tuple[str, ...] = ()
        self._logs: dict[date, FloatArray] = {}

    async def of(self, session: date, tickers: tuple[str, ...]) -> FloatArray:
        """Return what a session's minutes tell, shape (3, tickers); NaN where they do not.

        The rows are the volume before the open and after the close over the session's, and the share of the
        session's volume that its minutes do not explain.

        Raises:
            MinuteFileError: The session's file is at fault; one of a session before is left out.
            ProviderError: The minutes did not come.
        """
        out = np.full((3, len(tickers)), np.nan)
        minutes = await self._source.of(session, tickers)
        if minutes is None:
            return out
        out[:2] = await asyncio.to_thread(extended_shares, minutes, self._exchange, session, tickers)
        if minutes.prices is None:
            return out
        before = await self._before(session, tickers)
        grid = await asyncio.to_thread(make_grid, minutes, self._exchange, session, tickers)
        out[2] = await asyncio.to_thread(unexplained, before, grid)
        self._logs[session] = grid.logs
        return out

    async def _before(self, session: date, tickers: tuple[str, ...]) -> list[FloatArray]:
        """Return the logs of the sessions before, oldest first, as far as there are minutes."""
        days = self._days_before(session)
        self._logs = {
            day: logs for day, logs in self._logs.items() if day in days and tickers == self._tickers
        }
        self._tickers = tickers
        for day in days:
            if day not in self._logs and (found := await self._minutes_before(day, tickers)) is not None:
                grid = await asyncio.to_thread(make_grid, found, self._exchange, day, tickers)
                self._logs[day] = grid.logs
        return [self._logs[day] for day in days if day in self._logs]

    def _days_before(self, session: date) -> tuple[date, ...]:
        days = [session]
        try:
            while len(days) <= TRAILING_DAYS:
                days.append(self._exchange.previous(days[-1]))
        except ExchangeError:
            pass  # the calendar begins there
        return tuple(reversed(days[1:]))

    async def _minutes_before(self, day: date, tickers: tuple[str, ...]) -> Minutes | None:
        try:
            return await self._past.of(day, tickers)
        except MinuteFileError:
            return None


def extended_shares(
    minutes: Minutes, exchange: Exchange, session: date, tickers: tuple[str, ...]
) -> FloatArray:
    """Return the volume before the open and after the close over the session's, shape (2, tickers)."""
    parts = day_parts(minutes, exchange, (session,), tickers)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.concatenate([parts.premarket, parts.postmarket]) / parts.regular
    return np.where(np.isfinite(shares), shares, np.nan)
