"""Daily bars from Yahoo Finance, through yfinance."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import date
from typing import Any

import numpy as np

from market.panel import FIELDS, FloatArray, Panel
from market.provider import (
    Fetched,
    PermanentProviderError,
    ProviderTimeoutError,
    TransientProviderError,
)

COLUMNS = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
}
N_AT_ONCE = 4  # requests in flight; more draws rate limits
REQUEST_TIMEOUT_S = 8.0  # a request in flight is also the longest the process waits at its end
FETCH_TIMEOUT_S = 300.0

Bars = dict[date, tuple[float, ...]]  # session -> one value per name of FIELDS


class YahooProvider:
    """Asks Yahoo Finance for each ticker's bars.

    Prices are split-adjusted as of today, so an old bar changes when a split happens; adj_close also holds
    dividends. A price that is not positive and finite comes back as NaN. Yahoo may add the running session
    with the prices so far: ask for closed sessions only.

    Args:
        request_timeout_s: Longest wait for one answer.
        fetch_timeout_s: Longest wait for all tickers of one fetch; those without an answer have failed then.
    """

    def __init__(
        self, *, request_timeout_s: float = REQUEST_TIMEOUT_S, fetch_timeout_s: float = FETCH_TIMEOUT_S
    ) -> None:
        self.request_timeout_s = request_timeout_s
        self.fetch_timeout_s = fetch_timeout_s

    def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the bars from `start` to `end`, both inclusive. Blocking: call it in a thread.

        Raises:
            ProviderTimeoutError: No ticker got an answer in time.
            TransientProviderError: No ticker got an answer: no network, a rate limit.
            PermanentProviderError: yfinance cannot be imported.
        """
        wanted = tuple(dict.fromkeys(tickers))
        yfinance = _yfinance()
        bars: dict[str, Bars] = {}
        failed: dict[str, str] = {}
        answered = False
        for ticker, outcome in self._ask(yfinance, wanted, start, end).items():
            if isinstance(outcome, Exception):
                failed[ticker] = _reason(outcome)
                answered |= isinstance(
                    outcome, (yfinance.exceptions.YFTickerMissingError, _UnusableAnswerError)
                )
            elif not outcome:
                answered, failed[ticker] = True, f"Yahoo has no bars from {start} to {end}"
            else:
                answered, bars[ticker] = True, outcome
        if wanted and not answered:
            first = wanted[0]
            slow = all("timeout" in reason.split(":")[0].lower() for reason in failed.values())
            raise (ProviderTimeoutError if slow else TransientProviderError)(
                f"Yahoo answered for none of {len(wanted)} tickers ({first}: {failed[first]}); "
                "check the network, and ask again later"
            )
        return Fetched(_panel(wanted, bars), tuple(failed.items()))

    def _ask(
        self,
        yfinance: Any,  # noqa: ANN401  (untyped module)
        tickers: tuple[str, ...],
        start: date,
        end: date,
    ) -> dict[str, Bars | Exception]:
        """Return each ticker's bars or what stopped them; a rate limit stops all that have not begun."""
        pool = ThreadPoolExecutor(max_workers=N_AT_ONCE, thread_name_prefix="yahoo")
        limited = threading.Event()

        def ask(ticker: str) -> Bars | Exception:
            if limited.is_set():
                return yfinance.exceptions.YFRateLimitError()  # type: ignore[no-any-return]
            try:
                return _bars(self._history(yfinance, ticker, start), start, end)
            except yfinance.exceptions.YFRateLimitError as error:
                limited.set()
                return error  # type: ignore[no-any-return]
            except Exception as error:  # whatever stops one ticker is that ticker's outcome
                return error

        try:
            asked: dict[str, Future[Bars | Exception]] = {
                ticker: pool.submit(ask, ticker) for ticker in tickers
            }
            wait(asked.values(), timeout=self.fetch_timeout_s)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        late = TimeoutError(f"no answer within {self.fetch_timeout_s:g} s")
        return {
            ticker: future.result() if future.done() and not future.cancelled() else late
            for ticker, future in asked.items()
        }

    def _history(self, yfinance: Any, ticker: str, start: date) -> Any:  # noqa: ANN401  (untyped module)
        # No `end`: for a range that lies in the past yfinance would hand out its stored copy of an earlier
        # answer, a failed one or one from before a split included.
        return yfinance.Ticker(ticker).history(
            start=start.isoformat(),
            interval="1d",
            auto_adjust=False,
            actions=False,
            timeout=self.request_timeout_s,
        )


def fetch(tickers: Sequence[str], start: date, end: date) -> Fetched:
    """Fetch daily bars with the default time-outs; see `YahooProvider.fetch`."""
    return YahooProvider().fetch(tickers, start, end)


class _UnusableAnswerError(Exception):
    """Yahoo answered, but not with daily bars."""


def _yfinance() -> Any:  # noqa: ANN401  (untyped module)
    try:
        import yfinance  # noqa: PLC0415  (a second of import: only who asks Yahoo pays it)
        import yfinance.exceptions  # noqa: PLC0415
    except ImportError as error:
        raise PermanentProviderError(f"yfinance cannot be imported: {error}; install it again") from error
    yfinance.config.debug.hide_exceptions = False  # else a failure is a log line and an empty answer
    return yfinance


def _bars(frame: Any, start: date, end: date) -> Bars:  # noqa: ANN401  (an untyped pandas frame)
    """Return the frame's rows from `start` to `end`, keyed by the exchange's own date."""
    if frame is None or frame.empty:
        return {}
    missing = [column for column in COLUMNS.values() if column not in frame.columns]
    if missing:
        raise _UnusableAnswerError(f"the answer lacks the columns {', '.join(missing)}")
    values = np.array(frame[[COLUMNS[name] for name in FIELDS]], dtype=np.float64)
    prices, volume = values[:, :-1], values[:, -1]
    prices[~(np.isfinite(prices) & (prices > 0))] = np.nan
    volume[~(np.isfinite(volume) & (volume >= 0))] = np.nan
    days = [stamp.date() for stamp in frame.index]
    known = ~np.isnan(prices).all(axis=1)
    return {days[row]: tuple(values[row]) for row in np.flatnonzero(known) if start <= days[row] <= end}


def _panel(tickers: tuple[str, ...], bars: dict[str, Bars]) -> Panel:
    sessions = tuple(sorted(set().union(*bars.values())))
    place = {session: row for row, session in enumerate(sessions)}
    cube: FloatArray = np.full((len(FIELDS), len(sessions), len(tickers)), np.nan)
    for column, ticker in enumerate(tickers):
        for session, values in bars.get(ticker, {}).items():
            cube[:, place[session], column] = values
    return Panel(sessions, tickers, *cube)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
