from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from types import ModuleType, SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from market.exchange import Exchange, load_exchange
from market.filings_edgar import fetch_reports
from market.filings_links import (
    EXPIRES,
    Links,
    Report,
    customer_returns,
    customers_of,
    known_from,
    links_of,
)
from market.filings_names import ticker_of
from market.filings_source import FilingsError, UnreachableError

NEW_YORK = ZoneInfo("America/New_York")
ACCEPTED = datetime(2024, 3, 7, 17, 5, tzinfo=NEW_YORK)


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return load_exchange("XNYS")


def report(text: str, accepted_at: datetime = ACCEPTED) -> Report:
    return Report("SUP", "0000000000-24-000001", accepted_at, text)


def linked(given: Report, exchange: Exchange) -> Links:
    return links_of(given, exchange, customers_of(given))


def links(weights: dict[str, float], known_at: datetime, expires_at: datetime | None = None) -> Links:
    return Links("SUP", weights, len(weights), known_at, expires_at or known_at + EXPIRES)


@pytest.mark.parametrize(
    ("name", "ticker"),
    [
        ("Walmart Inc.", "WMT"),
        ("Wal-Mart Stores, Inc.", "WMT"),
        ("The Boeing Company", "BA"),
        ("Amazon.com, Inc. and its affiliates", "AMZN"),
        ("McKesson", "MCK"),
        ("Apple Hospitality", ""),
        ("Customer A", ""),
        ("", ""),
    ],
)
def test_a_name_links_by_the_reviewed_table_only(name: str, ticker: str) -> None:
    assert ticker_of(name) == ticker


@pytest.mark.parametrize(
    ("accepted", "day"),
    [
        (datetime(2024, 3, 7, 6, 30, tzinfo=NEW_YORK), date(2024, 3, 8)),
        (datetime(2024, 3, 7, 17, 5, tzinfo=NEW_YORK), date(2024, 3, 8)),
        (datetime(2024, 3, 8, 17, 5, tzinfo=NEW_YORK), date(2024, 3, 11)),
        (datetime(2024, 3, 9, 1, 0, tzinfo=UTC), date(2024, 3, 11)),
        (datetime(2024, 3, 28, 9, 0, tzinfo=NEW_YORK), date(2024, 4, 1)),
    ],
)
def test_a_report_may_be_used_at_the_close_of_the_session_after_its_acceptance(
    exchange: Exchange, accepted: datetime, day: date
) -> None:
    assert known_from(accepted, exchange) == day


def test_an_acceptance_without_a_zone_is_refused(exchange: Exchange) -> None:
    with pytest.raises(ValueError, match="has no time zone; the SEC's is America/New_York"):
        known_from(ACCEPTED.replace(tzinfo=None), exchange)


def test_the_links_are_those_of_the_reports_newest_year(exchange: Exchange) -> None:
    text = (
        "In 2023, Walmart and Target accounted for 20% and 12% of our net sales. "
        "In 2022, Walmart and Boeing accounted for 25% and 13% of our net sales. "
        "In 2023, one customer represented 11% of our revenue."
    )
    found = linked(report(text), exchange)
    assert found.weights == {"WMT": 0.2, "TGT": 0.12}
    assert found.told == 3
    assert found.coverage == pytest.approx(2 / 3)
    assert found.known_from == date(2024, 3, 8)
    assert found.expires_at == found.known_at + timedelta(days=548)


def test_a_report_that_tells_no_customer_links_to_none_and_a_company_never_to_itself(
    exchange: Exchange,
) -> None:
    none = linked(report("No customer accounted for 10% of our revenue in 2023."), exchange)
    assert (none.weights, none.told) == ({}, 0)
    assert np.isnan(none.coverage)
    itself = Report("WMT", "1", ACCEPTED, "Walmart accounted for 20% of our revenue in 2023.")
    assert linked(itself, exchange).weights == {}


def test_customers_count_by_their_share_and_an_unknown_return_counts_nothing() -> None:
    start = datetime(2024, 3, 8, 21, tzinfo=UTC)
    instants = [start + timedelta(days=i) for i in range(-1, 3)]
    excess = {"WMT": np.array([9.0, 0.01, 0.02, np.nan]), "TGT": np.array([9.0, 0.04, np.nan, np.nan])}
    found = customer_returns(
        [links({"WMT": 0.3, "TGT": 0.1, "BA": 0.5}, start)], instants, ["SUP", "X"], excess
    )
    assert_allclose(found[:, 0], [np.nan, (0.3 * 0.01 + 0.1 * 0.04) / 0.4, 0.02, np.nan])
    assert np.isnan(found[:, 1]).all()


def test_a_newer_report_replaces_the_one_before_and_an_old_one_expires() -> None:
    start = datetime(2024, 3, 8, 21, tzinfo=UTC)
    first, second = links({"WMT": 0.3}, start), links({"TGT": 0.2}, start + timedelta(days=365))
    instants = [start + timedelta(days=day) for day in (0, 364, 365, 365 + 547, 365 + 549)]
    excess = {"WMT": np.ones(5), "TGT": np.full(5, 2.0)}
    found = customer_returns([second, first], instants, ["SUP"], excess)
    assert_array_equal(found[:, 0], [1.0, 1.0, 2.0, 2.0, np.nan])


def test_a_newer_report_without_customers_ends_the_links() -> None:
    start = datetime(2024, 3, 8, 21, tzinfo=UTC)
    reports = [links({"WMT": 0.3}, start), links({}, start + timedelta(days=10))]
    instants = [start, start + timedelta(days=10)]
    assert_array_equal(customer_returns(reports, instants, ["SUP"], {"WMT": np.ones(2)})[:, 0], [1.0, np.nan])


def stand_in(monkeypatch: pytest.MonkeyPatch, filings: object) -> list[str]:
    """Install a package `edgar` that answers with these filings; return whom it was told it serves."""
    said: list[str] = []
    module = ModuleType("edgar")
    company = SimpleNamespace(get_filings=lambda **asked: filings(**asked) if callable(filings) else filings)
    monkeypatch.setattr(module, "set_identity", said.append, raising=False)
    monkeypatch.setattr(module, "Company", lambda ticker: company, raising=False)
    monkeypatch.setitem(sys.modules, "edgar", module)
    return said


def test_reports_are_fetched_with_the_instant_of_their_own_header(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def filings(**query: object) -> list[SimpleNamespace]:
        asked.update(query)
        header = SimpleNamespace(acceptance_datetime=datetime(2024, 3, 7, 17, 5))  # noqa: DTZ001 - as it comes
        return [SimpleNamespace(header=header, accession_no="1-2-3", text=lambda: "text")]

    said = stand_in(monkeypatch, filings)
    found = list(fetch_reports("NVDA", identity="Ann ann@example.com", since=date(2020, 1, 1)))
    assert found == [Report("NVDA", "1-2-3", ACCEPTED, "text")]
    assert said == ["Ann ann@example.com"]
    assert asked == {"form": "10-K", "date": "2020-01-01:", "amendments": False}


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edgar", None)
    with pytest.raises(FilingsError, match=r"install it with: pip install 'forewarn\[filings\]'"):
        list(fetch_reports("NVDA", identity="Ann ann@example.com", since=date(2020, 1, 1)))


def test_an_identity_without_an_address_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(FilingsError, match="identity 'Ann': the SEC wants a name and an e-mail address"):
        list(fetch_reports("NVDA", identity="Ann", since=date(2020, 1, 1)))


def test_whatever_the_package_raises_names_the_ticker(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OSError("no network")

    stand_in(monkeypatch, fail)
    with pytest.raises(UnreachableError, match="NVDA: the SEC did not answer: OSError: no network"):
        list(fetch_reports("NVDA", identity="Ann ann@example.com", since=date(2020, 1, 1)))


def test_a_company_without_reports_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, None)
    assert list(fetch_reports("NVDA", identity="Ann ann@example.com", since=date(2020, 1, 1))) == []


def test_a_report_that_does_not_say_when_it_was_accepted_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SimpleNamespace(header=SimpleNamespace(acceptance_datetime=None), accession_no="1-2-3")
    stand_in(monkeypatch, [one])
    with pytest.raises(FilingsError, match="NVDA: report 1-2-3 does not say when the SEC accepted it"):
        list(fetch_reports("NVDA", identity="Ann ann@example.com", since=date(2020, 1, 1)))


def test_a_customer_told_twice_counts_with_its_largest_share_and_nought_is_none(exchange: Exchange) -> None:
    text = (
        "In 2023, Walmart accounted for 20% of our net sales. In 2023, Walmart accounted for 14.1% of our "
        "net sales. In 2023, Boeing accounted for 0% of our net sales."
    )
    found = linked(report(text), exchange)
    assert (found.weights, found.told) == ({"WMT": 0.2}, 2)
