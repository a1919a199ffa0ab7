"""A market known to the last share: some volume is off exchange, and trades while the price rests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from market.exchange import Exchange
from market.minutes import PRICES
from market.panel import FIELDS, FloatArray, Panel
from market.short_volume import HEADER, file_name

EXTENDED = 30
"""Minutes with trades before the open, and after the close."""


def hidden_shares(sessions: int, seed: int) -> FloatArray:
    """Shares of the volume that trade off exchange: a slow wave and daily noise, shape (sessions,)."""
    noise = np.random.default_rng(seed).normal(0.0, 0.03, sessions)
    return np.clip(0.35 + 0.1 * np.sin(np.arange(sessions) / 9) + noise, 0.05, 0.9)


class MinuteMarket:
    """Writes a session's minute bars, and FINRA's file of it.

    Attributes:
        panel: Daily bars of the same trades.
        shares: What trades off exchange of each ticker, by ticker, shape (sessions,).
    """

    def __init__(
        self, exchange: Exchange, sessions: tuple[date, ...], shows: Mapping[str, bool], seed: int = 7
    ) -> None:
        """Make the trades.

        Args:
            exchange: Whose sessions.
            sessions: Which ones.
            shows: By ticker, whether what trades off exchange does so while the price rests, or anywhere.
            seed: Of chance.
        """
        self._exchange, self._sessions, self._shows = exchange, sessions, shows
        self.shares = {ticker: hidden_shares(len(sessions), seed + i) for i, ticker in enumerate(shows)}
        self._days = [[self._day(row, t, seed) for t in shows] for row in range(len(sessions))]
        fields = np.array([[self._daily(bars) for bars in day] for day in self._days])
        open_, high, low, close, volume = np.moveaxis(fields, -1, 0)
        given = dict(zip(FIELDS, (open_, high, low, close, close, volume), strict=True))
        self.panel = Panel(sessions, tuple(shows), *(given[name] for name in FIELDS))

    def write_minutes(self, folder: Path, row: int, *, regular_only: bool = False) -> None:
        """Write a session's minute bars."""
        session = self._sessions[row]
        first = self._exchange.open_at(session) - timedelta(minutes=EXTENDED)
        tables = []
        for ticker, bars in zip(self._shows, self._days[row], strict=True):
            keep = slice(EXTENDED, -EXTENDED) if regular_only else slice(None)
            starts = [first + timedelta(minutes=i) for i in range(bars.shape[1])][keep]
            columns = {"ticker": [ticker] * len(starts), "start": starts}
            columns |= dict(zip((*PRICES, "volume"), bars[:, keep], strict=True))
            tables.append(pa.table(columns))
        pq.write_table(pa.concat_tables(tables), folder / f"minutes-{session:%Y%m%d}.parquet")

    def write_short_volume(self, folder: Path, row: int) -> None:
        """Write FINRA's file of a session; a quarter of what it counts is sold short."""
        day = self._sessions[row]
        volume = self.panel.volume[row] * [self.shares[ticker][row] for ticker in self._shows]
        rows = [f"{day:%Y%m%d}|{t}|{v / 4:.0f}|0|{v:.0f}|Q" for t, v in zip(self._shows, volume, strict=True)]
        (folder / file_name(day)).write_text("\n".join(["|".join(HEADER), *rows, str(len(rows))]))

    def write_prices(self, path: Path) -> None:
        """Write the daily bars."""
        names = ("open", "high", "low", "close", "volume")
        rows = [
            ",".join((f"{day}", ticker, *(repr(float(getattr(self.panel, name)[i, j])) for name in names)))
            for i, day in enumerate(self.panel.sessions)
            for j, ticker in enumerate(self.panel.tickers)
        ]
        path.write_text("\n".join([f"date,ticker,{','.join(names)}", *rows]) + "\n")

    def _day(self, row: int, ticker: str, seed: int) -> FloatArray:
        """Return open, high, low, close and volume of each minute, shape (5, minutes)."""
        rng = np.random.default_rng([seed, row, *ticker.encode()])
        span = self._exchange.close_at(self._sessions[row]) - self._exchange.open_at(self._sessions[row])
        n = int(span / timedelta(minutes=1))
        count = n + 2 * EXTENDED
        width = np.abs(rng.normal(0, 0.001, count)) + 2e-4
        move = rng.normal(0, 0.4, count) * width
        close = 100.0 * np.exp(np.cumsum(move))
        open_ = close * np.exp(-move)
        high, low = (
            np.maximum(open_, close) * np.exp(width / 2),
            np.minimum(open_, close) * np.exp(-width / 2),
        )
        volume = 100.0 * np.exp(9 + 0.5 * np.log(width) + rng.normal(0, 0.3, count))
        regular = slice(EXTENDED, EXTENDED + n)
        quiet = np.abs(move[regular]) < np.median(np.abs(move[regular]))
        blocks = quiet & (rng.random(n) < 0.4)
        share = self.shares[ticker][row] if self._shows[ticker] else 0.35
        volume[regular] *= 1 + 4 * share * blocks
        volume[:EXTENDED] /= 20
        volume[-EXTENDED:] /= 20
        return np.stack([open_, high, low, close, volume])

    @staticmethod
    def _daily(bars: FloatArray) -> tuple[float, ...]:
        open_, high, low, close, volume = bars
        return open_[EXTENDED], high.max(), low.min(), close[-EXTENDED - 1], volume.sum()
