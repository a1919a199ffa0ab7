"""Prices through Yahoo's path.

A hundred tickers are fetched through yfinance itself from a local server that takes 200 ms for each answer
and refuses every twentieth request with `Retry-After: 1`. What counts is the server's own log. The limits are
those that ship; the import of yfinance, one to two seconds, is part of the time.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
import time
from datetime import date

import numpy as np

from bench.finding import Finding
from market.guard import Guard
from market.limits import Limits
from market.provider import Fetched
from market.yahoo import YahooProvider
from tests.stand_ins.market import MarketStandIn

TITLE = "A hundred tickers through Yahoo's path"
FULL = 100  # tickers
START, END = date(2012, 12, 3), date(2012, 12, 28)
LATENCY_S, BUSY_EVERY, ON_ITS_WAY_S = 0.2, 20, 0.25


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Tickers.
    """
    return asyncio.run(_findings(size))


async def _findings(size: int) -> list[Finding]:
    import yfinance  # noqa: PLC0415 - its cookies must not go where a person keeps theirs

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # it is open as long as the process lives
    yfinance.set_tz_cache_location(folder)
    async with MarketStandIn() as yahoo:
        yahoo.latency_s, yahoo.busy_every = LATENCY_S, BUSY_EVERY
        started = time.monotonic()
        fetched = await _fetch(yahoo, size)
        took = time.monotonic() - started
    return [
        Finding.number(f"{size} tickers", took, "s", at_most=15, digits=1),
        Finding.number("tickers with every bar", _whole(fetched), f"of {size}", at_least=size),
        Finding.number("requests refused with 429", sum(seen.status == 429 for seen in yahoo.log)),
        Finding.number("requests before Retry-After", len(yahoo.too_early(ON_ITS_WAY_S)), at_most=0),
    ]


async def _fetch(yahoo: MarketStandIn, size: int) -> Fetched:
    guard = Guard("yahoo", Limits(per_s=20.0, at_once=8, timeout_s=8.0))
    provider = YahooProvider(guard, url=yahoo.yahoo)
    return await provider.fetch([f"T{n:03}" for n in range(size)], START, END)


def _whole(fetched: Fetched) -> int:
    return int(np.count_nonzero(~np.isnan(fetched.panel.close).any(axis=0)))
