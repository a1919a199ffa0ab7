"""A stand-in for the providers of prices: Yahoo, EODHD and Finnhub on one local port, with every fault.

It answers from the sample's prices, or with recorded answers, and keeps a log of what it was asked and when.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

from aiohttp import web

from tests.stand_ins.market_wire import (
    Bar,
    eodhd_bars,
    eodhd_splits,
    finnhub_candles,
    history,
    yahoo_chart,
    yahoo_error,
)

TOKEN = "t0p&secret=42/x"
TOKYO = ZoneInfo("Asia/Tokyo")
FUTURE = date(2199, 1, 4)
PAGE = "<!DOCTYPE html><html><body>Down for maintenance</body></html>"


class Fault(StrEnum):
    """How the stand-in answers."""

    NONE = "none"
    BUSY = "429 with Retry-After"
    BUSY_SILENT = "429 without Retry-After"
    BUSY_UNTIL = "429 with an instant as Retry-After"
    SERVER_ERROR = "500"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    HANG = "hang"
    DRIP = "drip"
    RESET = "reset"
    TRUNCATED = "truncated JSON"
    HTML = "HTML instead of JSON"
    OTHER_JSON = "JSON of something else"
    UNKNOWN = "unknown symbol"
    EMPTY = "empty"
    DOUBLED = "every bar twice"
    CONFLICTING = "two different bars of a session"
    WRONG_ZONE = "wrong time zone"
    FUTURE = "future bars"


@dataclass(frozen=True)
class Seen:
    """One request: when it came and, once answered, when and how that was."""

    at_s: float
    path: str
    ticker: str
    status: int = 0
    answered_s: float = float("inf")
    retry_after_s: float = 0.0


class MarketStandIn:
    """Answers on `yahoo`, `eodhd` and `finnhub`, its addresses.

    Attributes:
        faults: What happens to the next requests for a ticker, in order; then none.
        always: What happens to every request; `faults` go before.
        busy_every: Every so many requests for prices one is answered 429; 0 for none.
        latency_s: Seconds before an answer.
        until: Newest session that is told.
        splits: Splits that Yahoo and EODHD tell, by ticker.
        recorded: Answers instead of made ones, by ticker: status, content type, body.
        log: Every request for prices.
        others: Paths of every other request.
    """

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always = Fault.NONE
        self.busy_every = 0
        self.latency_s = 0.0
        self.retry_after = "1"
        self.until = date.max
        self.splits: dict[str, list[tuple[date, float]]] = {}
        self.recorded: dict[str, tuple[int, str, str]] = {}
        self.log: list[Seen] = []
        self.others: list[str] = []
        self._leave = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v8/finance/chart/{ticker}", self._yahoo)
        app.router.add_get("/api/eod/{ticker}", self._eodhd)
        app.router.add_get("/api/splits/{ticker}", self._eodhd)
        app.router.add_get("/api/v1/stock/candle", self._finnhub)
        app.router.add_get("/v1/test/getcrumb", self._crumb)
        app.router.add_route("*", "/{rest:.*}", self._other)
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.yahoo = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.eodhd, self.finnhub = f"{self.yahoo}/api/", f"{self.yahoo}/api/v1/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def asked(self, ticker: str) -> int:
        """How often a ticker's prices were asked for."""
        return sum(seen.ticker == ticker for seen in self.log)

    def too_early(self, on_its_way_s: float) -> list[Seen]:
        """Requests that came while silence was wanted, those aside that were on their way when it began."""
        wished = [seen for seen in self.log if seen.retry_after_s]
        return [
            seen
            for seen in self.log
            for wish in wished
            if wish.answered_s + on_its_way_s < seen.at_s < wish.answered_s + wish.retry_after_s
        ]

    async def _crumb(self, _: web.Request) -> web.Response:
        self.others.append("/v1/test/getcrumb")
        return web.Response(text="crumb")

    async def _other(self, request: web.Request) -> web.Response:
        self.others.append(request.path)
        return web.Response(status=404, text="nothing here")

    async def _yahoo(self, request: web.Request) -> web.StreamResponse:
        ticker = request.match_info["ticker"]
        first, last = (
            datetime.fromtimestamp(int(request.query[key]), UTC).date() for key in ("period1", "period2")
        )

        def answer(fault: Fault) -> tuple[int, Any]:
            bars = self._bars(ticker, first, last, fault)
            if bars is None:
                return 404, yahoo_error("Not Found", "No data found, symbol may be delisted")
            zone = TOKYO.key if fault is Fault.WRONG_ZONE else "America/New_York"
            told = [split for split in self.splits.get(ticker, []) if split[0] >= first]
            chart = yahoo_chart(ticker, bars, zone=zone, splits=told)
            if fault is Fault.WRONG_ZONE:
                chart["chart"]["result"][0]["meta"]["gmtoffset"] = -18000
            return 200, chart

        return await self._answer(request, ticker, answer)

    async def _eodhd(self, request: web.Request) -> web.StreamResponse:
        ticker = request.match_info["ticker"].removesuffix(".US")
        if request.query.get("api_token") != TOKEN:
            return web.Response(status=401, text="Unauthenticated", content_type="text/html")
        first = date.fromisoformat(request.query["from"])
        last = date.fromisoformat(request.query.get("to", "2200-01-01"))
        splits = self.splits.get(ticker, [])

        def answer(fault: Fault) -> tuple[int, Any]:
            bars = self._bars(ticker, first, last, fault)
            if bars is None:
                return 404, "Ticker Not Found."
            if "splits" in request.path:
                return 200, eodhd_splits([split for split in splits if split[0] >= first])
            rows = eodhd_bars(bars, splits)
            if fault is Fault.WRONG_ZONE:
                rows = [row | {"date": f"{row['date']}T00:00:00+09:00"} for row in rows]
            return 200, rows

        return await self._answer(request, ticker, answer)

    async def _finnhub(self, request: web.Request) -> web.StreamResponse:
        ticker = request.query["symbol"]
        if request.headers.get("X-Finnhub-Token") != TOKEN:
            return web.json_response({"error": "Invalid API key"}, status=401)
        first, last = (datetime.fromtimestamp(int(request.query[key]), UTC).date() for key in ("from", "to"))

        def answer(fault: Fault) -> tuple[int, Any]:
            bars = self._bars(ticker, first, last, fault)
            if fault is Fault.WRONG_ZONE:
                return 200, finnhub_candles(bars or [], zone=TOKYO)
            return 200, finnhub_candles(bars or [])

        return await self._answer(request, ticker, answer)

    def _bars(self, ticker: str, first: date, last: date, fault: Fault) -> list[Bar] | None:
        known = None if fault is Fault.UNKNOWN else history(ticker)
        if known is None:
            return None
        last = min(last, self.until)
        bars = [] if fault is Fault.EMPTY else [bar for bar in known if first <= bar[0] <= last]
        if fault is Fault.DOUBLED:
            return [bar for bar in bars for _ in range(2)]
        if fault is Fault.CONFLICTING:
            day, values = bars[0]
            return [(day, tuple(2 * value for value in values)), *bars]
        return [*bars, (FUTURE, bars[-1][1])] if fault is Fault.FUTURE else bars

    async def _answer(self, request: web.Request, ticker: str, make: Any) -> web.StreamResponse:  # noqa: ANN401
        place = len(self.log)
        self.log.append(Seen(time.monotonic(), request.path, ticker))
        fault = self.faults[ticker].pop(0) if self.faults[ticker] else self.always
        if self.busy_every and len(self.log) % self.busy_every == 0:
            fault = Fault.BUSY
        await asyncio.sleep(self.latency_s)
        response = await self._faulty(request, fault) or self._made(request, ticker, fault, make)
        wish_s = float(self.retry_after) if fault is Fault.BUSY else 0.0
        self.log[place] = replace(
            self.log[place], status=response.status, answered_s=time.monotonic(), retry_after_s=wish_s
        )
        return response

    def _made(self, request: web.Request, ticker: str, fault: Fault, make: Any) -> web.Response:  # noqa: ANN401
        if ticker in self.recorded and "splits" in request.path:
            return web.json_response(eodhd_splits(self.splits.get(ticker, [])))
        if ticker in self.recorded:
            status, kind, text = self.recorded[ticker]
            return web.Response(status=status, content_type=kind, text=text)
        status, answer = make(fault)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        if fault is Fault.TRUNCATED:
            text = text[: len(text) // 2]
        return web.Response(status=status, content_type="application/json", text=text)

    async def _faulty(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        match fault:
            case Fault.HANG:
                await self._leave.wait()
            case Fault.RESET:
                assert request.transport is not None
                request.transport.abort()
            case Fault.DRIP:
                return await self._drip(request)
        return self._refusal(request, fault)

    def _refusal(self, request: web.Request, fault: Fault) -> web.Response | None:
        now = datetime.now(UTC)
        until = now + timedelta(seconds=float(self.retry_after))
        dates = {
            "Date": format_datetime(now, usegmt=True),
            "Retry-After": format_datetime(until, usegmt=True),
        }
        plain = {
            Fault.BUSY: (429, "", "text/plain", {"Retry-After": self.retry_after}),
            Fault.BUSY_SILENT: (429, "Too Many Requests", "text/plain", {}),
            Fault.BUSY_UNTIL: (429, "", "text/plain", dates),
            Fault.SERVER_ERROR: (500, f"cannot serve {request.path_qs}", "text/plain", {}),
            Fault.UNAUTHORIZED: (401, '{"error": "Invalid API key"}', "application/json", {}),
            Fault.FORBIDDEN: (403, '{"error": "You have no access to this."}', "application/json", {}),
            Fault.HTML: (200, PAGE, "text/html", {}),
            Fault.OTHER_JSON: (200, '{"quoteResponse": {"result": []}}', "application/json", {}),
        }.get(fault)
        if plain is None:
            return None
        status, text, kind, headers = plain
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            while not self._leave.is_set():
                await response.write(b" ")
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        return response
