"""The window: what one forecast may look at, time on the last axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecaster.tier import Tier
from market.panel import FloatArray, Panel

BARS: Final = ("open", "high", "low", "close", "volume", "dollars")

NOTHING: Final[Mapping[str, FloatArray]] = {}


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive sessions up to and including the session being forecast.

    Prices are total-return adjusted (`adj_close / close` applied to the whole bar), so that neither a
    split nor a dividend is a move. Bars have shape (tickers, sessions); NaN means unknown. What is absent is
    not in `series` or `extras`; every value there is the newest one that was known at its session's close.

    Attributes:
        open: Adjusted open, USD.
        high: Adjusted high, USD.
        low: Adjusted low, USD.
        close: Adjusted close, USD.
        volume: Shares, split-adjusted.
        dollars: Traded value, close times volume, USD.
        market: Daily log return of the benchmark (of the equal-weighted universe where there is none),
            shape (sessions,).
        series: Market-wide closes by name, each of shape (sessions,): `btc`, `dollar` and `vix` in their own
            units, `us10y` in percent, and sector funds in USD under their sector's name.
        sectors: Sector of each ticker, "" where it is unknown; empty where none is known.
        weekdays: Weekday of the session that each close is told of, which is the one before it, known or not;
            0 for Monday, NaN where there is none, shape (sessions,); empty where it is unknown.
        extras: Values per ticker by name, each of shape (tickers, sessions). Four are fractions of the volume
            of the session that they tell of, which at a close is the one before: `off_exchange` and `short`
            (sold short off exchange, a part of it) of its whole volume, `premarket` and `postmarket` of what
            was traded in its regular hours. `customer_return` is the session's own: the weighted log return
            of a ticker's customers above their sectors'.
        tiers: Tier of each series or extra that is not exact.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    dollars: FloatArray
    market: FloatArray
    series: Mapping[str, FloatArray] = field(default_factory=dict)
    sectors: tuple[str, ...] = ()
    weekdays: FloatArray = field(default_factory=lambda: np.empty(0))
    extras: Mapping[str, FloatArray] = field(default_factory=dict)
    tiers: Mapping[str, Tier] = field(default_factory=dict)

    @property
    def sessions(self) -> int:
        """How many sessions it spans."""
        return int(self.close.shape[-1])

    @property
    def tickers(self) -> int:
        """How many tickers it spans."""
        return int(self.close.shape[0])

    def last(self, n: int) -> Window:
        """Return the newest `n` sessions.

        Raises:
            ValueError: The window is shorter than that.
        """
        if n > self.sessions:
            raise ValueError(f"window holds {self.sessions} sessions, {n} asked for")
        return self.between(self.sessions - n, self.sessions)

    def between(self, start: int, stop: int) -> Window:
        """Return sessions `start` (inclusive) to `stop` (exclusive) as a view."""
        cut = slice(start, stop)
        bars = {name: getattr(self, name)[:, cut] for name in BARS}
        return replace(
            self,
            **bars,
            market=self.market[cut],
            series={name: values[cut] for name, values in self.series.items()},
            weekdays=self.weekdays[cut],
            extras={name: values[:, cut] for name, values in self.extras.items()},
        )

    def rows(self, start: int, stop: int) -> Window:
        """Return tickers `start` (inclusive) to `stop` (exclusive) as a view."""
        cut = slice(start, stop)
        bars = {name: getattr(self, name)[cut] for name in BARS}
        extras = {name: values[cut] for name, values in self.extras.items()}
        return replace(self, **bars, sectors=self.sectors[cut], extras=extras)


def make_window(
    panel: Panel,
    universe: tuple[str, ...],
    benchmark: str,
    *,
    series: Mapping[str, FloatArray] = NOTHING,
    sectors: Mapping[str, str] | None = None,
    extras: Mapping[str, FloatArray] = NOTHING,
    tiers: Mapping[str, Tier] | None = None,
) -> Window:
    """Turn a panel, truncated at the session to forecast, into a window over the universe.

    Earlier sessions in which the whole universe is unknown (the provider was down) are left out: the window
    is of known sessions. The newest session always stays, so an unknown one has unknown features.

    Args:
        panel: Bars up to and including that session.
        universe: The tickers to forecast, in the order of the result's rows.
        benchmark: The market-wide series, used where the panel holds it.
        series: As `Window.series`, one value a session of the panel.
        sectors: Sector by ticker; None where none is known.
        extras: As `Window.extras` but of shape (sessions, universe), like a panel.
        tiers: As `Window.tiers`.

    Raises:
        KeyError: The panel lacks a ticker of the universe.
        ValueError: A series or an extra has another shape than the panel.
    """
    for name, values in (*series.items(), *extras.items()):
        shape = (len(panel.sessions),) if name in series else (len(panel.sessions), len(universe))
        if values.shape != shape:
            raise ValueError(f"{name!r} has shape {values.shape}, the panel needs {shape}")
    told_of = np.array([np.nan, *(float(day.weekday()) for day in panel.sessions)])[:-1]
    known = known_sessions(panel, universe)
    panel = panel.select(known)
    stocks = panel.columns(universe)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = _positive(stocks.adj_close) / _positive(stocks.close)
        close = _positive(stocks.adj_close).T
        level = close
        if benchmark in panel.tickers:
            level = panel.adj_close[:, panel.tickers.index(benchmark)][None, :]
        return Window(
            open=np.ascontiguousarray((_positive(stocks.open) * factor).T),
            high=np.ascontiguousarray((_positive(stocks.high) * factor).T),
            low=np.ascontiguousarray((_positive(stocks.low) * factor).T),
            close=np.ascontiguousarray(close),
            volume=np.ascontiguousarray(stocks.volume.T),
            dollars=np.ascontiguousarray((stocks.close * stocks.volume).T),
            market=_mean_return(level),
            series={name: values[known] for name, values in series.items()},
            sectors=tuple(sectors.get(ticker, "") for ticker in universe) if sectors else (),
            weekdays=told_of[known],
            extras={name: np.ascontiguousarray(values[known].T) for name, values in extras.items()},
            tiers=dict(tiers or {}),
        )


def known_sessions(panel: Panel, universe: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which sessions of a panel a window holds, shape (sessions,); see `make_window`."""
    known = np.atleast_1d(~np.isnan(panel.columns(universe).close).all(axis=1))
    known[-1:] = True
    return known


def _mean_return(level: FloatArray) -> FloatArray:
    """Return the mean log return of the levels whose return is known, shape (sessions,).

    One level after the other is added, so that the order does not depend on how many sessions there are.
    """
    total, count = np.zeros(level.shape[1]), np.zeros(level.shape[1])
    for one in level:
        steps = np.full(len(one), np.nan)
        steps[1:] = np.diff(np.log(one))
        finite = np.isfinite(steps)
        total += np.where(finite, steps, 0.0)
        count += finite
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)


def _positive(prices: FloatArray) -> FloatArray:
    """Return prices with what cannot be one (zero, negative) as unknown."""
    return np.where(prices > 0, prices, np.nan)
