"""Daily bars from Yahoo Finance, through yfinance."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from market.bars import Row, check_rows
from market.guard import Guard
from market.panel import FIELDS
from market.provider import (
    Fetched,
    PermanentProviderError,
    ProviderError,
    RateLimitedError,
    UnknownTickerError,
    UnusableAnswerError,
)
from market.splits import Split
from market.ticker_by_ticker import Answer, fetch_each

if TYPE_CHECKING:
    from market.yahoo_session import YahooSession

URL = "https://query2.finance.yahoo.com"
COLUMNS = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
}
SPLITS = "Stock Splits"


class YahooProvider:
    """Asks Yahoo Finance for each ticker's bars: one request a ticker, on threads, as yfinance blocks.

    Prices are split-adjusted as of today, so an old bar changes when a split happens; adj_close also holds
    dividends. Yahoo may add the running session with the prices so far: ask for closed sessions only.

    Args:
        guard: What every ticker's question goes through.
        url: Where Yahoo's hosts are.
    """

    def __init__(self, guard: Guard, *, url: str = URL) -> None:
        self._guard = guard
        self._url = "" if url.rstrip("/") == URL else url
        self._wire: _Wire | None = None

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the bars from `start` to `end`, both inclusive.

        Raises:
            ProviderTimeoutError: No ticker got an answer in time.
            TransientProviderError: No ticker got an answer: no network, a rate limit.
            PermanentProviderError: yfinance cannot be imported.
        """
        limits = self._guard.limits
        loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(max_workers=limits.at_once, thread_name_prefix="yahoo")
        try:
            wire = await loop.run_in_executor(pool, self._wired) if tickers else None

            async def ask(ticker: str) -> Answer:
                def once() -> asyncio.Future[Answer]:
                    assert wire is not None  # noqa: S101 - there is a ticker, so there is a wire
                    return loop.run_in_executor(pool, wire.answer, ticker, start, end)

                return await self._guard.call(ticker, once)

            return await fetch_each(self._guard.provider, tickers, start, end, ask, within_s=limits.fetch_s)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _wired(self) -> _Wire:
        if self._wire is None:
            self._wire = _Wire(self._url, self._guard)
        return self._wire


class _Wire:
    """yfinance, with a session that tells its failures."""

    def __init__(self, url: str, guard: Guard) -> None:
        try:  # a second of import: only who asks Yahoo pays it
            import yfinance  # noqa: PLC0415
            from yfinance.data import YfData  # noqa: PLC0415
            from yfinance.scrapers.history import PriceHistory  # noqa: PLC0415

            from market.yahoo_session import YahooSession  # noqa: PLC0415
        except ImportError as error:
            raise PermanentProviderError(f"yfinance cannot be imported: {error}; install it again") from error
        warnings.filterwarnings("ignore", module=r"yfinance\.")  # what pandas will change is its affair
        yfinance.config.debug.hide_exceptions = False  # else a failure is a log line and an empty answer
        self._errors = yfinance.exceptions
        self._session: YahooSession = YahooSession(url, timeout_s=guard.limits.timeout_s, now=guard.now)
        self._data = type.__call__(YfData, session=self._session)  # not the one that all of the process share
        self._history = PriceHistory

    def answer(self, ticker: str, start: date, end: date) -> Answer:
        """Return one ticker's bars and splits.

        Raises:
            ProviderError: They did not come.
        """
        self._session.begin()
        # No `end`: for a range that lies in the past yfinance would hand out its stored copy of an earlier
        # answer, one from before a split included. The zone is only that of the start, hence a day's margin:
        # yfinance would ask Yahoo for it first, a second request for each ticker.
        history = self._history(self._data, ticker, "UTC", session=self._session)
        try:
            frame = history.history(
                start=(start - timedelta(days=1)).isoformat(),
                interval="1d",
                auto_adjust=False,
                actions=True,
                timeout=None,
            )
        except ProviderError:
            raise
        except self._errors.YFRateLimitError as error:
            raise RateLimitedError(str(error)) from error
        except self._errors.YFTickerMissingError as error:
            raise UnknownTickerError(str(error)) from error
        except Exception as error:  # whatever yfinance stumbles over is in the answer
            raise UnusableAnswerError(f"yfinance cannot read it: {type(error).__name__}: {error}") from error
        return Answer(check_rows(_rows(frame), start, end), _splits(frame, start))


def _rows(frame: Any) -> list[Row]:  # noqa: ANN401  (an untyped pandas frame)
    """Return the frame's rows by the exchange's own date."""
    if frame is None or frame.empty:
        return []
    missing = [column for column in COLUMNS.values() if column not in frame.columns]
    if missing:
        raise UnusableAnswerError(f"the answer lacks the columns {', '.join(missing)}")
    values = np.array(frame[[COLUMNS[name] for name in FIELDS]], dtype=np.float64)
    return [(stamp.date(), tuple(row)) for stamp, row in zip(frame.index, values.tolist(), strict=True)]


def _splits(frame: Any, start: date) -> tuple[Split, ...] | None:  # noqa: ANN401
    """Return the splits from a day on, those after the newest bar among them."""
    if frame is None or frame.empty or SPLITS not in frame.columns:
        return None
    told = zip(frame.index, np.array(frame[SPLITS], dtype=np.float64).tolist(), strict=True)
    return tuple(
        (stamp.date(), ratio)
        for stamp, ratio in told
        if stamp.date() >= start and 0 < ratio < math.inf and ratio != 1
    )
