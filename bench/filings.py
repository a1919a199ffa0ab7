"""Customers in annual reports: what is read, against what a person reads.

17 annual reports of 14 large companies and three small filers. The labels are every customer's share of a
year's revenue that a person finds in them, named or not. The patterns were written with these reports at
hand, so the figures show that they do what they were made for; other reports will have other wordings.
"""

from __future__ import annotations

import gzip

from bench.development_data import FOLDER
from bench.finding import Finding
from bench.share import Share
from market.filings import concentrations

TITLE = "Customers in annual reports"
FULL = 17
REPORTS = FOLDER / "filings"
NEEDS = (REPORTS / "NVDA_10-K_2025-02-26.txt.gz",)

Fact = tuple[str, float, int]
LABELS: dict[str, tuple[Fact, ...]] = {
    "0000950153-99-001234_10-K": (
        ("McKesson", 18.0, 1999),
        ("Cardinal", 14.1, 1999),
        ("McKesson", 16.9, 1998),
        ("Bergen Brunswig", 13.2, 1998),
        ("Cardinal", 12.6, 1998),
        ("McKesson", 20.6, 1997),
        ("Cardinal", 16.3, 1997),
        ("Bergen Brunswig", 10.9, 1997),
    ),
    "0001376474-16-000635_10-K": (
        ("Cummins, Inc.", 52.0, 2015),
        ("Cummins, Inc.", 50.0, 2014),
        ("Alliant Techsystems", 20.0, 2015),
        ("Alliant Techsystems", 22.0, 2014),
        ("Del Monte Foods, Inc.", 11.0, 2015),
    ),
    "BA_10-K_2025-02-03": (
        ("U.S. government", 42.0, 2024),
        ("U.S. government", 37.0, 2023),
        ("U.S. government", 40.0, 2022),
    ),
    "JNJ_10-K_2025-02-13": (
        ("", 20.5, 2024),
        ("", 15.6, 2024),
        ("", 12.3, 2024),
        ("", 18.2, 2023),
        ("", 15.1, 2023),
        ("", 14.2, 2023),
        ("", 18.9, 2022),
        ("", 15.0, 2022),
        ("", 13.8, 2022),
    ),
    "NVDA_10-K_2025-02-26": (
        ("Customer A", 12.0, 2025),
        ("Customer B", 11.0, 2025),
        ("Customer C", 11.0, 2025),
        ("Customer B", 13.0, 2024),
    ),
    "UNH_10-K_2025-02-27": (("CMS", 40.0, 2024), ("CMS", 40.0, 2023), ("CMS", 38.0, 2022)),
}
"""By report; the others tell none. Del Monte's 2014 and what is below 10 % have no number."""


def findings(size: int) -> list[Finding]:
    """Read the first `size` reports."""
    hits = told = true = named = 0
    for path in sorted(REPORTS.glob("*.txt.gz"))[:size]:
        found = concentrations(gzip.decompress(path.read_bytes()).decode())
        facts = {(one.customer, one.percent, one.year) for one in found}
        labels = set(LABELS.get(path.name.removesuffix(".txt.gz"), ()))
        hits += len(facts & labels)
        told += len(facts)
        true += len(labels)
        named += sum(one.named for one in found)
    return [
        Finding.share(f"of {told} told, right", Share(hits, told)),
        Finding.share(
            f"of {true} labelled, found", Share(hits, true), note="two years of one payer are missed"
        ),
        Finding.share(f"of {told} told, named: the others can link to nothing", Share(named, told)),
    ]
