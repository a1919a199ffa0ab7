"""Reference files: to which sector a ticker belongs."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from daemon.commands.data_file import DataFileError


def read_sectors(path: Path) -> dict[str, str]:
    """Read the sector of each ticker: columns `ticker` and `sector` or `gics_sector`.

    Raises:
        DataFileError: The file cannot be used.
    """
    found = {}
    for _, line in _rows(path, ("ticker",)):
        column = "sector" if "sector" in line else "gics_sector"
        if column not in line:
            raise DataFileError(f"{path}: there is no column 'sector'; it has {', '.join(line)}")
        found[line["ticker"]] = line[column]
    return found


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its number, from 1, every cell stripped."""
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        raise DataFileError(f"{path}: unknown kind of file; give .csv or .csv.gz")
    try:
        raw = path.read_bytes()
        text = gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw
        lines = list(csv.DictReader(StringIO(text.decode("utf-8-sig"), newline="")))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from None
    if not lines:
        raise DataFileError(f"{path}: the table has no rows; give at least one")
    for name in needed:
        if name not in lines[0]:
            raise DataFileError(f"{path}: there is no column {name!r}; it has {', '.join(lines[0])}")
    for row, line in enumerate(lines, start=1):
        cells = {name: (cell or "").strip() for name, cell in line.items() if name}
        if not cells["ticker"]:
            raise DataFileError(f"{path}: column 'ticker', row {row} is empty; fill it")
        yield row, cells
