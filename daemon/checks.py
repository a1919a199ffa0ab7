"""Checks: whether what Forewarn needs is there, found before the first alert needs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from daemon.configuration.settings import Settings
from daemon.live.providers import make_sources
from daemon.outside_desk import make_outside
from daemon.storage.database import Database, DatabaseError
from daemon.storage.gates import GateStore
from daemon.storage.schema_version import require_newest
from market.exchange import ExchangeError, load_exchange
from market.minute_files import MinuteFileError
from market.outside_files import OutsideFileError
from market.provider import ProviderError
from market.provider_chain import Source

PRICES_S: Final = 20.0
"""Seconds a price provider may take to answer a check."""

PRICE_DAYS: Final = 10
"""Days back to ask a provider for: they hold a session whatever the holidays."""


class Standing(StrEnum):
    """How a part of the installation stands."""

    OK = "ok"
    OFF = "off"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """What one part was found to be.

    Attributes:
        part: As `store` or `channel email`.
        standing: Whether it will do.
        said: What was found, in words.
        fix: What to do about it, "" where nothing is to be done.
    """

    part: str
    standing: Standing
    said: str
    fix: str = ""


async def check_store(database: Database) -> Check:
    """Look whether the store can be read and has this version's schema; nothing is changed."""
    part = "store"
    if database.is_missing():
        if not os.access(folder := os.path.dirname(database.path or "") or ".", os.W_OK):  # noqa: PTH120 - no I/O
            return Check(part, Standing.WRONG, f"{folder} cannot be written to", "name another --database")
        return Check(part, Standing.OK, f"{database.name} is new: `forewarn run` creates it")
    try:
        await require_newest(database)
        async with database.read() as connection:
            gate = await GateStore(connection).read()
    except DatabaseError as error:
        said, _, fix = str(error).partition("; ")
        if database.is_sqlite and "forewarn db upgrade" in fix:
            return Check(part, Standing.OK, f"{said}: `forewarn run` upgrades it")
        return Check(part, Standing.WRONG, said, fix)
    state = f"trading is {gate.state}" if gate else "no session was judged yet"
    return Check(part, Standing.OK, f"{database.name}: {state}")


async def check_calendar(name: str) -> Check:
    """Look whether the exchange's calendar is known, and how far it reaches."""
    try:
        exchange = await asyncio.to_thread(load_exchange, name)
    except ExchangeError as error:
        return Check("calendar", Standing.WRONG, str(error), "set market.calendar")
    return Check("calendar", Standing.OK, f"{name}, known to {exchange.known_end}")


async def check_prices(settings: Settings) -> tuple[Check, ...]:
    """Ask each configured provider for one ticker's newest bars."""
    ticker = settings.market.asked()[0]
    return tuple([await _check_provider(source, ticker) for source in make_sources(settings)])


async def check_outside(settings: Settings) -> tuple[Check, ...]:
    """Look whether the files and folders beside the bars can be used; nobody is asked, nothing is written."""
    part, market = "beside the bars", settings.market
    named = (market.splits_file, market.customers_file)
    if not any(named) and market.short_volume == "none" and market.minutes == "none":
        return ()
    try:
        exchange = await asyncio.to_thread(load_exchange, market.calendar)
        found = await asyncio.to_thread(make_outside, market, exchange, live=True)
    except ExchangeError:
        return ()  # the check of the calendar says so
    except (MinuteFileError, OutsideFileError) as error:
        said, _, fix = str(error).rpartition("; ")
        return (Check(part, Standing.WRONG, said or fix, fix if said else "mend the file, or name another"),)
    words = [f"short volume: {market.short_volume}", f"minutes: {market.minutes}"]
    if market.splits_file:
        known = len(found.splits.keys() & set(market.asked()))
        words.append(f"splits of {known} of {len(market.asked())} tickers")
    if market.customers_file:
        words.append(f"reports of customers: {len(found.links)}")
    return (Check(part, Standing.OK, ", ".join(words)),)


async def _check_provider(source: Source, ticker: str) -> Check:
    part, today = f"prices {source.name}", datetime.now(UTC).date()
    start = today - timedelta(days=PRICE_DAYS)
    try:
        async with asyncio.timeout(PRICES_S):
            fetched = await source.provider.fetch((ticker,), start, today)
    except TimeoutError:
        return Check(part, Standing.WRONG, f"no answer in {PRICES_S:g} s", "see whether the network works")
    except ProviderError as error:
        return Check(
            part, Standing.WRONG, str(error) or type(error).__name__, "mend it, or set market.provider"
        )
    if not fetched.panel.sessions:
        fix = "see whether the ticker is right and the prices are new"
        return Check(part, Standing.WRONG, f"no bar of {ticker} since {start}", fix)
    return Check(part, Standing.OK, f"{ticker} up to {fetched.panel.sessions[-1]}")


async def all_checks(*checks: Awaitable[Check | tuple[Check, ...]]) -> tuple[Check, ...]:
    """Run checks at once and return what they found, in the order given."""
    found: list[Check] = []
    for one in await asyncio.gather(*checks):
        found += one if isinstance(one, tuple) else (one,)
    return tuple(found)
