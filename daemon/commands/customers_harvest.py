"""The harvest of customers: what the annual reports of many companies tell, and whose could not be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from market.exchange import Exchange, ExchangeError
from market.filings_links import Customer, Links, Report, customers_of, links_of
from market.filings_source import FilingsError, UnreachableError

PATIENCE: Final = 3
"""Tickers in a row that are not answered, before nobody is asked any more."""

Source = Callable[[str], Iterable[Report]]


@dataclass(frozen=True, slots=True)
class Found:
    """What one report tells.

    Attributes:
        report: Without its text.
        customers: Of its newest year.
        links: Those with a ticker.
    """

    report: Report
    customers: tuple[Customer, ...]
    links: Links

    @property
    def named(self) -> int:
        """Customers with a name."""
        return sum(one.told.named for one in self.customers)


@dataclass(frozen=True, slots=True)
class Harvest:
    """What all reports tell.

    Attributes:
        found: A report each, by ticker and time.
        failed: Why the reports of a ticker could not be had; none of them is in `found`.
        without: Tickers that have no report.
    """

    found: tuple[Found, ...]
    failed: Mapping[str, str]
    without: tuple[str, ...]


def harvest(
    source: Source,
    tickers: Sequence[str],
    exchange: Exchange,
    aliases: Mapping[str, str],
    tell: Callable[[str], None],
) -> Harvest:
    """Read the reports of each ticker; one whose reports cannot all be had has none, and stops no other.

    After three tickers in a row without an answer nobody is asked any more: the SEC shuts out who goes on.

    Args:
        source: Gives a ticker's reports, or raises a FilingsError.
        tickers: Whose.
        exchange: Whose sessions.
        aliases: Ticker by customer's name.
        tell: Hears of each ticker before its reports are read.
    """
    found: list[Found] = []
    failed: dict[str, str] = {}
    without: list[str] = []
    unanswered = 0
    for ticker in tickers:
        if unanswered == PATIENCE:
            failed[ticker] = f"{ticker}: not asked, as {PATIENCE} tickers in a row got no answer"
            continue
        tell(ticker)
        try:
            own = [_study(one, exchange, aliases) for one in source(ticker)]
        except (FilingsError, ExchangeError) as error:
            failed[ticker] = str(error)
            unanswered = unanswered + 1 if isinstance(error, UnreachableError) else 0
            continue
        unanswered = 0
        found += sorted(own, key=lambda one: one.report.accepted_at)
        if not own:
            without.append(ticker)
    return Harvest(tuple(found), failed, tuple(without))


def _study(report: Report, exchange: Exchange, aliases: Mapping[str, str]) -> Found:
    customers = customers_of(report, aliases)
    return Found(replace(report, text=""), customers, links_of(report, exchange, customers))
