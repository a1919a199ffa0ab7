"""The customers file: what is written is read back as the same links, and never counts too early."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from market.exchange import Exchange, load_exchange
from market.filings_links import EARLIEST_CLOSE, Links, Report, customer_returns, customers_of, links_of
from market.outside_files import OutsideFileError, read_customers, write_customers

NEW_YORK = ZoneInfo("America/New_York")
XNYS = load_exchange("XNYS")
FIRST = date(2022, 11, 1)
SESSIONS = XNYS.sessions(FIRST, date(2025, 12, 31))
INSTANTS = [datetime.combine(day, EARLIEST_CLOSE, NEW_YORK) for day in SESSIONS]
TIMES = tuple(
    time(*at) for at in ((0, 0), (6, 1), (12, 59), (13, 0), (15, 59), (16, 0), (16, 1), (22, 0), (23, 59))
)
SHARES = {"Walmart": ("WMT", 0.2), "Target": ("TGT", 0.11), "Boeing": ("BA", 0.141)}

acceptances = st.builds(
    lambda days, at, zone: datetime.combine(FIRST + timedelta(days=days), at, NEW_YORK).astimezone(zone),
    st.integers(0, 760),
    st.sampled_from(TIMES),
    st.sampled_from([NEW_YORK, UTC, ZoneInfo("Asia/Tokyo")]),
)
filed = st.lists(st.tuples(acceptances, st.sets(st.sampled_from(sorted(SHARES)))), min_size=1, max_size=5)


def links(accepted_at: datetime, names: set[str], exchange: Exchange = XNYS) -> Links:
    text = " ".join(
        f"In 2023, {name} accounted for {100 * SHARES[name][1]:g}% of our net sales."
        for name in sorted(names)
    )
    report = Report("SUP", f"{accepted_at}", accepted_at, text)
    return links_of(report, exchange, customers_of(report))


def returns(found: list[Links]) -> np.ndarray:
    excess = {
        "WMT": np.full(len(SESSIONS), 0.01),
        "TGT": np.full(len(SESSIONS), 0.03),
        "BA": np.full(len(SESSIONS), -0.02),
    }
    return customer_returns(found, INSTANTS, ["SUP", "OTHER"], excess)


def by_hand(reports: list[tuple[datetime, set[str]]]) -> list[float]:
    """A session knows the reports accepted on days before it; the newest counts, for 548 days."""
    excess = {"WMT": 0.01, "TGT": 0.03, "BA": -0.02}
    out = []
    for session in SESSIONS:
        known = [
            (accepted, names) for accepted, names in reports if accepted.astimezone(NEW_YORK).date() < session
        ]
        accepted, names = max(known, key=lambda one: one[0], default=(None, set()))
        if accepted is None or not names:
            out.append(np.nan)
            continue
        start = next(day for day in SESSIONS if day > accepted.astimezone(NEW_YORK).date())
        weights = dict(SHARES[name] for name in names)
        mean = sum(share * excess[name] for name, share in weights.items()) / sum(weights.values())
        out.append(mean if session < start + timedelta(days=548) else np.nan)
    return out


@settings(max_examples=60, deadline=None)
@given(reports=filed, suffix=st.sampled_from([".csv", ".parquet"]))
@example(reports=[(datetime(2024, 7, 3, 13, 30, tzinfo=NEW_YORK), {"Walmart"})], suffix=".csv")
@example(reports=[(datetime(2024, 7, 2, 16, 30, tzinfo=NEW_YORK), {"Walmart"})], suffix=".csv")
@example(reports=[(datetime(2024, 11, 29, 12, 0, tzinfo=NEW_YORK), {"Target"})], suffix=".parquet")
@example(
    reports=[
        (datetime(2024, 3, 8, 16, 1, tzinfo=NEW_YORK), {"Walmart"}),
        (datetime(2024, 3, 10, 12, 0, tzinfo=NEW_YORK), set()),
    ],
    suffix=".csv",
)
def test_what_is_written_and_read_back_counts_as_the_links_themselves_and_never_too_early(
    tmp_path_factory: pytest.TempPathFactory, reports: list[tuple[datetime, set[str]]], suffix: str
) -> None:
    path = tmp_path_factory.mktemp("customers") / f"customers{suffix}"
    reports = list({accepted: (accepted, names) for accepted, names in reports}.values())
    found = [links(*one) for one in sorted(reports, key=lambda one: one[0])]
    write_customers(path, found)
    own = returns(found)
    assert_array_equal(returns(list(read_customers(path))), own)
    np.testing.assert_allclose(own[:, 0], by_hand(reports), rtol=1e-12)
    assert np.isnan(own[:, 1]).all()


@pytest.mark.parametrize(
    ("known_at", "day"),
    [
        (datetime(2024, 3, 8, 0, 0, tzinfo=NEW_YORK), date(2024, 3, 8)),
        (datetime(2024, 3, 8, 13, 0, tzinfo=NEW_YORK), date(2024, 3, 8)),
        (datetime(2024, 3, 8, 13, 1, tzinfo=NEW_YORK), date(2024, 3, 9)),
        (datetime(2024, 3, 8, 21, 0, tzinfo=UTC), date(2024, 3, 9)),
        (datetime(2024, 3, 9, 2, 0, tzinfo=UTC), date(2024, 3, 9)),
    ],
)
def test_links_known_after_the_earliest_close_are_written_with_the_next_day(
    known_at: datetime, day: date
) -> None:
    assert Links("SUP", {"WMT": 0.2}, 1, known_at, known_at + timedelta(days=9)).known_from == day


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_report_that_links_to_nobody_ends_the_links_before_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"customers{suffix}"
    first = Links.since("SUP", {"WMT": 0.2, "BA": 0.1}, 2, date(2023, 3, 1))
    second = Links.since("SUP", {}, 1, date(2024, 3, 1))
    assert write_customers(path, [second, first]) == 3
    before, after = read_customers(path)
    assert (before.weights, after.weights) == ({"WMT": 0.2, "BA": 0.1}, {})
    known = ~np.isnan(returns([before, after])[:, 0])
    assert [day for day, one in zip(SESSIONS, known, strict=True) if one][-1] == date(2024, 2, 29)


def test_the_row_without_a_customer_is_as_a_person_would_write_it(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    write_customers(
        path,
        [Links.since("SUP", {"WMT": 0.2}, 1, date(2023, 3, 1)), Links.since("SUP", {}, 0, date(2024, 3, 1))],
    )
    assert (
        path.read_text() == "supplier,customer,share,known_from\nSUP,WMT,0.2,2023-03-01\nSUP,,,2024-03-01\n"
    )
    left_out = tmp_path / "pandas.parquet"
    pd.read_csv(path, parse_dates=["known_from"]).to_parquet(left_out)
    assert read_customers(left_out) == read_customers(path)


def test_tickers_that_look_like_something_else_stay_tickers(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    write_customers(path, [Links.since("TRUE", {"NA": 0.2}, 1, date(2023, 3, 1))])
    (found,) = read_customers(path)
    assert (found.supplier, found.weights) == ("TRUE", {"NA": 0.2})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("A,B,,2024-01-02", "row 1: share None is no fraction"),
        ("A,,0.2,2024-01-02", "row 1: supplier 'A' and customer ''; name two tickers"),
        (",,,2024-01-02", "row 1: share None is no fraction"),
        (
            "A,B,0.2,2024-01-02\nA,,,2024-01-02",
            "row 2: the report of A from 2024-01-02 has customers and a row",
        ),
        (
            "A,,,2024-01-02\nA,B,0.2,2024-01-02",
            "row 2: the report of A from 2024-01-02 has customers and a row",
        ),
        (
            "A,B,0.2,2024-01-02\nA,B,0.3,2024-01-02",
            r"row 2: A and B of 2024-01-02 have two shares, 0\.2 and 0\.3",
        ),
    ],
)
def test_a_row_that_contradicts_is_named(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(f"supplier,customer,share,known_from\n{rows}\n")
    with pytest.raises(OutsideFileError, match=message):
        read_customers(path)


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutsideFileError, match=r"customers\.csv: cannot be written: No space left on device"):
        write_customers(path, [Links.since("SUP", {"WMT": 0.2}, 1, date(2023, 3, 1))])
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["customers.csv"]


@pytest.mark.parametrize("name", ["customers.xlsx", "customers", "nowhere/customers.csv"])
def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutsideFileError, match=r"use \.csv or \.parquet|there is no folder"):
        write_customers(tmp_path / name, [])
