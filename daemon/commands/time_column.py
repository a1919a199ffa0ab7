"""The time column: when each row was stated, as numbers that sort; never text that only looks like a date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from market.panel import FloatArray

FIX = "write 2024-01-31, 2024-01-31T15:30:00Z, or seconds since 1970"
_PARTS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(.*)")


class TimeColumnError(ValueError):
    """A text cannot be read as a time; `row` counts from 1."""

    def __init__(self, row: int, text: str, why: str) -> None:
        super().__init__(f"row {row} holds {text!r}, {why}; {FIX}")


def seconds(texts: Sequence[str]) -> FloatArray:
    """Texts as seconds since 1970, shape (rows,).

    Taken are ISO dates and times with or without a zone (not mixed), 2024/1/31, numbers, and 1/31/2024 or
    31.1.2024 where a day above 12 somewhere in the column tells which number is the month.

    Args:
        texts: One a row, without None.

    Raises:
        TimeColumnError: One cannot be read, or could be read in two ways.

    Example:
        >>> (seconds(["1/31/2024", "2/1/2024"]) == seconds(["2024-01-31", "2024-02-01"])).all()
        np.True_
    """
    stripped = [text.strip() for text in texts]
    if stripped and _PARTS.fullmatch(stripped[0]):
        return _day_and_month(stripped)
    if stripped and _is_number(stripped[0]):
        return np.array([_number(row, text) for row, text in enumerate(stripped, start=1)])
    read = [_iso(row, text) for row, text in enumerate(stripped, start=1)]
    for row, moment in enumerate(read, start=1):
        if (moment.tzinfo is None) != (read[0].tzinfo is None):
            raise TimeColumnError(row, stripped[row - 1], f"but row 1 {_zone(read[0])} a zone")
    return np.array([_since_1970(moment) for moment in read], dtype=np.float64)


def _iso(row: int, text: str) -> datetime:
    if slashed := _YEAR_FIRST.fullmatch(text):
        year, month, day, rest = slashed.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{rest}"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise TimeColumnError(row, text, "which is no date or time") from None


def _day_and_month(texts: Sequence[str]) -> FloatArray:
    found = []
    for row, text in enumerate(texts, start=1):
        match = _PARTS.fullmatch(text)
        if match is None:
            raise TimeColumnError(row, text, f"but row 1 is written like {texts[0]!r}")
        found.append([int(part or 0) for i, part in enumerate(match.groups()) if i != 1])
    month_first, day_first = (max(parts[place] for parts in found) > 12 for place in (1, 0))
    if not month_first and not day_first:
        for row, parts in enumerate(found, start=1):
            if parts[0] != parts[1]:
                raise TimeColumnError(row, texts[row - 1], "which could be either of two days")
    out = []
    for row, (first, second, year, hour, minute, second_) in enumerate(found, start=1):
        month, day = (second, first) if day_first else (first, second)
        try:
            out.append(datetime(year, month, day, hour, minute, second_, tzinfo=UTC).timestamp())
        except ValueError:
            raise TimeColumnError(row, texts[row - 1], "which is no day") from None
    return np.array(out, dtype=np.float64)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _number(row: int, text: str) -> float:
    if not _is_number(text):
        raise TimeColumnError(row, text, "which is no number as row 1 is")
    return float(text)


def _since_1970(moment: datetime) -> float:
    """Seconds; one without a zone is taken as UTC, which keeps the order among its like."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _zone(moment: datetime) -> str:
    return "has" if moment.tzinfo else "lacks"
