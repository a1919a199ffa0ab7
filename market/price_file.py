"""A price file: daily bars in Parquet or CSV, read as a `Panel` or refused with the fault named."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from market.panel import FIELDS, Panel
from market.price_columns import BoolArray, CodeArray, Columns, FloatArray, PriceFileError
from market.quality_finding import Finding, Kind

__all__ = ["PriceFileError", "read_bars", "read_prices"]

REQUIRED = ("date", "ticker", "open", "high", "low", "close", "volume")
PRICES = ("open", "high", "low", "close")
SUFFIXES = (".parquet", ".csv", ".csv.gz")


def read_prices(path: Path, *, today: date | None = None) -> Panel:
    """Read daily bars: one row per date and ticker, in any order; one row at fault refuses the file.

    Columns are `date`, `ticker`, `open`, `high`, `low`, `close`, `volume` and optionally `adj_close`;
    others are ignored. Without `adj_close`, or for a ticker that has none at all, `close` stands in for it.
    A close or open outside [low, high] occurs in real data and is left for the quality checks.

    Args:
        path: A `.parquet`, `.csv` or `.csv.gz` file. Prices in one currency, split-adjusted; shares likewise.
        today: Dates after this one are refused; None does not check.

    Returns:
        A panel over the union of dates and the tickers in ascending order, NaN where the file has no row.

    Raises:
        PriceFileError: The file cannot be read, or a row is at fault. Rows count from 1, header apart.
    """
    return _read(Columns(Path(path), _read_table(Path(path))), today)[0]


def read_bars(path: Path, *, today: date | None = None) -> tuple[Panel, tuple[Finding, ...]]:
    """Read daily bars as `read_prices` does, but leave out a row whose prices or volume cannot be a bar.

    One bar at fault so costs that bar and no other ticker. A row whose date or ticker is at fault, two rows
    of one bar and a row of another length refuse the file as before: whose they are is open.

    Args:
        path: As of `read_prices`.
        today: Likewise.

    Returns:
        The panel, NaN where a row was left out, and why each was, in the order of session and ticker.

    Raises:
        PriceFileError: The file cannot be read, or no row of it can be a bar.
    """
    return _read(Columns(Path(path), _read_table(Path(path)), strict=False), today)


def _read(columns: Columns, today: date | None) -> tuple[Panel, tuple[Finding, ...]]:
    day_codes, days = columns.days("date")
    ticker_codes, tickers = columns.names("ticker")
    if today is not None:
        late = (days > np.datetime64(today, "D"))[day_codes]
        columns.refuse("date", late, f"is after today, {today}", "correct the date or drop the row")
    cells = day_codes * len(tickers) + ticker_codes
    values = _values(columns, ticker_codes, tickers)
    _refuse_duplicates(columns, cells, day_codes, days, ticker_codes, tickers)
    bad = np.zeros(columns.n_rows, np.bool_)
    bad[[one.row for one in columns.doubts]] = True
    if bad.all():
        first = columns.doubts[0]
        raise PriceFileError(
            f"{columns.path}: none of its {columns.n_rows:,} rows can be a bar; "
            f"the first: {first.evidence}; {first.repair}"
        )
    arrays = []
    for name in FIELDS:
        grid = np.full((len(days), len(tickers)), np.nan)
        grid.reshape(-1)[cells] = np.where(bad, np.nan, values[name])
        arrays.append(grid)
    panel = Panel(tuple(days.astype(object).tolist()), tickers, *arrays)
    findings = (
        Finding(
            tickers[ticker_codes[one.row]],
            (panel.sessions[day_codes[one.row]],),
            one.kind,
            one.evidence,
            one.repair,
        )
        for one in columns.doubts
    )
    return panel, tuple(sorted(findings, key=lambda one: (one.sessions, one.ticker)))


def _values(columns: Columns, ticker_codes: CodeArray, tickers: tuple[str, ...]) -> dict[str, FloatArray]:
    """Return each field of the rows, in file order."""
    values = {column: _prices(columns, column) for column in PRICES}
    values["volume"] = _volume(columns)
    inverted, fix = values["high"] < values["low"], "correct the row or drop it"
    columns.doubt(Kind.OUTSIDE, "high", inverted, "is below the low", fix, beside="low")
    values["adj_close"] = _adj_close(columns, values["close"], ticker_codes, tickers)
    return values


def _prices(columns: Columns, column: str) -> FloatArray:
    price = columns.numbers(column, Kind.PRICE)
    fix = "correct it, or drop the row if nothing traded"
    columns.doubt(Kind.PRICE, column, ~np.isfinite(price), "is not a finite price", fix)
    columns.doubt(Kind.PRICE, column, price <= 0, "is not above 0", "correct it or drop the row")
    return price


def _volume(columns: Columns) -> FloatArray:
    volume = columns.numbers("volume", Kind.VOLUME)
    why, fix = "is not a finite number of shares", "write 0 if nothing traded"
    columns.doubt(Kind.VOLUME, "volume", ~np.isfinite(volume), why, fix)
    columns.doubt(Kind.VOLUME, "volume", volume < 0, "is below 0", f"correct it, or {fix}")
    return volume


def _adj_close(
    columns: Columns, close: FloatArray, ticker_codes: CodeArray, tickers: tuple[str, ...]
) -> FloatArray:
    if not columns.has("adj_close"):
        return close
    adjusted = columns.numbers("adj_close", Kind.ADJ_CLOSE)
    absent = np.isnan(adjusted)
    rows = np.bincount(ticker_codes, minlength=len(tickers))
    absent_rows = np.bincount(ticker_codes, weights=absent, minlength=len(tickers))
    has_none: BoolArray = (absent_rows == rows)[ticker_codes]
    columns.doubt(
        Kind.ADJ_CLOSE,
        "adj_close",
        absent & ~has_none,
        "is empty while other rows of the ticker have a value",
        "fill it for every row of the ticker or for none",
    )
    fix = "correct it or drop the row"
    columns.doubt(Kind.ADJ_CLOSE, "adj_close", np.isinf(adjusted), "is not a finite price", fix)
    columns.doubt(Kind.ADJ_CLOSE, "adj_close", adjusted <= 0, "is not above 0", fix)
    return np.where(has_none, close, adjusted)


def _refuse_duplicates(
    columns: Columns,
    cells: CodeArray,
    day_codes: CodeArray,
    days: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]],
    ticker_codes: CodeArray,
    tickers: tuple[str, ...],
) -> None:
    order = np.argsort(cells, kind="stable")
    repeats = np.flatnonzero(cells[order][1:] == cells[order][:-1])
    if not repeats.size:
        return
    first = repeats[np.argmin(order[repeats + 1])]
    earlier, later = int(order[first]), int(order[first + 1])
    more = f" ({repeats.size - 1} more like it)" if repeats.size > 1 else ""
    raise PriceFileError(
        f"{columns.path}: rows {earlier + 1} and {later + 1}, columns 'date' and 'ticker': both are "
        f"{tickers[ticker_codes[later]]} on {days[day_codes[later]]}; keep one of them{more}"
    )


def _read_table(path: Path) -> pa.Table:
    suffix = next((known for known in SUFFIXES if path.name.lower().endswith(known)), None)
    if suffix is None:
        raise PriceFileError(
            f"{path}: {path.suffix or 'no suffix'} is not a kind of price file; use {', '.join(SUFFIXES)}"
        )
    if not path.exists():
        raise PriceFileError(f"{path}: there is no such file; check the path")
    if not path.is_file():
        raise PriceFileError(f"{path}: is not a file; name one of {', '.join(SUFFIXES)}")
    try:
        if path.stat().st_size == 0:
            raise PriceFileError(f"{path}: the file is empty (0 bytes); write it again")
        table = _read_parquet(path) if suffix == ".parquet" else _read_csv(path)
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PriceFileError(f"{path}: cannot be read as {suffix}: {reason}; write it again") from error
    if table.num_rows == 0:
        raise PriceFileError(f"{path}: the file has a header but no rows; write the bars below it")
    return table


def _read_parquet(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        return file.read(columns=_wanted(path, names))


def _read_csv(path: Path) -> pa.Table:
    """Read every wanted column as text, so that a message can show what the file has."""
    ragged: list[pacsv.InvalidRow] = []

    def note(row: pacsv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    parse_options = pacsv.ParseOptions(invalid_row_handler=note)
    with pacsv.open_csv(path, parse_options=parse_options) as reader:
        names = list(reader.schema.names)
    wanted = _wanted(path, names)
    ragged.clear()
    table = pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False),  # so that a bad row knows its number
        parse_options=parse_options,
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=wanted, strings_can_be_null=False
        ),
    )
    if ragged:
        row = ragged[0]
        raise PriceFileError(
            f"{path}: row {row.number - 1} has {row.actual_columns} values, "
            f"the header {row.expected_columns}; correct the row {row.text!r}"
        )
    return table


def _wanted(path: Path, names: Sequence[str]) -> list[str]:
    """Return the columns to read, or raise naming the one that is missing, doubled or misspelt."""
    listed = ", ".join(repr(name) for name in names)
    for column in REQUIRED:
        if column not in names:
            raise PriceFileError(f"{path}: column {column!r} is missing; {_nearest(column, names)}")
    wanted = [*REQUIRED, *(["adj_close"] if "adj_close" in names else [])]
    for column in wanted:
        if list(names).count(column) > 1:
            raise PriceFileError(f"{path}: column {column!r} occurs twice among {listed}; keep one")
    for name in names:
        if (
            name != "adj_close"
            and _letters(name) in {"adjclose", "adjustedclose"}
            and "adj_close" not in names
        ):
            raise PriceFileError(
                f"{path}: column {name!r} would be ignored; rename it to 'adj_close' or drop it"
            )
    return wanted


def _nearest(column: str, names: Sequence[str]) -> str:
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        return f"the header reads {names[0]!r}: separate the columns with commas"
    by_letters = {_letters(name): name for name in names if name not in REQUIRED}
    matches = difflib.get_close_matches(_letters(column), by_letters, n=1, cutoff=0.0)
    if not matches:
        return "add it"
    return (
        f"the nearest column is {by_letters[matches[0]]!r}: rename it if that is the one, else add {column!r}"
    )


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
