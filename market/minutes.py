"""Minute bars: what was traded in each minute, with the prices where the feed tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from market.exchange import Exchange
from market.panel import FloatArray

NEW_YORK: Final = ZoneInfo("America/New_York")
FIRST: Final = time(4)
AFTER: Final = timedelta(hours=4)

PRICES: Final = ("open", "high", "low", "close")

MEASURES: Final = ("width", "move", "size")
"""The rows of a grid."""

TICK: Final = 0.01
"""Least step of a price, USD."""


class MinuteError(ValueError):
    """Minute bars cannot be used; the text names the bar."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of minute bars, USD, each of shape (bars,); NaN means unknown."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minute bars of some tickers, in any order, each array of shape (bars,).

    Attributes:
        tickers: Of each bar.
        starts: When it begins, UTC, `datetime64`.
        volume: Shares.
        prices: None where the feed tells none.
    """

    tickers: NDArray[np.str_]
    starts: NDArray[np.datetime64]
    volume: FloatArray
    prices: Prices | None = None

    def __post_init__(self) -> None:
        if not len(self.tickers) == len(self.starts) == len(self.volume):
            raise MinuteError(
                f"minute bars: {len(self.tickers)} tickers, {len(self.starts)} starts and {len(self.volume)} "
                "volumes; give one of each a bar"
            )
        bad = np.flatnonzero(~(np.isfinite(self.volume) & (self.volume >= 0)) | np.isnat(self.starts))
        if bad.size:
            at = int(bad[0])
            raise MinuteError(
                f"minute bar {at + 1}, {self.tickers[at]} at {self.starts[at]}: volume {self.volume[at]} "
                "is no number of shares, or the start is unknown; drop the bar"
            )
        order = np.lexsort((self.starts, self.tickers))
        tickers, starts = self.tickers[order], self.starts[order]
        same = np.flatnonzero((tickers[1:] == tickers[:-1]) & (starts[1:] == starts[:-1]))
        if same.size:
            at = int(order[same[0]])
            raise MinuteError(f"minute bars: {self.tickers[at]} at {self.starts[at]} occurs twice; keep one")

    @property
    def names(self) -> frozenset[str]:
        """The tickers that have a bar."""
        return frozenset(np.unique(self.tickers).tolist())

    def joined(self, others: Minutes) -> Minutes:
        """Return these bars and those of other tickers; where only one tells prices the others' are NaN."""
        priced = self.prices is not None or others.prices is not None
        both = (self._priced(), others._priced())
        return Minutes(
            np.concatenate([self.tickers, others.tickers]),
            np.concatenate([self.starts, others.starts]),
            np.concatenate([self.volume, others.volume]),
            Prices(*(np.concatenate([getattr(one, name) for one in both]) for name in PRICES))
            if priced
            else None,
        )

    def _priced(self) -> Prices:
        return self.prices or Prices(*(np.full(self.volume.shape, np.nan) for _ in PRICES))

    def select(self, rows: NDArray[np.bool_]) -> Minutes:
        """Return the bars of which a mask of shape (bars,) is true."""
        prices = self.prices and Prices(
            **{one.name: getattr(self.prices, one.name)[rows] for one in fields(self.prices)}
        )
        return replace(
            self,
            tickers=self.tickers[rows],
            starts=self.starts[rows],
            volume=self.volume[rows],
            prices=prices,
        )

    def during(self, exchange: Exchange, session: date) -> Minutes:
        """Return the bars of a session's day: from 04:00 New York time to four hours after its close.

        Raises:
            ExchangeError: It is no session of the exchange.
        """
        begin, end = utc(datetime.combine(session, FIRST, NEW_YORK), exchange.close_at(session) + AFTER)
        return self.select((self.starts >= begin) & (self.starts < end))


def utc(*instants: datetime) -> NDArray[np.datetime64]:
    """Return aware instants as UTC `datetime64[us]`."""
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in instants], dtype="datetime64[us]")


@dataclass(frozen=True, slots=True)
class Grid:
    """The minutes of one session's regular hours, by ticker.

    Attributes:
        logs: Logarithm of the range and a tick, size of the move, and logarithm of the volume of each minute,
            shape (measures, tickers, minutes); NaN where any of them is unknown.
        volume: Shares, shape (tickers, minutes); NaN likewise.
    """

    logs: FloatArray
    volume: FloatArray


def make_grid(minutes: Minutes, exchange: Exchange, session: date, tickers: Sequence[str]) -> Grid:
    """Lay the minutes from a session's open to its close out by ticker; without prices nothing is known.

    Args:
        minutes: Bars; those of other tickers or times are left out.
        exchange: Whose opens and closes.
        session: Which one.
        tickers: Rows of the result.

    Raises:
        ExchangeError: It is no session of the exchange.
    """
    begin, end = utc(exchange.open_at(session), exchange.close_at(session))
    count = int((end - begin) / np.timedelta64(1, "m"))
    bars = np.full((len(PRICES) + 1, len(tickers), count), np.nan)
    if minutes.prices is not None:
        place = {ticker: row for row, ticker in enumerate(tickers)}
        names, codes = np.unique(minutes.tickers, return_inverse=True)
        rows = np.array([place.get(str(name), -1) for name in names], dtype=np.int64)[codes]
        at = (minutes.starts.astype("datetime64[us]") - begin) // np.timedelta64(1, "m")
        mine = (rows >= 0) & (at >= 0) & (at < count)
        values = (*(getattr(minutes.prices, name) for name in PRICES), minutes.volume)
        bars[:, rows[mine], at[mine]] = np.stack(values)[:, mine]
    return measure(*bars)


def measure(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> Grid:
    """Measure minutes by their range, their move and their volume.

    Args:
        open_: Shape (tickers, minutes); NaN where nothing was traded.
        high: Likewise.
        low: Likewise.
        close: Likewise.
        volume: Likewise, shares.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.abs(np.log(close / open_))
        logs = np.stack([np.log(np.log(high / low) + TICK / close), move, np.log(volume)])
    known = np.isfinite(logs).all(axis=0)
    return Grid(np.where(known, logs, np.nan), np.where(known, volume, np.nan))
