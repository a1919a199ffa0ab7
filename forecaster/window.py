"""The window: the bars that one forecast may look at, time on the last axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.panel import FloatArray, Panel


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive sessions up to and including the session being forecast.

    Prices are total-return adjusted (`adj_close / close` applied to the whole bar), so that neither a
    split nor a dividend is a move. Every array has shape (tickers, sessions); NaN means unknown.

    Attributes:
        open: Adjusted open, USD.
        high: Adjusted high, USD.
        low: Adjusted low, USD.
        close: Adjusted close, USD.
        volume: Shares, split-adjusted.
        dollars: Traded value, close times volume, USD.
        market: Daily log return of the benchmark (of the equal-weighted universe where there is none),
            shape (sessions,).
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    dollars: FloatArray
    market: FloatArray

    @property
    def sessions(self) -> int:
        """How many sessions it spans."""
        return int(self.close.shape[-1])

    def last(self, n: int) -> Window:
        """Return the newest `n` sessions.

        Raises:
            ValueError: The window is shorter than that.
        """
        if n > self.sessions:
            raise ValueError(f"window holds {self.sessions} sessions, {n} asked for")
        cut = slice(self.sessions - n, None)
        return Window(
            self.open[:, cut],
            self.high[:, cut],
            self.low[:, cut],
            self.close[:, cut],
            self.volume[:, cut],
            self.dollars[:, cut],
            self.market[cut],
        )


def make_window(panel: Panel, universe: tuple[str, ...], benchmark: str) -> Window:
    """Turn a panel, truncated at the session to forecast, into a window over the universe.

    Earlier sessions in which the whole universe is unknown (the provider was down) are left out: the window
    is of known sessions. The newest session always stays, so an unknown one has unknown features.

    Args:
        panel: Bars up to and including that session.
        universe: The tickers to forecast, in the order of the result's rows.
        benchmark: The market-wide series, used where the panel holds it.
    """
    known = np.atleast_1d(~np.isnan(panel.columns(universe).close).all(axis=1))
    known[-1:] = True
    panel = panel.select(known)
    stocks = panel.columns(universe)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = _positive(stocks.adj_close) / _positive(stocks.close)
        close = _positive(stocks.adj_close).T
        if benchmark in panel.tickers:
            level = panel.adj_close[:, panel.tickers.index(benchmark)][None, :]
        else:
            level = close
        steps = np.diff(np.log(level), axis=1)
        finite = np.isfinite(steps)
        total = np.where(finite, steps, 0.0).sum(axis=0)
        market = np.full(close.shape[1], np.nan)
        market[1:] = np.where(finite.any(axis=0), total / np.maximum(finite.sum(axis=0), 1), np.nan)
        return Window(
            open=np.ascontiguousarray((_positive(stocks.open) * factor).T),
            high=np.ascontiguousarray((_positive(stocks.high) * factor).T),
            low=np.ascontiguousarray((_positive(stocks.low) * factor).T),
            close=np.ascontiguousarray(close),
            volume=np.ascontiguousarray(stocks.volume.T),
            dollars=np.ascontiguousarray((stocks.close * stocks.volume).T),
            market=market,
        )


def _positive(prices: FloatArray) -> FloatArray:
    """Return prices with what cannot be one (zero, negative) as unknown."""
    return np.where(prices > 0, prices, np.nan)
