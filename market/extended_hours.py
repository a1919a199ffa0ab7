"""Extended hours: how much of a day's volume was traded before the open and after the close.

Minute bars say it exactly where the feed has extended hours at all; a feed without them, or with bars but no
volume there, says nothing, which is unknown and not 0. Before the open is from 04:00 New York time; after the
close is four hours, so until 17:00 on a day that closes at 13:00. The auctions belong to the session: the bar
that begins at the close holds the closing one. What is traded overnight, 20:00 to 04:00, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.exchange import Exchange
from market.minutes import AFTER, FIRST, NEW_YORK, Minutes, utc
from market.panel import FloatArray

AUCTION: Final = timedelta(minutes=1)
"""How long after the close a bar still counts as the closing auction's."""


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

    A ticker and session in which no bar of the session itself, or none outside of it, has any volume is
    unknown: the feed did not deliver, or tells nothing of extended hours.

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
    names, codes = np.unique(minutes.tickers[order], return_inverse=True)
    columns = np.array([column_of.get(str(name), -1) for name in names], dtype=np.int64)[codes]
    volume = minutes.volume[order]
    for row, session in enumerate(sessions):
        edges = np.searchsorted(starts, _edges(exchange, session))
        for part, (begin, end) in enumerate(pairwise(edges.tolist())):
            mine = columns[begin:end] >= 0
            picks = columns[begin:end][mine]
            np.add.at(parts[part, row], picks, volume[begin:end][mine])
            np.add.at(bars[part, row], picks, volume[begin:end][mine] > 0)
    told = (bars[1] > 0) & (bars[0] + bars[2] > 0)
    premarket, regular, postmarket = np.where(told, parts, np.nan)
    return DayParts(premarket, regular, postmarket)


def _edges(exchange: Exchange, session: date) -> NDArray[np.datetime64]:
    """Return where before the open, the session and after the close begin, and where the last ends."""
    close = exchange.close_at(session)
    first = datetime.combine(session, FIRST, NEW_YORK)
    return utc(first, exchange.open_at(session), close + AUCTION, close + AFTER)
