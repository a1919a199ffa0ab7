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

__all__ = ["PriceFileError", "read_prices"]

REQUIRED = ("date", "ticker", "open", "high", "low", "close", "volume")
PRICES = ("open", "high", "low", "close")
SUFFIXES = (".parquet", ".csv", ".csv.gz")


def read_prices(path: Path, *, today: date | None = None) -> Panel:
    """Read daily bars: one row per date and ticker, in any order.

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
    path = Path(path)
    columns = Columns(path, _read_table(path))
    day_codes, days = columns.days("date")
    ticker_codes, tickers = columns.names("ticker")
    if today is not None:
        late = (days > np.datetime64(today, "D"))[day_codes]
        columns.refuse("date", late, f"is after today, {today}", "correct the date or drop the row")
    values = {column: _prices(columns, column) for column in PRICES}
    values["volume"] = _volume(columns)
    inverted = values["high"] < values["low"]
    if inverted.any():
        low = columns.shown("low", int(np.flatnonzero(inverted)[0]))
        columns.refuse("high", inverted, f"is below the low, {low}", "correct the row or drop it")
    values["adj_close"] = _adj_close(columns, values["close"], ticker_codes, tickers)
    cells = day_codes * len(tickers) + ticker_codes
    _refuse_duplicates(columns, cells, day_codes, days, ticker_codes, tickers)
    shape = (len(days), len(tickers))
    arrays = []
    for name in FIELDS:
        grid = np.full(shape, np.nan)
        grid.reshape(-1)[cells] = values[name]
        arrays.append(grid)
    return Panel(tuple(days.astype(object).tolist()), tickers, *arrays)


def _prices(columns: Columns, column: str) -> FloatArray:
    price = columns.numbers(column)
    columns.refuse(
        column, ~np.isfinite(price), "is not a finite price", "correct it, or drop the row if nothing traded"
    )
    columns.refuse(column, price <= 0, "is not above 0", "correct it or drop the row")
    return price


def _volume(columns: Columns) -> FloatArray:
    volume = columns.numbers("volume")
    columns.refuse(
        "volume", ~np.isfinite(volume), "is not a finite number of shares", "write 0 if nothing traded"
    )
    columns.refuse("volume", volume < 0, "is below 0", "correct it, or write 0 if nothing traded")
    return volume


def _adj_close(
    columns: Columns, close: FloatArray, ticker_codes: CodeArray, tickers: tuple[str, ...]
) -> FloatArray:
    if not columns.has("adj_close"):
        return close
    adjusted = columns.numbers("adj_close")
    absent = np.isnan(adjusted)
    rows = np.bincount(ticker_codes, minlength=len(tickers))
    absent_rows = np.bincount(ticker_codes, weights=absent, minlength=len(tickers))
    has_none: BoolArray = (absent_rows == rows)[ticker_codes]
    columns.refuse(
        "adj_close",
        absent & ~has_none,
        "is empty while other rows of the ticker have a value",
        "fill it for every row of the ticker or for none",
    )
    columns.refuse("adj_close", np.isinf(adjusted), "is not a finite price", "correct it or drop the row")
    columns.refuse("adj_close", adjusted <= 0, "is not above 0", "correct it or drop the row")
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
