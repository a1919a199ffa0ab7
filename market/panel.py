"""The panel: prices and volumes of many tickers over many sessions, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FIELDS = ("open", "high", "low", "close", "adj_close", "volume")


@dataclass(frozen=True, slots=True)
class Panel:
    """Daily bars as float64 arrays of shape (sessions, tickers); NaN means unknown, never zero.

    Attributes:
        sessions: Trading dates, strictly ascending, length S.
        tickers: Column names, length T.
        open: First price of the regular session, USD, split-adjusted.
        high: Highest price, USD, split-adjusted.
        low: Lowest price, USD, split-adjusted.
        close: Last price, USD, split-adjusted.
        adj_close: Last price, USD, adjusted for splits and dividends (total return).
        volume: Shares, split-adjusted.
    """

    sessions: tuple[date, ...]
    tickers: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    adj_close: FloatArray
    volume: FloatArray

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.tickers))
        for field in FIELDS:
            got = getattr(self, field).shape
            if got != shape:
                raise ValueError(f"panel field {field!r} has shape {got}, expected {shape}")
        if any(a >= b for a, b in zip(self.sessions, self.sessions[1:], strict=False)):
            raise ValueError("panel sessions must ascend strictly")

    def rows(self, start: int, stop: int) -> Panel:
        """Return sessions `start` (inclusive) to `stop` (exclusive) as a view."""
        return Panel(
            self.sessions[start:stop],
            self.tickers,
            *(getattr(self, field)[start:stop] for field in FIELDS),
        )

    def select(self, keep: NDArray[np.bool_]) -> Panel:
        """Return the sessions where `keep`, shape (sessions,), is true; itself where all are."""
        if keep.all():
            return self
        sessions = tuple(day for day, kept in zip(self.sessions, keep, strict=True) if kept)
        return Panel(sessions, self.tickers, *(getattr(self, field)[keep] for field in FIELDS))

    def columns(self, tickers: tuple[str, ...]) -> Panel:
        """Return the named tickers only, in the given order.

        Raises:
            KeyError: A ticker is not in the panel.
        """
        place = {ticker: i for i, ticker in enumerate(self.tickers)}
        picks = [place[ticker] for ticker in tickers]
        return Panel(self.sessions, tickers, *(getattr(self, field)[:, picks] for field in FIELDS))
