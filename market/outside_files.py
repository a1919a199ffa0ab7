"""Files of facts beside the bars: splits, minute bars, and who is whose customer."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from market.extended_hours import MinuteError, Minutes
from market.filings_links import EXPIRES, Links
from market.short_volume import Splits

NEW_YORK: Final = ZoneInfo("America/New_York")


class OutsideFileError(ValueError):
    """A file cannot be used; the text names it, the row and the fix."""


def read_splits(path: Path) -> Splits:
    """Read splits: `ticker`, `session` (the first in new shares) and `ratio` (new shares for an old one).

    A ticker that never split has a row whose `session` and `ratio` are empty; one without a row is unknown.

    Raises:
        OutsideFileError: The file or a row is at fault.
    """
    out: dict[str, list[tuple[date, float]]] = {}
    for place, (ticker, session, ratio) in enumerate(_rows(path, ("ticker", "session", "ratio")), start=1):
        splits = out.setdefault(str(ticker), [])
        if session is None and ratio is None:
            continue
        if not (ratio is not None and ratio > 0):
            raise OutsideFileError(f"{path}: row {place}: ratio {ratio!r} is no number above 0, as 4 or 0.1")
        splits.append((_day(path, place, "session", session), float(ratio)))
    return {ticker: tuple(sorted(splits)) for ticker, splits in out.items()}


def read_minutes(path: Path) -> Minutes:
    """Read minute bars: `ticker`, `start` (with a time zone, or UTC) and `volume` in shares.

    Raises:
        OutsideFileError: The file or a bar is at fault.
    """
    table = _table(path, ("ticker", "start", "volume"))
    try:
        starts = table.column("start").cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
        return Minutes(
            np.array(table.column("ticker").cast(pa.string()).to_pylist(), dtype=np.str_),
            np.asarray(starts.to_numpy(zero_copy_only=False), dtype="datetime64[us]"),
            np.asarray(table.column("volume").cast(pa.float64()).to_numpy(zero_copy_only=False)),
        )
    except (MinuteError, pa.ArrowException) as error:
        raise OutsideFileError(f"{path}: {error}") from error


def read_customers(path: Path) -> tuple[Links, ...]:
    """Read who is whose customer: `supplier`, `customer`, `share` of the supplier's revenue, `known_from`.

    `known_from` is the first session before whose close the report may be used. Rows of one supplier and day
    are one report, which replaces the one before and holds for 18 months.

    Raises:
        OutsideFileError: The file or a row is at fault.
    """
    reports: dict[tuple[str, date], dict[str, float]] = {}
    columns = ("supplier", "customer", "share", "known_from")
    for place, (supplier, customer, share, known) in enumerate(_rows(path, columns), start=1):
        if not (isinstance(share, int | float) and 0 < share <= 1):
            raise OutsideFileError(f"{path}: row {place}: share {share!r} is no fraction in (0, 1]")
        if not (supplier and customer) or supplier == customer:
            raise OutsideFileError(
                f"{path}: row {place}: supplier {supplier!r} and customer {customer!r}; name two tickers"
            )
        day = _day(path, place, "known_from", known)
        reports.setdefault((str(supplier), day), {})[str(customer)] = float(share)
    out = []
    for (supplier, day), weights in sorted(reports.items()):
        known_at = datetime.combine(day, time(), NEW_YORK)
        out.append(Links(supplier, weights, len(weights), known_at, known_at + EXPIRES))
    return tuple(out)


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    table = _table(path, columns)
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def _table(path: Path, columns: tuple[str, ...]) -> pa.Table:
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path)
    except FileNotFoundError as error:
        raise OutsideFileError(f"{path}: there is no such file; check the path") from error
    except (OSError, pa.ArrowException) as error:
        raise OutsideFileError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise OutsideFileError(
            f"{path}: column {absent[0]!r} is missing among {', '.join(table.column_names) or 'none'}"
        )
    return table


def _day(path: Path, place: int, name: str, value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    raise OutsideFileError(f"{path}: row {place}: {name} {value!r} is no date; write it as 2024-01-31")
