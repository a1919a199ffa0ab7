"""The harvest of customers: one company's trouble stops no other, and nobody goes on asking in vain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.commands.customers_harvest import Harvest, harvest
from market.exchange import Exchange
from market.filings_links import Report
from market.filings_names import ALIASES
from market.filings_source import FilingsError, UnreachableError

NEW_YORK = ZoneInfo("America/New_York")


def report(ticker: str, year: int) -> Report:
    text = f"In {year - 1}, Walmart accounted for 20% of our net sales."
    return Report(ticker, f"{ticker}-{year}", datetime(year, 3, 7, 17, 5, tzinfo=NEW_YORK), text)


def source(ticker: str) -> Iterator[Report]:
    """Give two reports, the newest first; D... has no answer, F... fails at its second, N... has none."""
    if ticker.startswith("D"):
        raise UnreachableError(f"{ticker}: no answer")
    if ticker.startswith("N"):
        return
    yield report(ticker, 2024)
    if ticker.startswith("F"):
        raise FilingsError(f"{ticker}: the second is at fault")
    yield report(ticker, 1901 if ticker.startswith("OLD") else 2023)


def harvested(exchange: Exchange, *tickers: str) -> tuple[Harvest, list[str]]:
    asked: list[str] = []
    return harvest(source, tickers, exchange, ALIASES, asked.append), asked


def test_reports_come_by_ticker_and_time_without_their_texts(exchange: Exchange) -> None:
    found, asked = harvested(exchange, "B", "A", "N")
    assert [one.report.accession for one in found.found] == ["B-2023", "B-2024", "A-2023", "A-2024"]
    assert {one.report.text for one in found.found} == {""}
    assert (found.failed, found.without, asked) == ({}, ("N",), ["B", "A", "N"])


def test_a_ticker_of_which_one_report_is_at_fault_has_none(exchange: Exchange) -> None:
    found, _ = harvested(exchange, "F", "OLD", "A")
    assert {one.links.supplier for one in found.found} == {"A"}
    assert found.failed["F"] == "F: the second is at fault"
    assert "calendar XNYS starts at 1990-01-02, it does not know 1901-03-07" in found.failed["OLD"]


def test_after_three_tickers_in_a_row_without_an_answer_nobody_is_asked(exchange: Exchange) -> None:
    found, asked = harvested(exchange, "D1", "D2", "A", "D3", "D4", "F", "D5", "D6", "D7", "B")
    assert asked == ["D1", "D2", "A", "D3", "D4", "F", "D5", "D6", "D7"]
    assert found.failed["B"] == "B: not asked, as 3 tickers in a row got no answer"
    assert {one.links.supplier for one in found.found} == {"A"}
