"""Customers in annual reports: wordings that tell one, and wordings that only look like it."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from bench.filings import LABELS
from market.filings import concentrations, sentences


def told(text: str) -> list[tuple[str, float, int | None]]:
    return [(one.customer, one.percent, one.year) for one in concentrations(text)]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (
            "During fiscal 2019, Alpha and Beta accounted for 18.0% and 14.1% respectively, of our revenues.",
            [("Alpha", 18.0, 2019), ("Beta", 14.1, 2019)],
        ),
        (
            "Walmart Inc. accounted for 14%, 13% and 12% of our net sales in fiscal 2024, 2023 and 2022, "
            "respectively.",
            [("Walmart Inc.", 14.0, 2024), ("Walmart Inc.", 13.0, 2023), ("Walmart Inc.", 12.0, 2022)],
        ),
        (
            "In fiscal 2023, sales to Apple Inc. and Samsung accounted for approximately 20% and 11% of "
            "total net revenue.",
            [("Apple Inc.", 20.0, 2023), ("Samsung", 11.0, 2023)],
        ),
        (
            "Approximately 15% of our net sales in 2020 were derived from sales to The Boeing Company.",
            [("The Boeing Company", 15.0, 2020)],
        ),
        ("One customer, Gamma, accounted for 11% of our revenues in 2021.", [("Gamma", 11.0, 2021)]),
        (
            "Walmart, together with its affiliates, represented 25 percent of the Company's consolidated "
            "revenues during the year ended December 31, 2018.",
            [("Walmart", 25.0, 2018)],
        ),
        (
            "The U.S. Government accounted for 62% of our sales in 2022.",
            [("The U.S. Government", 62.0, 2022)],
        ),
        (
            "In 2024, 42% of our revenues were earned pursuant to U.S. government contracts, which are many.",
            [("U.S. government", 42.0, 2024)],
        ),
        (
            "Sales to direct Customers A, B and C represented 12%, 11% and 11% of total revenue, "
            "respectively, for fiscal year 2025.",
            [("Customer A", 12.0, 2025), ("Customer B", 11.0, 2025), ("Customer C", 11.0, 2025)],
        ),
        (
            "In 2024, the Company utilized three wholesalers that represented approximately 20.5%, 15.6% and "
            "12.3% of the total gross revenues.",
            [("", 20.5, 2024), ("", 15.6, 2024), ("", 12.3, 2024)],
        ),
        (
            "Customers which represented 10% or more of revenue, are presented in the following table:\n\n"
            "Year Ended\nJan 26, 2025 Jan 28, 2024\n\nCustomer A 12 % *\nDelta, Inc. 11 % 13 %\n"
            "* Less than 10% of revenue.",
            [("Customer A", 12.0, 2025), ("Delta, Inc.", 11.0, 2025), ("Delta, Inc.", 13.0, 2024)],
        ),
        ("Net sales to Epsilon represented 9% of net sales.", [("Epsilon", 9.0, None)]),
    ],
)
def test_a_customer_is_read_with_its_share_and_year(
    text: str, want: list[tuple[str, float, int | None]]
) -> None:
    assert told(text) == want


@pytest.mark.parametrize(
    "text",
    [
        "No customer accounted for 10% or more of our net sales in 2020.",
        "Our three largest customers accounted for 45% of revenue in 2020.",
        "In 2024, these five partners combined represented 44% of our revenues.",
        "Customers in Europe accounted for 30% of revenue in 2020.",
        "In 2024, non-U.S. customers accounted for approximately 46% of our revenues.",
        "China accounted for 30% of our revenue in 2022.",
        "U.S. customer revenue represented approximately 99%, 97% and 97% of total revenues for 2024, 2023 "
        "and 2022, respectively.",
        "Two customers accounted for 17% and 16% of our accounts receivable balance as of January 26, 2025.",
        "Apple accounted for 20% of accounts receivable at December 31, 2020.",
        "Zeta represented approximately 7% of total assets, and approximately 4% of net sales in 2025.",
        "Online sales represented 15.1% of net sales during fiscal 2024.",
        "Two suppliers accounted for 44% and 23% of purchases in 2024.",
        "Lessees equal to or exceeding 10% of lease income receivable: Years Ended December 31, 2015 2014 "
        "Alpha 54% 18%",
        "Alpha and Beta accounted for 20% of revenue in 2020.",
        "",
    ],
)
def test_what_only_looks_like_a_customer_is_none(text: str) -> None:
    assert told(text) == []


def test_each_customer_and_year_is_told_once() -> None:
    text = "Alpha accounted for 20% of revenue in 2020. Alpha accounted for 20% of revenue in 2020."
    assert told(text) == [("Alpha", 20.0, 2020)]


def test_a_counted_customer_that_is_named_elsewhere_is_told_by_its_name_only() -> None:
    text = (
        "In 2020, we had one customer that represented 20% of revenue. "
        "Alpha accounted for 20% of revenue in 2020."
    )
    assert told(text) == [("Alpha", 20.0, 2020)]


def test_letters_and_the_nameless_are_not_named() -> None:
    text = (
        "Sales to Customer A represented 12% of revenue in 2020. Alpha accounted for 20% of revenue in 2020."
    )
    assert {one.customer: one.named for one in concentrations(text)} == {"Customer A": False, "Alpha": True}


def test_abbreviations_end_no_sentence() -> None:
    text = "Alpha Inc. is a customer. The U.S. Government is one. So is B. Beta."
    assert list(sentences(text)) == [
        "Alpha Inc. is a customer.",
        "The U.S. Government is one.",
        "So is B. Beta.",
    ]


def test_a_wording_far_from_any_other_costs_no_time() -> None:
    assert told("Customers " + "accounted for 1% and " * 20_000) == []


def test_real_reports_tell_nothing_that_a_person_does_not_find(shared_data: Path) -> None:
    found = 0
    for path in sorted((shared_data / "filings").glob("*.txt.gz")):
        facts = set(told(gzip.decompress(path.read_bytes()).decode()))
        labels = set(LABELS.get(path.name.removesuffix(".txt.gz"), ()))
        assert facts <= labels, path.name
        found += len(facts)
    assert found == 30
    assert sum(map(len, LABELS.values())) == 32


@pytest.mark.parametrize(
    "words",
    [
        "Total revenues 12 % of net sales 15 % increase 3 % of revenue by segment ",
        "one customer in region and others ",
        "customers with 10% of revenue ",
        "customers exceeding 10% of revenue: Years Ended 2020 2019 Foo Bar ",
    ],
)
def test_the_time_for_a_long_text_without_stops_grows_with_its_length(words: str) -> None:
    text = words * (200_000 // len(words)) + " 10 %"
    began = time.process_time()
    assert told(text) == []
    assert time.process_time() - began < 4.0  # read to the end from every place it takes from 10 s to hours


def test_what_is_told_at_the_end_of_a_long_table_without_stops_is_read() -> None:
    table = "Segment assets 12 345 "  # no stop before the sentence
    text = table * 400 + "and two customers accounted for 12% and 11% of our revenue in 2020."
    assert told(text) == [("", 12.0, 2020), ("", 11.0, 2020)]
