"""Files of facts beside the bars: splits, and who is whose customer."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from market.column_file import read_columns
from market.filings_links import Links
from market.splits import Splits

CUSTOMERS: Final = ("supplier", "customer", "share", "known_from")


class OutsideFileError(ValueError):
    """A file cannot be used; the text names it, the row and the fix."""


def read_splits(path: Path) -> Splits:
    """Read splits: `ticker`, `session` (the first in new shares) and `ratio` (new shares for an old one).

    A ticker that never split has a row whose `session` and `ratio` are empty; one without a row is unknown.
    Small letters are read as capitals.

    Raises:
        OutsideFileError: The file or a row is at fault.
    """
    out: dict[str, dict[date, float]] = {}
    for place, (ticker, session, ratio) in enumerate(_rows(path, ("ticker", "session", "ratio")), start=1):
        if not (name := str(ticker or "").strip().upper()):
            raise OutsideFileError(f"{path}: row {place} has no ticker; name it, or delete the row")
        splits = out.setdefault(name, {})
        if session is None and (ratio is None or ratio != ratio):  # noqa: PLR0124 - NaN is an empty cell
            continue
        day = _day(path, place, "session", session)
        if day in splits:
            raise OutsideFileError(
                f"{path}: row {place}: {name} splits twice on {day}; keep one row, with the whole ratio"
            )
        splits[day] = _ratio(path, place, ratio)
    return {ticker: tuple(sorted(splits.items())) for ticker, splits in out.items()}


def read_customers(path: Path) -> tuple[Links, ...]:
    """Read who is whose customer: `supplier`, `customer`, `share` of the supplier's revenue, `known_from`.

    `known_from` is the first session at whose close the report may be used. Rows of one supplier and day are
    one report, which replaces the one before and holds for 18 months. A report that links to nobody ends the
    links before it: it is one row whose `customer` and `share` are empty.

    Raises:
        OutsideFileError: The file or a row is at fault.
    """
    reports: dict[tuple[str, date], dict[str, float]] = {}
    silent: set[tuple[str, date]] = set()
    for place, (supplier, customer, share, known) in enumerate(_rows(path, CUSTOMERS), start=1):
        report = str(supplier), _day(path, place, "known_from", known)
        weights = reports.setdefault(report, {})
        if supplier and not customer and (share is None or math.isnan(share)):
            silent.add(report)
        elif not (isinstance(share, int | float) and 0 < share <= 1):
            raise OutsideFileError(f"{path}: row {place}: share {share!r} is no fraction in (0, 1]")
        elif not (supplier and customer) or supplier == customer:
            raise OutsideFileError(
                f"{path}: row {place}: supplier {supplier!r} and customer {customer!r}; name two tickers"
            )
        elif weights.setdefault(str(customer), float(share)) != share:
            raise OutsideFileError(
                f"{path}: row {place}: {supplier} and {customer} of {report[1]} have two shares, "
                f"{weights[str(customer)]} and {share}; keep one row"
            )
        if report in silent and weights:
            raise OutsideFileError(
                f"{path}: row {place}: the report of {supplier} from {report[1]} has customers and a row "
                "without one; delete that row"
            )
    return tuple(
        Links.since(supplier, weights, len(weights), day)
        for (supplier, day), weights in sorted(reports.items())
    )


def write_customers(path: Path, links: Iterable[Links]) -> int:
    """Write who is whose customer, as `read_customers` reads it, whole or not at all; return the rows.

    Of two reports of one supplier with one `known_from` the later one holds.

    Args:
        path: CSV or Parquet, by its suffix; an older file is replaced.
        links: Of any reports.

    Raises:
        OutsideFileError: The suffix is neither, or the file cannot be written.
    """
    reports = {(one.supplier, one.known_from): one for one in sorted(links, key=lambda one: one.known_at)}
    rows: list[tuple[Any, ...]] = []
    for (supplier, day), one in sorted(reports.items()):
        rows += [(supplier, customer, share, day) for customer, share in sorted(one.weights.items())]
        rows += [] if one.weights else [(supplier, None, None, day)]
    file = _parquet(rows) if check_writable(path).suffix == ".parquet" else _csv(rows)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as out:
            out.write(file)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutsideFileError(f"{path}: cannot be written: {error.strerror}") from error
    return len(rows)


def check_writable(path: Path) -> Path:
    """Return the path of a customers file to be; asked before long work.

    Raises:
        OutsideFileError: The suffix is neither .csv nor .parquet, or its folder is missing.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise OutsideFileError(f"{path}: {path.suffix or 'no suffix'} is none; use .csv or .parquet")
    if not path.parent.is_dir():
        raise OutsideFileError(f"{path}: there is no folder {path.parent}; make it, or name another file")
    return path


def _csv(rows: list[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([CUSTOMERS, *rows])
    return text.getvalue().encode()


def _parquet(rows: list[tuple[Any, ...]]) -> bytes:
    kinds = (pa.string(), pa.string(), pa.float64(), pa.date32())
    columns = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=list(CUSTOMERS)), out)
    return out.getvalue()


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    table = read_columns(path, columns, OutsideFileError)
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def _ratio(path: Path, place: int, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise OutsideFileError(
        f"{path}: row {place}: ratio {value!r} is no number above 0; write 4 for 4:1, and 0.1 for 1:10"
    )


def _day(path: Path, place: int, name: str, value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    raise OutsideFileError(f"{path}: row {place}: {name} {value!r} is no date; write it as 2024-01-31")
