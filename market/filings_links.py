"""Links: suppliers and their customers, as they were known, and what the customers have done since.

A report becomes usable a session after the SEC accepted it, replaces the supplier's report before and expires
after 18 months. A name links to a ticker only where a table says so; guessing by likeness would link Apple
Inc. to Apple Hospitality.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from market.exchange import Exchange
from market.filings import concentrations
from market.panel import FloatArray, Panel

NEW_YORK: Final = ZoneInfo("America/New_York")
EXPIRES: Final = timedelta(days=548)
"""18 months: by then the next annual report is long due."""

EARLIEST_CLOSE: Final = time(13)

SUFFIXES: Final = re.compile(
    r"[,.]|\b(?:the|inc|incorporated|corp|corporation|co|company|companies|ltd|limited|llc|plc|lp|sa|ag|nv|"
    r"group|holdings?|stores|and its (?:affiliates|subsidiaries))\b"
)

ALIASES: Final[Mapping[str, str]] = {
    "alphabet": "GOOGL",
    "amazon": "AMZN",
    "amazoncom": "AMZN",
    "amerisourcebergen": "COR",
    "apple": "AAPL",
    "at&t": "T",
    "best buy": "BBY",
    "boeing": "BA",
    "cardinal": "CAH",
    "cardinal health": "CAH",
    "cencora": "COR",
    "costco": "COST",
    "costco wholesale": "COST",
    "cummins": "CMI",
    "dell": "DELL",
    "ford": "F",
    "ford motor": "F",
    "general motors": "GM",
    "google": "GOOGL",
    "home depot": "HD",
    "hp": "HPQ",
    "intel": "INTC",
    "kroger": "KR",
    "lockheed martin": "LMT",
    "lowe's": "LOW",
    "mckesson": "MCK",
    "mckesson hboc": "MCK",
    "meta": "META",
    "meta platforms": "META",
    "microsoft": "MSFT",
    "qualcomm": "QCOM",
    "raytheon": "RTX",
    "target": "TGT",
    "tesla": "TSLA",
    "t-mobile": "TMUS",
    "verizon": "VZ",
    "verizon communications": "VZ",
    "walgreens": "WBA",
    "walmart": "WMT",
    "wal-mart": "WMT",
}
"""Reviewed by hand: the name without its legal form, in small letters, and today's ticker."""


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

    @property
    def coverage(self) -> float:
        """Share of the told customers that have a ticker; NaN where none is told."""
        return len(self.weights) / self.told if self.told else float("nan")


def ticker_of(customer: str, aliases: Mapping[str, str] = ALIASES) -> str:
    """Return a customer's ticker, empty where the table has no such name."""
    plain = re.sub(r"\s+", " ", SUFFIXES.sub("", customer.lower())).strip(" &")
    return aliases.get(plain, "")


def known_from(accepted_at: datetime, exchange: Exchange) -> datetime:
    """Return since when a report may be used: the close of the first session after the day of acceptance.

    Raises:
        ValueError: `accepted_at` is not aware.
    """
    if accepted_at.tzinfo is None:
        raise ValueError(f"acceptance at {accepted_at} has no time zone; the SEC's is America/New_York")
    return exchange.close_at(exchange.next(accepted_at.astimezone(NEW_YORK).date()))


def links_of(report: Report, exchange: Exchange, aliases: Mapping[str, str] = ALIASES) -> Links:
    """Read a report's customers of its newest year; a year that is not told counts as the newest."""
    told = concentrations(report.text)
    newest = max((one.year for one in told if one.year is not None), default=None)
    current = [one for one in told if one.year in (newest, None)]
    weights: dict[str, float] = {}
    for one in current:
        ticker = ticker_of(one.customer, aliases)
        if ticker and ticker != report.ticker:
            weights[ticker] = max(weights.get(ticker, 0.0), one.percent / 100.0)
    known_at = known_from(report.accepted_at, exchange)
    return Links(report.ticker, weights, len(current), known_at, report.accepted_at + EXPIRES)


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
