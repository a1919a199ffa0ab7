"""Extended hours: how much of a day's volume was traded before the open and after the close.

Minute bars say it exactly where the feed has extended hours at all; a feed without them says nothing, which
is unknown and not 0. Before the open is from 04:00 New York time; after the close is four hours, so until
17:00 on a day that closes at 13:00. The auctions belong to the session: the bar that begins at the close
holds the closing one. What is traded overnight, 20:00 to 04:00, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from market.exchange import Exchange
from market.panel import FloatArray

NEW_YORK: Final = ZoneInfo("America/New_York")
FIRST: Final = time(4)
AFTER: Final = timedelta(hours=4)
AUCTION: Final = timedelta(minutes=1)
"""How long after the close a bar still counts as the closing auction's."""


class MinuteError(ValueError):
    """Minute bars cannot be used; the text names the bar."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minute bars of some tickers, in any order, each array of shape (bars,).

    Attributes:
        tickers: Of each bar.
        starts: When it begins, UTC, `datetime64`.
        volume: Shares.
    """

    tickers: NDArray[np.str_]
    starts: NDArray[np.datetime64]
    volume: FloatArray

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
        keys = np.rec.fromarrays([self.tickers, self.starts.astype("datetime64[us]").astype(np.int64)])
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        if (counts > 1).any():
            at = int(first[counts > 1][0])
            raise MinuteError(f"minute bars: {self.tickers[at]} at {self.starts[at]} occurs twice; keep one")


@dataclass(frozen=True, slots=True)
class DayParts:
    """Shares by part of the day, each of shape (sessions, tickers); NaN where the feed does not say.

    Attributes:
        premarket: From 04:00 until the open.
        regular: From the open to the close, auctions included.
        postmarket: For four hours from the close.
    """

    premarket: FloatArray
    regular: FloatArray
    postmarket: FloatArray

    @property
    def share(self) -> FloatArray:
        """Share of the volume of these hours that was traded outside of the session."""
        outside = self.premarket + self.postmarket
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(outside + self.regular > 0, outside / (outside + self.regular), np.nan)


def known_at(exchange: Exchange, session: date) -> datetime:
    """Return the instant from which a session's parts are exact: the end of its extended hours."""
    return exchange.close_at(session) + AFTER


def day_parts(
    minutes: Minutes, exchange: Exchange, sessions: tuple[date, ...], tickers: tuple[str, ...]
) -> DayParts:
    """Add minute bars up by part of the day.

    A ticker and session without a bar of the session itself, or without any outside of it, is unknown: the
    feed did not deliver, or has no extended hours.

    Args:
        minutes: Bars; those of other tickers or sessions are left out.
        exchange: Whose opens and closes.
        sessions: Rows of the result.
        tickers: Columns of the result.

    Raises:
        ExchangeError: A session is none of the exchange's.
    """
    parts = np.zeros((3, len(sessions), len(tickers)))
    bars = np.zeros((3, len(sessions), len(tickers)), dtype=np.int64)
    order = np.argsort(minutes.starts, kind="stable")
    starts = minutes.starts[order].astype("datetime64[us]")
    column_of = {ticker: i for i, ticker in enumerate(tickers)}
    columns = np.array([column_of.get(str(ticker), -1) for ticker in minutes.tickers[order]], dtype=np.int64)
    volume = minutes.volume[order]
    for row, session in enumerate(sessions):
        edges = np.searchsorted(starts, _edges(exchange, session))
        for part, (begin, end) in enumerate(pairwise(edges.tolist())):
            mine = columns[begin:end] >= 0
            picks = columns[begin:end][mine]
            np.add.at(parts[part, row], picks, volume[begin:end][mine])
            np.add.at(bars[part, row], picks, 1)
    told = (bars[1] > 0) & (bars[0] + bars[2] > 0)
    premarket, regular, postmarket = np.where(told, parts, np.nan)
    return DayParts(premarket, regular, postmarket)


def _edges(exchange: Exchange, session: date) -> NDArray[np.datetime64]:
    """Return where before the open, the session and after the close begin, and where the last ends."""
    close = exchange.close_at(session)
    first = datetime.combine(session, FIRST, NEW_YORK)
    edges = (first, exchange.open_at(session), close + AUCTION, close + AFTER)
    return np.array([edge.astimezone(UTC).replace(tzinfo=None) for edge in edges], dtype="datetime64[us]")
