"""Bars in the wire formats of Yahoo, EODHD and Finnhub, made of the sample's prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from market.panel import FIELDS, Panel
from market.price_file import read_prices
from market.sample import SAMPLE_PATH

Bar = tuple[date, tuple[float, ...]]
NEW_YORK = ZoneInfo("America/New_York")
OPENS = time(9, 30)


@cache
def sample() -> Panel:
    """The sample's panel."""
    return read_prices(SAMPLE_PATH)


@cache
def history(ticker: str) -> tuple[Bar, ...] | None:
    """A ticker's bars: the sample's own, or for T000 to T999 one of them at a scale of its own."""
    panel = sample()
    scale = 1.0
    if ticker in panel.tickers:
        column = panel.tickers.index(ticker)
    elif len(ticker) == 4 and ticker[0] == "T" and ticker[1:].isdecimal():
        column, scale = int(ticker[1:]) % len(panel.tickers), 1.0 + int(ticker[1:]) / 100
    else:
        return None
    values = np.stack([getattr(panel, field)[:, column] for field in FIELDS])
    values[:-1] *= scale
    known = np.flatnonzero(~np.isnan(values).any(axis=0))
    return tuple((panel.sessions[row], tuple(values[:, row].tolist())) for row in known)


def stamp(day: date, at: time = OPENS, zone: ZoneInfo = NEW_YORK) -> int:
    return int(datetime.combine(day, at, zone).timestamp())


def yahoo_chart(
    ticker: str,
    bars: Sequence[Bar],
    *,
    zone: str = NEW_YORK.key,
    splits: Sequence[tuple[date, float]] = (),
) -> dict[str, Any]:
    columns = [list(column) for column in zip(*(values for _, values in bars), strict=True)] or [[]] * 6
    open_, high, low, close, adjusted, volume = columns
    offset = datetime(2013, 1, 2, tzinfo=ZoneInfo(zone)).utcoffset()
    assert offset is not None
    meta = {
        "currency": "USD",
        "symbol": ticker,
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "gmtoffset": int(offset.total_seconds()),
        "timezone": "EST",
        "exchangeTimezoneName": zone,
        "regularMarketPrice": close[-1] if close else None,
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "1y", "max"],
    }
    quote = {"open": open_, "high": high, "low": low, "close": close, "volume": [int(v) for v in volume]}
    result: dict[str, Any] = {"meta": meta, "indicators": {"quote": [quote if bars else {}]}}
    if bars:
        result["timestamp"] = [stamp(day) for day, _ in bars]
        result["indicators"]["adjclose"] = [{"adjclose": adjusted}]
    if splits:
        result["events"] = {"splits": {str(stamp(day)): _yahoo_split(day, ratio) for day, ratio in splits}}
    return {"chart": {"result": [result], "error": None}}


def _yahoo_split(day: date, ratio: float) -> dict[str, Any]:
    new, old = ratio.as_integer_ratio()
    return {"date": stamp(day), "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}


def yahoo_error(code: str, description: str) -> dict[str, Any]:
    return {"chart": {"result": None, "error": {"code": code, "description": description}}}


def eodhd_bars(bars: Sequence[Bar], splits: Sequence[tuple[date, float]]) -> list[dict[str, Any]]:
    """Prices as they were traded, volume adjusted for splits."""
    rows = []
    for day, (open_, high, low, close, adjusted, volume) in bars:
        factor = 1.0
        for effective, ratio in splits:
            factor *= ratio if day < effective else 1.0
        prices = {"open": open_, "high": high, "low": low, "close": close}
        row = {"date": day.isoformat()} | {name: price * factor for name, price in prices.items()}
        rows.append(row | {"adjusted_close": adjusted, "volume": int(volume)})
    return rows


def eodhd_splits(splits: Sequence[tuple[date, float]]) -> list[dict[str, str]]:
    return [{"date": day.isoformat(), "split": f"{ratio:.6f}/1.000000"} for day, ratio in splits]


def finnhub_candles(bars: Sequence[Bar], *, zone: ZoneInfo = NEW_YORK) -> dict[str, Any]:
    if not bars:
        return {"s": "no_data"}
    open_, high, low, close, _, volume = zip(*(values for _, values in bars), strict=True)
    days = [stamp(day, time(), zone) for day, _ in bars]
    return {"c": close, "h": high, "l": low, "o": open_, "s": "ok", "t": days, "v": volume}
