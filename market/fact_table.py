"""A table of facts: a CSV with named columns, read as text, with its faults named by row."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path


class UniverseError(ValueError):
    """A list cannot be used; the text names the file, the row and the value."""


def read_text(path: Path) -> str:
    """Return a file as text.

    Raises:
        UniverseError: There is none, or it is not text.
    """
    try:
        raw = Path(path).read_bytes()
        return (gzip.decompress(raw) if Path(path).suffix == ".gz" else raw).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UniverseError(f"{path}: there is no such file; check the path") from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UniverseError(f"{path}: cannot be read as text: {error}") from error


def rows_of(name: str, text: str, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, from 1, values of the columns) of a CSV.

    Raises:
        UniverseError: A column is missing, or there are no rows.
    """
    reader = csv.DictReader(io.StringIO(text))
    header = reader.fieldnames or ()
    for column in columns:
        if column not in header:
            raise UniverseError(f"{name}: column {column!r} is missing among {', '.join(header) or 'none'}")
    empty = True
    for place, row in enumerate(reader, start=1):
        empty = False
        yield place, [(row[column] or "").strip() for column in columns]
    if empty:
        raise UniverseError(f"{name}: there are no rows below the header")


def ticker_of(name: str, row: int, text: str) -> str:
    """Return a ticker in the house's spelling: `BRK-B` for `BRK.B`.

    Raises:
        UniverseError: There is none.
    """
    if not text:
        raise UniverseError(f"{name}: row {row} has no ticker")
    return text.replace(".", "-")
