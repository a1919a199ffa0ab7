"""Minute bars from EODHD (https://eodhd.com), before the open and after the close included for US tickers.

EODHD updates a day's minutes two to three hours after its extended hours have ended, and counts a request as
five calls, whatever its span (EODHD, "Intraday Historical Stock Price Data API"). Yahoo is no source of
these: the bars that it tells outside of the session carry no volume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import aiohttp
import numpy as np

from market.bars import number
from market.eodhd import SECRET_NAME, URL, symbol
from market.exchange import Exchange
from market.guard import Guard
from market.json_api import JsonApi
from market.minutes import AFTER, FIRST, NEW_YORK, PRICES, Minutes, Prices
from market.provider import ProviderError, TransientProviderError, UnusableAnswerError
from market.ticker_by_ticker import ask_each

UPDATED: Final = timedelta(hours=3)
"""How long after the end of extended hours a day's minutes are there."""

RECENT: Final = timedelta(days=10)
"""Sessions that closed earlier are not asked for: the whole history before a first start would be."""

Bar = tuple[datetime, tuple[float, ...]]
"""Start and a value for each of `PRICES` and the volume."""


class EodhdMinutes:
    """Asks EODHD for each ticker's minute bars of a session: one request a ticker.

    Args:
        token: The API token. EODHD takes it in the query only; no message and no log shows it.
        guard: What every request goes through.
        exchange: Whose sessions.
        url: Where its interface is.
    """

    def __init__(self, token: str, guard: Guard, exchange: Exchange, *, url: str = URL) -> None:
        self._guard, self._exchange = guard, exchange
        self._api = JsonApi(
            url, guard, secret=token, secret_name=SECRET_NAME, query={"api_token": token, "fmt": "json"}
        )

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        """Return a session's bars of the tickers that came; None where none did, or it is too early or late.

        Raises:
            TransientProviderError: No ticker got an answer.
            PermanentProviderError: The token is refused or its plan does not suffice.
        """
        end = self._exchange.close_at(session) + AFTER
        if not end + UPDATED <= self._guard.now() <= end + RECENT:
            return None
        begin = datetime.combine(session, FIRST, NEW_YORK)
        async with self._api.opened() as opened:

            async def ask(ticker: str) -> list[Bar]:
                return await self._bars(opened, ticker, begin, end)

            found = await ask_each(tickers, ask, within_s=self._guard.limits.fetch_s)
        failed = [one for one in found.values() if isinstance(one, TransientProviderError)]
        if failed and len(failed) == len(found):
            raise failed[0]
        bars = {ticker: one for ticker, one in found.items() if not isinstance(one, ProviderError) and one}
        return _minutes(bars) if bars else None

    async def _bars(
        self, opened: aiohttp.ClientSession, ticker: str, begin: datetime, end: datetime
    ) -> list[Bar]:
        query = {"interval": "1m", "from": f"{begin.timestamp():.0f}", "to": f"{end.timestamp():.0f}"}
        rows = await self._api.get(opened, f"intraday/{symbol(ticker)}", query, ticker=ticker)
        return [bar for bar in parse_minutes(rows) if begin <= bar[0] < end]


def parse_minutes(answer: Any) -> list[Bar]:  # noqa: ANN401 - JSON
    """Return the bars of an `intraday` answer in the order of their starts; one without a volume is none.

    Raises:
        UnusableAnswerError: It is not a list of bars, or two of one minute differ.
    """
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise UnusableAnswerError(f"the answer is {type(answer).__name__}, not a list of bars")
    bars: dict[datetime, tuple[float, ...]] = {}
    for item in answer:
        values = tuple(number(item.get(name), name) for name in (*PRICES, "volume"))
        if not (math.isfinite(values[-1]) and values[-1] >= 0):
            continue
        start = _start(item)
        if not np.array_equal(bars.setdefault(start, values), values, equal_nan=True):
            raise UnusableAnswerError(f"two different bars of {start:%Y-%m-%d %H:%M} UTC")
    return sorted(bars.items())


def _start(item: dict[str, Any]) -> datetime:
    stamp = number(item.get("timestamp"), "timestamp")
    try:
        return datetime.fromtimestamp(stamp, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnusableAnswerError(f"timestamp is {item.get('timestamp')!r:.40}, no second of UTC") from None


def _minutes(bars: dict[str, list[Bar]]) -> Minutes:
    rows = [(ticker, start, values) for ticker, own in bars.items() for start, values in own]
    return Minutes(
        np.array([ticker for ticker, _, _ in rows], dtype=np.str_),
        np.array([start.replace(tzinfo=None) for _, start, _ in rows], dtype="datetime64[us]"),
        *_columns([values for _, _, values in rows]),
    )


def _columns(rows: Sequence[tuple[float, ...]]) -> tuple[np.ndarray[Any, np.dtype[np.float64]], Prices]:
    *prices, volume = np.ascontiguousarray(np.array(rows, dtype=np.float64).T)
    return volume, Prices(*prices)
