"""The columns of a price file: decoded from Parquet or CSV into arrays, or refused with the row named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from market.quality_finding import Kind

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

EARLIEST, LATEST = date(1800, 1, 1), date(2200, 12, 31)  # what lies outside is a mistake of unit
EMPTY_WORDS = (
    "",
    "nan",
    "na",
    "n/a",
    "null",
    "none",
)  # in a number's place: unknown. A ticker may well be called NA.


class PriceFileError(ValueError):
    """A price file cannot be used as it is; the message names file, row, column, value, limit and fix."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row whose numbers cannot be a bar.

    Attributes:
        row: Its place, from 0.
        kind: Of which kind the first fault is.
        evidence: Row, column and value, and what is wrong.
        repair: What would mend it.
    """

    row: int
    kind: Kind
    evidence: str
    repair: str


class Columns:
    """The table of one price file, asked column by column.

    Args:
        path: The file, for messages.
        table: Its rows, in file order.
        strict: Whether a row whose numbers cannot be a bar is refused; else it is noted in `doubts`.
    """

    def __init__(self, path: Path, table: pa.Table, *, strict: bool = True) -> None:
        self.path = path
        self._table = table
        self._strict = strict
        self._doubts: dict[int, Doubt] = {}

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The rows noted so far, each with its first fault, in file order."""
        return tuple(self._doubts[row] for row in sorted(self._doubts))

    @property
    def n_rows(self) -> int:
        """Number of data rows."""
        return int(self._table.num_rows)

    def has(self, column: str) -> bool:
        """Say whether the file has the column."""
        return column in self._table.column_names

    def numbers(self, column: str, kind_of_fault: Kind) -> FloatArray:
        """Return a column as float64, NaN where the file holds nothing, or no number.

        Raises:
            PriceFileError: The column is not one of numbers, or a value is none and rows are refused.
        """
        values = self._plain(column)
        kind = values.type
        if pa.types.is_null(kind):
            return np.full(self.n_rows, np.nan)
        if pa.types.is_string(kind):
            values = self._parsed(column, values, kind_of_fault)
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise self.fault(column, f"the column is of type {kind}, not numbers; store it as float64")
        floats = values.cast(pa.float64(), safe=False)
        return np.asarray(floats.to_numpy(zero_copy_only=False), dtype=np.float64)

    def days(self, column: str) -> tuple[CodeArray, NDArray[np.datetime64]]:
        """Return (code of each row, the distinct dates as datetime64[D], ascending).

        Midnight is accepted as a date; any other time of day, and any time zone, is not.

        Raises:
            PriceFileError: A value is not a date.
        """
        values = self._plain(column)
        kind = values.type
        if pa.types.is_string(kind):
            values = self._dates_of_text(column, values)
        elif pa.types.is_timestamp(kind) and kind.tz is not None:
            raise self.fault(
                column,
                f"the column has time zone {kind.tz}; a session is a date of the exchange, "
                "convert it to exchange time and store the date only",
            )
        elif not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise self.fault(
                column, f"the column is of type {kind}, not dates; store dates (or text as 2024-01-31)"
            )
        self.refuse(column, _mask(values.is_null()), "is empty", "write the session's date or drop the row")
        days = values.cast(pa.date32(), safe=False)
        if pa.types.is_timestamp(values.type) or pa.types.is_date64(values.type):
            moved = _mask(pc.not_equal(days.cast(values.type), values))
            self.refuse(column, moved, "has a time of day", "daily bars are wanted: store the date only")
        outside = _mask(pc.or_(pc.less(days, EARLIEST), pc.greater(days, LATEST)))
        self.refuse(
            column, outside, f"is not between {EARLIEST} and {LATEST}", "correct the date or drop the row"
        )
        distinct, codes = np.unique(
            days.to_numpy(zero_copy_only=False).astype("datetime64[D]"), return_inverse=True
        )
        return codes.astype(np.int64), distinct

    def names(self, column: str) -> tuple[CodeArray, tuple[str, ...]]:
        """Return (code of each row, the distinct names, ascending).

        Raises:
            PriceFileError: A value is not text, is blank, or has blanks around it.
        """
        values = self._plain(column)
        if not pa.types.is_string(values.type):
            raise self.fault(column, f"the column is of type {values.type}, not text; store tickers as text")
        encoded = values.dictionary_encode().unify_dictionaries().combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        raw_codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
        words: list[str] = encoded.dictionary.to_pylist()
        blank = np.array([not word.strip() for word in words] + [True])
        self.refuse(column, blank[raw_codes], "is blank", "write the ticker or drop the row")
        padded = np.array([word != word.strip() for word in words] + [False])
        self.refuse(column, padded[raw_codes], "has blanks around it", "remove them")
        ordered = tuple(sorted(words))
        place = {word: code for code, word in enumerate(ordered)}
        rank = np.array([place[word] for word in words], dtype=np.int64)
        return rank[raw_codes], ordered

    def refuse(self, column: str, bad: BoolArray, why: str, fix: str, *, beside: str = "") -> None:
        """Raise for the first row marked in `bad`, if there is one.

        Args:
            column: The column at fault.
            bad: One mark per row.
            why: What is wrong with the value, following it: "is not above 0".
            fix: What to do about it.
            beside: Another column whose value is shown after the reason.

        Raises:
            PriceFileError: A row is marked.
        """
        rows = np.flatnonzero(bad)
        if rows.size:
            row = int(rows[0])
            more = f" ({rows.size - 1} more like it)" if rows.size > 1 else ""
            raise PriceFileError(f"{self.path}: {self._fault(row, column, why, beside)}; {fix}{more}")

    def doubt(self, kind: Kind, column: str, bad: BoolArray, why: str, fix: str, *, beside: str = "") -> None:
        """Refuse the first row marked in `bad`, or note each: it cannot be a bar. See `refuse`.

        Raises:
            PriceFileError: A row is marked, and rows are refused.
        """
        if self._strict:
            self.refuse(column, bad, why, fix, beside=beside)
        for row in np.flatnonzero(bad).tolist():
            self._doubts.setdefault(row, Doubt(row, kind, self._fault(row, column, why, beside), fix))

    def shown(self, column: str, row: int) -> str:
        """Return a value as the file has it, for a message."""
        value = self._table.column(column)[row].as_py()
        return repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)

    def fault(self, column: str, what: str) -> PriceFileError:
        """Return the error for a fault of a whole column."""
        return PriceFileError(f"{self.path}: column {column!r}: {what}")

    def _fault(self, row: int, column: str, why: str, beside: str) -> str:
        other = f", {self.shown(beside, row)}" if beside else ""
        return f"row {row + 1}, column {column!r}: {self.shown(column, row)} {why}{other}"

    def _plain(self, column: str) -> pa.ChunkedArray:
        """Return the column with dictionaries decoded and every kind of text as one."""
        values = self._table.column(column)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        kind = values.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            values = values.cast(pa.string())
        return values

    def _parsed(self, column: str, text: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
        trimmed = pc.utf8_trim_whitespace(text)
        empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(EMPTY_WORDS))
        filled = pc.if_else(empty, pa.scalar(None, pa.string()), trimmed)
        try:
            return filled.cast(pa.float64())
        except pa.ArrowInvalid:
            bad = np.array([not _is_number(word) for word in filled.to_pylist()])
            fix = "write it with digits and a point only, as in 1234.5"
            self.doubt(kind, column, bad, "is not a number", fix)
            return pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), filled).cast(pa.float64())

    def _dates_of_text(self, column: str, text: pa.ChunkedArray) -> pa.ChunkedArray:
        trimmed = pc.utf8_trim_whitespace(text)
        self.refuse(
            column,
            _mask(pc.equal(pc.fill_null(trimmed, ""), "")),
            "is empty",
            "write the session's date or drop the row",
        )
        head, tail = pc.utf8_slice_codeunits(trimmed, 0, 10), pc.utf8_slice_codeunits(trimmed, 10)
        dated = pc.match_substring_regex(head, r"^\d{4}-\d{2}-\d{2}$")
        zoned = pc.match_substring_regex(tail, r"^[T ]\d{2}:\d{2}.*(Z|UTC|[+-]\d{2}:?\d{2})$")
        timed = pc.match_substring_regex(tail, r"^[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$")
        midnight = pc.match_substring_regex(tail, r"^([T ]00:00(:00(\.0+)?)?)?$")
        self.refuse(
            column,
            _mask(pc.and_(dated, zoned)),
            "has a time zone",
            "a session is a date of the exchange: convert it to exchange time and write the date only",
        )
        self.refuse(
            column,
            _mask(pc.and_(dated, pc.and_not(timed, midnight))),
            "has a time of day",
            "daily bars are wanted: write the date only",
        )
        good = pc.and_(dated, midnight)
        fix = "write it as year-month-day, as in 2024-01-31"
        self.refuse(column, ~_mask(good), "is not a date", fix)
        try:
            return head.cast(pa.date32())
        except pa.ArrowInvalid:
            bad = np.array([not _is_date(word) for word in head.to_pylist()])
            self.refuse(column, bad, "is not a date", fix)
            raise


def _mask(marks: Any) -> BoolArray:  # noqa: ANN401  (pyarrow is untyped)
    return np.asarray(marks.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _is_number(word: str | None) -> bool:
    try:
        pa.array([word], pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _is_date(word: str) -> bool:
    try:
        pa.array([word], pa.string()).cast(pa.date32())
    except pa.ArrowInvalid:
        return False
    return True
