"""Daily bars from EODHD (https://eodhd.com)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import aiohttp

from market.bars import Row, check_rows, number
from market.guard import Guard
from market.json_api import JsonApi
from market.provider import Fetched, UnusableAnswerError
from market.splits import Split
from market.ticker_by_ticker import Answer, fetch_each

URL = "https://eodhd.com/api/"
SECRET_NAME = "FOREWARN_EODHD_TOKEN"  # noqa: S105 - a variable's name


class EodhdProvider:
    """Asks EODHD for each ticker's bars and splits: two requests, which EODHD counts as two calls.

    EODHD tells open, high, low and close as they were traded, volume adjusted for splits, and the adjusted
    close for splits and dividends. The prices are divided by the splits since, so that all are of one unit.
    Its bulk interface costs 100 calls for one session and is the dearer one below a hundred tickers.

    Args:
        token: The API token. EODHD takes it in the query only; no message and no log shows it.
        guard: What every request goes through.
        url: Where its interface is.
    """

    def __init__(self, token: str, guard: Guard, *, url: str = URL) -> None:
        self._guard = guard
        self._api = JsonApi(
            url, guard, secret=token, secret_name=SECRET_NAME, query={"api_token": token, "fmt": "json"}
        )

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the bars from `start` to `end`, both inclusive.

        Raises:
            TransientProviderError: No ticker got an answer.
            PermanentProviderError: The token is refused or its plan does not suffice.
        """
        async with self._api.opened() as session:

            async def ask(ticker: str) -> Answer:
                return await self._answer(session, ticker, start, end)

            within_s = self._guard.limits.fetch_s
            return await fetch_each(self._guard.provider, tickers, start, end, ask, within_s=within_s)

    async def _answer(self, session: aiohttp.ClientSession, ticker: str, start: date, end: date) -> Answer:
        name, since = symbol(ticker), {"from": start.isoformat()}
        range_ = {**since, "to": end.isoformat(), "period": "d"}
        rows = await self._api.get(session, f"eod/{name}", range_, ticker=ticker)
        if rows == []:
            return Answer({})
        splits = parse_splits(await self._api.get(session, f"splits/{name}", since, ticker=ticker))
        return Answer(check_rows(parse_bars(rows, splits), start, end), tuple(splits))


def symbol(ticker: str) -> str:
    """Return EODHD's name of a ticker: `AAPL` is `AAPL.US`, `^GSPC` is `GSPC.INDX`, a name with a dot stays.

    Example:
        >>> symbol("BRK-B"), symbol("^GSPC"), symbol("BHP.AU"), symbol("BTC-USD")
        ('BRK-B.US', 'GSPC.INDX', 'BHP.AU', 'BTC-USD.CC')
    """
    if ticker.startswith("^"):
        return f"{ticker[1:]}.INDX"
    if "." in ticker:
        return ticker
    return f"{ticker}.CC" if ticker.endswith("-USD") else f"{ticker}.US"


def parse_bars(answer: Any, splits: Sequence[Split]) -> list[Row]:  # noqa: ANN401 - JSON
    """Return the rows of an `eod` answer, prices divided by every later split.

    Raises:
        UnusableAnswerError: It is not a list of bars.
    """
    rows: list[Row] = []
    for item in _items(answer):
        day = _day(item)
        factor = 1.0
        for effective, ratio in splits:
            factor *= ratio if day < effective else 1.0
        prices = tuple(number(item.get(name), name) / factor for name in ("open", "high", "low", "close"))
        adjusted = number(item.get("adjusted_close"), "adjusted_close")
        rows.append((day, (*prices, adjusted, number(item.get("volume"), "volume"))))
    return rows


def parse_splits(answer: Any) -> list[Split]:  # noqa: ANN401 - JSON
    """Return (first session in the new unit, new shares for an old one) of a `splits` answer.

    Raises:
        UnusableAnswerError: It is not a list of splits.
    """
    splits = []
    for item in _items(answer):
        new, _, old = str(item.get("split", "")).partition("/")
        ratio = number(new, "split") / number(old, "split") if number(old, "split") else 0.0
        if not 0 < ratio < float("inf"):
            raise UnusableAnswerError(f"split is {item.get('split')!r:.40}, not new shares / old shares")
        splits.append((_day(item), ratio))
    return splits


def _items(answer: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise UnusableAnswerError(f"the answer is {type(answer).__name__}, not a list of bars or splits")
    return answer


def _day(item: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(item["date"])
    except (KeyError, TypeError, ValueError):
        raise UnusableAnswerError(f"date is {item.get('date')!r:.40}, not a day as 2024-01-31") from None
