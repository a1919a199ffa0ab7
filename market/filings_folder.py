"""Annual reports on disk: a folder of texts, and an index that says whose they are and since when."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from market.fact_table import read_text, rows_of, ticker_of
from market.filings_links import NEW_YORK, Report
from market.filings_source import FilingsError

INDEX: Final = "index.csv"
COLUMNS: Final = ("ticker", "accession", "accepted_at", "file")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the index.

    Attributes:
        ticker: Who filed the report.
        accession: The SEC's number of it.
        accepted_at: When the SEC accepted it, aware.
        path: Its plain text, gzipped or not.
    """

    ticker: str
    accession: str
    accepted_at: datetime
    path: Path

    def read(self) -> Report:
        """Read the report.

        Raises:
            FilingsError: It cannot be read as text.
        """
        try:
            raw = self.path.read_bytes()
            text = (gzip.decompress(raw) if self.path.suffix == ".gz" else raw).decode("utf-8-sig")
        except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            raise FilingsError(f"{self.ticker}: {self.path}: cannot be read as text: {error}") from error
        return Report(self.ticker, self.accession, self.accepted_at, text)


def read_index(folder: Path, now: datetime) -> tuple[Entry, ...]:
    """Read `index.csv` of a folder of reports: `ticker`, `accession`, `accepted_at` and `file`.

    Args:
        folder: Holds the index and the files that it names, .txt or .txt.gz.
        now: The present instant, aware; nothing was accepted later.

    Raises:
        UniverseError: There is no index, or it lacks a column or any row.
        FilingsError: A row is at fault.
    """
    path = folder / INDEX
    entries = []
    for row, cells in rows_of(str(path), read_text(path), COLUMNS):
        for column, cell in zip(COLUMNS, cells, strict=True):
            if not cell:
                raise FilingsError(f"{path}: row {row}: {column} is empty; fill it")
        ticker, accession, accepted, name = cells
        accepted_at = _instant(f"{path}: row {row}", accepted, now)
        file = folder / name
        if not name.endswith((".txt", ".txt.gz")) or not file.is_file():
            raise FilingsError(f"{path}: row {row}: there is no text file {file}; give a .txt or .txt.gz")
        entries.append(Entry(ticker_of(str(path), row, ticker.upper()), accession, accepted_at, file))
    _refuse_twice(path, "accession", [one.accession for one in entries])
    _refuse_twice(path, "file", [str(one.path.resolve()) for one in entries])
    return tuple(sorted(entries, key=lambda one: (one.ticker, one.accepted_at)))


def _instant(where: str, text: str, now: datetime) -> datetime:
    """Read an ISO instant; one without a zone is in New York's time, as the SEC writes it."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise FilingsError(
            f"{where}: accepted_at {text!r} is no instant; write it as 2024-03-07T17:05:00-05:00"
        ) from None
    instant = read if read.tzinfo else read.replace(tzinfo=NEW_YORK)
    if instant > now:
        raise FilingsError(f"{where}: accepted_at {text} is later than now, {now:%Y-%m-%d %H:%M} UTC")
    return instant


def _refuse_twice(path: Path, column: str, cells: Iterable[str]) -> None:
    first: dict[str, int] = {}
    for row, cell in enumerate(cells, start=1):
        if first.setdefault(cell, row) != row:
            raise FilingsError(
                f"{path}: row {row}: {column} {cell} is that of row {first[cell]}; keep one row a report"
            )
