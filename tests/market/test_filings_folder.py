"""Annual reports on disk, and a person's own table of names."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from market.fact_table import UniverseError
from market.filings_folder import read_index
from market.filings_names import ALIASES, read_aliases, ticker_of
from market.filings_source import FilingsError

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def folder(path: Path, rows: str) -> Path:
    (path / "a.txt").write_text("Walmart accounted for 20% of our net sales in 2023.")
    (path / "b.txt.gz").write_bytes(gzip.compress(b"Nothing."))
    (path / "index.csv").write_text(f"ticker,accession,accepted_at,file\n{rows}\n")
    return path


def test_reports_come_by_ticker_and_time_packed_or_not(tmp_path: Path) -> None:
    rows = "sup,2,2024-03-07T22:05:00Z,b.txt.gz\nSUP,1,2023-03-07T17:05:00,a.txt"
    first, second = (one.read() for one in read_index(folder(tmp_path, rows), NOW))
    assert (first.ticker, first.accession, first.text[:7]) == ("SUP", "1", "Walmart")
    assert first.accepted_at == datetime(2023, 3, 7, 22, 5, tzinfo=UTC)
    assert (second.accession, second.text) == ("2", "Nothing.")
    assert second.accepted_at == datetime(2024, 3, 7, 22, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("SUP,1,2023-03-07T17:05:00,gone.txt", "row 1: there is no text file .*gone.txt"),
        ("SUP,1,2023-03-07T17:05:00,index.csv", "row 1: there is no text file"),
        ("SUP,1,in spring,a.txt", "row 1: accepted_at 'in spring' is no instant; write it as 2024-"),
        ("SUP,1,2025-01-01T00:00:01Z,a.txt", "row 1: accepted_at .* is later than now, 2025-01-01 00:00 UTC"),
        ("SUP,1,2024-12-31T19:30:00,a.txt", "is later than now"),
        ("SUP,,2023-03-07T17:05:00,a.txt", "row 1: accession is empty"),
        (
            "SUP,1,2023-03-07T17:05:00,a.txt\nSUP,1,2024-03-07T17:05:00,b.txt.gz",
            "row 2: accession 1 is that of row 1; keep one row a report",
        ),
        (
            "SUP,1,2023-03-07T17:05:00,a.txt\nSUP,2,2024-03-07T17:05:00,a.txt",
            r"row 2: file .*a\.txt is that of row 1",
        ),
    ],
)
def test_a_row_at_fault_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(FilingsError, match=message):
        read_index(folder(tmp_path, rows), NOW)


def test_a_folder_without_an_index_or_with_an_empty_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UniverseError, match=r"index\.csv: there is no such file"):
        read_index(tmp_path, NOW)
    (tmp_path / "index.csv").write_text("ticker,accession,accepted_at,file\n")
    with pytest.raises(UniverseError, match="there are no rows"):
        read_index(tmp_path, NOW)


def test_a_report_that_is_no_text_names_its_ticker_and_file(tmp_path: Path) -> None:
    (entry,) = read_index(folder(tmp_path, "SUP,1,2023-03-07T17:05:00,b.txt.gz"), NOW)
    entry.path.write_bytes(b"no gzip")
    with pytest.raises(FilingsError, match=r"SUP: .*b\.txt\.gz: cannot be read as text"):
        entry.read()


def test_a_persons_own_names_go_over_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("name,ticker\nTSMC,tsm\nBerkshire Hathaway Inc.,BRK.B\nApple,\n")
    names = read_aliases(path)
    assert ticker_of("TSMC Limited", names) == "TSM"
    assert ticker_of("Berkshire Hathaway", names) == "BRK-B"
    assert ticker_of("Apple Inc.", names) == ""
    assert ticker_of("Walmart Inc.", names) == "WMT"
    assert ALIASES["apple"] == "AAPL"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("Inc.,AAPL", r"row 1: name 'Inc\.' is empty without its legal form"),
        ("Foo,two words", "row 1: ticker 'two words' is none"),
        ("Foo,AAA\nFoo Inc.,BBB", r"row 2: 'Foo Inc\.' is BBB here and AAA before"),
    ],
)
def test_a_name_at_fault_is_named(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "names.csv"
    path.write_text(f"name,ticker\n{rows}\n")
    with pytest.raises(UniverseError, match=message):
        read_aliases(path)
