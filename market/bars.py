"""Bars as they come from a provider's wire: checked value by value, and put together as a `Panel`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from market.panel import FIELDS, FloatArray, Panel
from market.provider import UnusableAnswerError

Bars = dict[date, tuple[float, ...]]
"""One ticker's bars: session -> a value for each name of `FIELDS`."""

Row = tuple[date, tuple[float, ...]]


def check_rows(rows: Iterable[Row], start: date, end: date) -> Bars:
    """Return the rows from `start` to `end`, both inclusive, as bars in the order of the sessions.

    A price that is not finite and above 0, and a volume that is not finite or below 0, is unknown: NaN. A row
    without any price is no bar. A row that comes twice counts once.

    Raises:
        UnusableAnswerError: Two rows differ and are of the same session.
    """
    bars: Bars = {}
    for session, values in rows:
        if not start <= session <= end:
            continue
        bar = tuple(
            value if math.isfinite(value) and (value > 0 or (name == "volume" and value == 0)) else math.nan
            for name, value in zip(FIELDS, values, strict=True)
        )
        if all(math.isnan(price) for price in bar[:-1]):
            continue
        known = bars.setdefault(session, bar)
        if not np.array_equal(known, bar, equal_nan=True):
            raise UnusableAnswerError(f"two different bars of {session}")
    return dict(sorted(bars.items()))


def number(value: object, name: str) -> float:
    """Return a value of the wire as a float, NaN for null.

    Raises:
        UnusableAnswerError: It is not a number; the message has its name.
    """
    if value is None:
        return math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise UnusableAnswerError(f"{name} is {value!r:.40}, not a number")


def panel_of(tickers: tuple[str, ...], bars: Mapping[str, Bars]) -> Panel:
    """Put the bars of some of the tickers together; the others are columns of NaN."""
    sessions = tuple(sorted(set().union(*bars.values())))
    place = {session: row for row, session in enumerate(sessions)}
    cube: FloatArray = np.full((len(FIELDS), len(sessions), len(tickers)), np.nan)
    for column, ticker in enumerate(tickers):
        for session, values in bars.get(ticker, {}).items():
            cube[:, place[session], column] = values
    return Panel(sessions, tickers, *cube)
