"""The data file: columns of anybody's CSV or Parquet table, as arrays."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daemon.commands.time_column import FIX, TimeColumnError, seconds
from market.panel import FloatArray

NOTHING = frozenset({None, *pacsv.ConvertOptions().null_values})  # what an empty cell may say


class DataFileError(ValueError):
    """A table cannot be used; the text names the file, the column, the value and the fix."""


class DataFile:
    """A table read whole; columns are asked for by name. Those of a dictionary hold what it stands for."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            DataFileError: It is missing, empty, or neither CSV nor Parquet.
        """
        self._path = path
        self._table = _decoded(_read(path))
        names = self._table.column_names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DataFileError(f"{path}: two columns are named {twice!r}; give each its own name")
        if self._table.num_rows == 0:
            raise DataFileError(f"{path}: the table has no rows; give at least one")

    @property
    def names(self) -> tuple[str, ...]:
        """Every column's name, in the file's order."""
        return tuple(self._table.column_names)

    def numeric(self) -> tuple[str, ...]:
        """Return the names of the columns that hold numbers."""
        types = zip(self.names, self._table.schema.types, strict=True)
        return tuple(name for name, kind in types if _is_number(kind))

    def other(self) -> tuple[str, ...]:
        """Return the names of the columns that hold something else than numbers."""
        return tuple(name for name in self.names if name not in {*self.numeric(), *self.empty()})

    def empty(self) -> tuple[str, ...]:
        """Return the names of the columns that hold nothing at all."""
        types = zip(self.names, self._table.schema.types, strict=True)
        return tuple(name for name, kind in types if pa.types.is_null(kind))

    def numbers(self, name: str) -> FloatArray:
        """Return a column as float64, shape (rows,); an empty cell is NaN, a great whole number is rounded.

        Raises:
            DataFileError: There is no such column or it holds something else than numbers.
        """
        column = self._column(name)
        if pa.types.is_null(column.type):
            return np.full(len(column), np.nan)
        if not _is_number(column.type):
            raise self._no_numbers(name)
        return np.asarray(
            column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
        )

    def numbers_if_any(self, name: str) -> FloatArray:
        """Return a column as float64, shape (rows,), all NaN where it is missing or holds no number at all.

        Raises:
            DataFileError: It holds numbers and something else.
        """
        self.check_not_mixed(name)
        if name in self.names and _is_number(self._table.column(name).type):
            return self.numbers(name)
        return np.full(self._table.num_rows, np.nan)

    def check_not_mixed(self, name: str) -> None:
        """Refuse a column of text at least half of whose cells are numbers: the others are mistakes.

        Raises:
            DataFileError: It is such a column.
        """
        if name not in self.names or not _is_text(self._table.column(name).type):
            return
        filled = [cell for cell in self._table.column(name).to_pylist() if cell not in NOTHING]
        if filled and 2 * sum(map(_says_number, filled)) >= len(filled):
            raise self._no_numbers(name)

    def _no_numbers(self, name: str) -> DataFileError:
        """Name the first cell that is no number."""
        kind = self._table.column(name).type
        if not _is_text(kind):
            return DataFileError(f"{self._path}: column {name!r} holds {kind}, numbers are needed")
        cells = list(enumerate(self._table.column(name).to_pylist(), start=1))
        odd = [(row, cell) for row, cell in cells if cell not in NOTHING and not _says_number(cell)]
        row, cell = odd[0] if odd else next((row, cell) for row, cell in cells if cell is not None)
        return DataFileError(f"{self._path}: column {name!r}, row {row} holds {cell!r}, numbers are needed")

    def labels(self, name: str) -> NDArray[np.str_]:
        """Return a column as text, shape (rows,), whatever it holds.

        Raises:
            DataFileError: There is no such column or a cell of it is empty.
        """
        column = self._filled(name)
        if pa.types.is_nested(column.type):
            raise DataFileError(
                f"{self._path}: column {name!r} holds {column.type}, a label is needed; write it as text"
            )
        return np.asarray([str(value) for value in column.to_pylist()])

    def times(self, name: str) -> FloatArray:
        """Return a column of times as numbers that sort, shape (rows,); a zone is taken into account.

        Raises:
            DataFileError: There is no such column, a cell of it is empty, or it holds text that is no time.
        """
        column = self._filled(name)
        kind = column.type
        if pa.types.is_temporal(kind):
            if not pa.types.is_timestamp(kind) and not pa.types.is_date(kind):
                raise DataFileError(f"{self._path}: column {name!r} holds {kind} without a date; {FIX}")
            column = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False).cast(pa.int64())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            try:
                return seconds(column.to_pylist())
            except TimeColumnError as error:
                raise DataFileError(f"{self._path}: column {name!r}, {error}") from None
        elif not _is_number(kind) or pa.types.is_boolean(kind):
            raise DataFileError(f"{self._path}: column {name!r} holds {kind}, times are needed; {FIX}")
        values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        if np.isnan(values).any():
            raise DataFileError(f"{self._path}: column {name!r}, row {np.isnan(values).argmax() + 1} is NaN")
        return np.asarray(values, dtype=np.float64)

    def _filled(self, name: str) -> pa.ChunkedArray:
        column = self._column(name)
        if column.null_count:
            row = column.is_null().to_pylist().index(True) + 1
            raise DataFileError(f"{self._path}: column {name!r}, row {row} is empty; fill it")
        return column

    def _column(self, name: str) -> pa.ChunkedArray:
        if name not in self.names:
            near = difflib.get_close_matches(name, self.names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.names)}"
            raise DataFileError(f"{self._path}: there is no column {name!r}; {hint}")
        return self._table.column(name)


def _read(path: Path) -> pa.Table:
    try:
        name = path.name.lower()
        if name.endswith(".parquet"):
            return pq.read_table(path)
        if name.endswith(".csv"):
            return pacsv.read_csv(path)
        if name.endswith(".csv.gz"):
            with pa.input_stream(path, compression="gzip") as stream:
                return pacsv.read_csv(stream)
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    raise DataFileError(f"{path}: unknown kind of file; give .parquet, .csv or .csv.gz")


def _decoded(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field.name, column)
    return table


def _says_number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    of = pa.types
    return bool(of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind) or of.is_boolean(kind))
