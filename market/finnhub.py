"""Daily bars from Finnhub (https://finnhub.io)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from market.bars import Bars, Row, check_rows, number
from market.guard import Guard
from market.json_api import JsonApi
from market.provider import Fetched, UnusableAnswerError
from market.ticker_by_ticker import Answer, fetch_each

URL = "https://finnhub.io/api/v1/"
SECRET_NAME = "FOREWARN_FINNHUB_TOKEN"  # noqa: S105 - a variable's name
ZONE = "America/New_York"
COLUMNS = ("o", "h", "l", "c", "c", "v")  # of FIELDS; see FinnhubProvider for the adjusted close


class FinnhubProvider:
    """Asks Finnhub for each ticker's candles: one request a ticker.

    Finnhub's prices are adjusted for splits and not for dividends, so the close stands in for the adjusted
    close: over an ex-date its return is short of the dividend.

    Args:
        token: The API token, sent as a header.
        guard: What every request goes through.
        url: Where its interface is.
        zone: Time zone of the exchange whose tickers are asked for.
    """

    def __init__(self, token: str, guard: Guard, *, url: str = URL, zone: str = ZONE) -> None:
        self._guard = guard
        self._zone = ZoneInfo(zone)
        self._api = JsonApi(
            url, guard, secret=token, secret_name=SECRET_NAME, headers={"X-Finnhub-Token": token}
        )

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        """Return the bars from `start` to `end`, both inclusive.

        Raises:
            TransientProviderError: No ticker got an answer.
            PermanentProviderError: The token is refused or its plan does not suffice.
        """
        async with self._api.opened() as session:

            async def ask(ticker: str) -> Answer:
                return Answer(await self._bars(session, ticker, start, end))

            within_s = self._guard.limits.fetch_s
            return await fetch_each(self._guard.provider, tickers, start, end, ask, within_s=within_s)

    async def _bars(self, session: aiohttp.ClientSession, ticker: str, start: date, end: date) -> Bars:
        first = datetime.combine(start - timedelta(days=1), time(), UTC)  # a day's margin: zones differ
        last = datetime.combine(end + timedelta(days=2), time(), UTC)
        query = {
            "symbol": symbol(ticker),
            "resolution": "D",
            "from": str(int(first.timestamp())),
            "to": str(int(last.timestamp())),
        }
        answer = await self._api.get(session, "stock/candle", query, ticker=ticker)
        return check_rows(parse_candles(answer, self._zone), start, end)


def symbol(ticker: str) -> str:
    """Return Finnhub's name of a ticker: a share class follows a dot.

    Example:
        >>> symbol("AAPL"), symbol("BRK-B")
        ('AAPL', 'BRK.B')
    """
    return ticker.replace("-", ".")


def parse_candles(answer: Any, zone: ZoneInfo) -> list[Row]:  # noqa: ANN401 - JSON
    """Return the rows of a candle answer; none where it says that there is no data.

    Raises:
        UnusableAnswerError: It is not a candle answer, or its instants are midnight neither in UTC nor in the
            exchange's zone: the session could be the day before or after.
    """
    if not isinstance(answer, dict) or answer.get("s") not in {"ok", "no_data"}:
        raise UnusableAnswerError(f"the answer is not one of candles: {answer!s:.60}")
    if answer["s"] == "no_data":
        return []
    columns = [answer.get(name) for name in ("t", *COLUMNS)]
    if not all(isinstance(column, list) and len(column) == len(columns[0] or ()) for column in columns):
        raise UnusableAnswerError("the answer's columns t, o, h, l, c and v are not lists of one length")
    names = ("t", *COLUMNS)
    return [
        (
            _day(number(stamp, "t"), zone),
            tuple(number(value, name) for name, value in zip(names[1:], values, strict=True)),
        )
        for stamp, *values in zip(*(column or [] for column in columns), strict=True)
    ]


def _day(stamp: float, zone: ZoneInfo) -> date:
    try:
        instant = datetime.fromtimestamp(stamp, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnusableAnswerError(f"t is {stamp}, not seconds since 1970") from None
    for local in (instant, instant.astimezone(zone)):
        if local.time() == time():
            return local.date()
    raise UnusableAnswerError(f"t is {instant}, midnight neither in UTC nor in {zone.key}")
