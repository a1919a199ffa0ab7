"""Links: suppliers and their customers, as they were known, and what the customers have done since.

A report may be used from the close of the session after the SEC accepted it, replaces the supplier's report
before and expires after 18 months.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from market.exchange import Exchange
from market.filings import Concentration, concentrations
from market.filings_names import ALIASES, ticker_of
from market.panel import FloatArray, Panel

NEW_YORK: Final = ZoneInfo("America/New_York")
EXPIRES: Final = timedelta(days=548)
"""18 months: by then the next annual report is long due."""

EARLIEST_CLOSE: Final = time(13)


@dataclass(frozen=True, slots=True)
class Report:
    """An annual report.

    Attributes:
        ticker: Who filed it.
        accession: The SEC's number of it.
        accepted_at: When the SEC accepted it, aware.
        text: The report as plain text.
    """

    ticker: str
    accession: str
    accepted_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of a report's newest year.

    Attributes:
        told: What the report says.
        ticker: Empty where no table has its name.
    """

    told: Concentration
    ticker: str

    @property
    def share(self) -> float:
        """Of the supplier's revenue, a fraction in (0, 1]."""
        return round(self.told.percent / 100.0, 6)


@dataclass(frozen=True, slots=True)
class Links:
    """The customers of one report's newest year.

    Attributes:
        supplier: Whose report.
        weights: Share of the revenue, a fraction, by customer's ticker; empty where none has one.
        told: How many customers of that year the report tells, named or not.
        known_at: Since when it may be used, aware.
        expires_at: Until when.
    """

    supplier: str
    weights: Mapping[str, float]
    told: int
    known_at: datetime
    expires_at: datetime

    @classmethod
    def since(cls, supplier: str, weights: Mapping[str, float], told: int, session: date) -> Links:
        """Return the links of a report that may be used at the close of `session` and for 18 months."""
        known_at = datetime.combine(session, time(), NEW_YORK)
        return cls(supplier, weights, told, known_at, known_at + EXPIRES)

    @property
    def known_from(self) -> date:
        """The first day at whose earliest possible close they count."""
        known_at = self.known_at.astimezone(NEW_YORK)
        return known_at.date() + timedelta(days=known_at.time() > EARLIEST_CLOSE)

    @property
    def coverage(self) -> float:
        """Share of the told customers that have a ticker; NaN where none is told."""
        return len(self.weights) / self.told if self.told else float("nan")


def known_from(accepted_at: datetime, exchange: Exchange) -> date:
    """Return the first session at whose close a report may be used: the one after the day of acceptance.

    Args:
        accepted_at: When the SEC accepted it, aware; its day is that of New York.
        exchange: Whose sessions.

    Raises:
        ValueError: `accepted_at` is not aware.
    """
    if accepted_at.tzinfo is None:
        raise ValueError(f"acceptance at {accepted_at} has no time zone; the SEC's is America/New_York")
    return exchange.next(accepted_at.astimezone(NEW_YORK).date())


def customers_of(report: Report, aliases: Mapping[str, str] = ALIASES) -> tuple[Customer, ...]:
    """Read whom a report tells of its newest year; a year that is not told counts as the newest.

    A share of nought, as a table may have it, is none. A company is no customer of its own.
    """
    told = [one for one in concentrations(report.text) if 0 < one.percent <= 100]
    newest = max((one.year for one in told if one.year is not None), default=None)
    found = ((one, ticker_of(one.customer, aliases)) for one in told if one.year in (newest, None))
    return tuple(Customer(one, "" if ticker == report.ticker else ticker) for one, ticker in found)


def links_of(report: Report, exchange: Exchange, customers: Sequence[Customer]) -> Links:
    """Return the links of a report to those of its customers that have a ticker.

    A customer that is told several times counts with its largest share.

    Raises:
        ValueError: The instant of acceptance is not aware.
    """
    weights: dict[str, float] = {}
    for one in customers:
        if one.ticker:
            weights[one.ticker] = max(weights.get(one.ticker, 0.0), one.share)
    return Links.since(report.ticker, weights, len(customers), known_from(report.accepted_at, exchange))


def customer_returns(
    links: Iterable[Links],
    instants: Sequence[datetime],
    tickers: Sequence[str],
    excess: Mapping[str, FloatArray],
) -> FloatArray:
    """Return what each ticker's customers gained above their sectors, weighted by their share of its revenue.

    Cohen and Frazzini (2008), "Economic Links and Predictable Returns". A report counts at an instant if it
    is the supplier's newest one known by then and has not expired.

    Args:
        links: Of any reports.
        instants: When each session's value is used, aware, ascending.
        tickers: Suppliers, columns of the result.
        excess: By customer's ticker: its log return above its sector's in each session, shape (instants,).

    Returns:
        Shape (instants, tickers); NaN where no customer, or no customer's return, is known.
    """
    by_supplier: dict[str, list[Links]] = {}
    for one in links:
        by_supplier.setdefault(one.supplier, []).append(one)
    out = np.full((len(instants), len(tickers)), np.nan)
    for column, ticker in enumerate(tickers):
        reports = sorted(by_supplier.get(ticker, []), key=lambda one: one.known_at)
        starts = [one.known_at for one in reports]
        for place, one in enumerate(reports):
            end = min([one.expires_at, *starts[place + 1 : place + 2]])
            rows = [row for row, at in enumerate(instants) if one.known_at <= at < end]
            if rows and one.weights:
                out[rows, column] = _mean(one.weights, excess, rows)
    return out


def customer_extra(
    links: Sequence[Links], panel: Panel, tickers: Sequence[str], sectors: Mapping[str, str]
) -> FloatArray:
    """Return `customer_returns` over a panel, its customers held against the tickers of their sector.

    A link counts in the sessions at whose earliest possible close (13:00 New York time) it was known.

    Args:
        links: Of any reports.
        panel: Bars; a customer that it lacks has no return.
        tickers: Suppliers, columns of the result, and whom customers are held against.
        sectors: Sector by ticker; a customer whose sector is unknown is held against all tickers.

    Returns:
        Shape (sessions, tickers).
    """
    customers = sorted({name for one in links for name in one.weights} & set(panel.tickers))
    column = {ticker: i for i, ticker in enumerate(panel.tickers)}
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.log(np.where(panel.adj_close > 0, panel.adj_close, np.nan))
    steps = np.diff(level, axis=0, prepend=np.nan)
    excess = {}
    for customer in customers:
        sector = sectors.get(customer, "")
        peers = [column[one] for one in tickers if not sector or sectors.get(one) == sector]
        excess[customer] = steps[:, column[customer]] - _row_mean(steps[:, peers])
    instants = [datetime.combine(day, EARLIEST_CLOSE, NEW_YORK) for day in panel.sessions]
    return customer_returns(links, instants, tickers, excess)


def _row_mean(values: FloatArray) -> FloatArray:
    """Return the mean of what is known of each row; NaN where nothing is."""
    known = ~np.isnan(values)
    total: FloatArray = np.where(known, values, 0.0).sum(axis=1)
    return total / np.where(known.any(axis=1), known.sum(axis=1), np.nan)


def _mean(weights: Mapping[str, float], excess: Mapping[str, FloatArray], rows: list[int]) -> FloatArray:
    total, weight = np.zeros(len(rows)), np.zeros(len(rows))
    for customer, share in sorted(weights.items()):
        if customer in excess:
            values = excess[customer][rows]
            known = ~np.isnan(values)
            total += np.where(known, share * values, 0.0)
            weight += np.where(known, share, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, total / weight, np.nan)
