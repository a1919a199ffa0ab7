"""The crowd: what the universe, its sectors and the market-wide series do, one value a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecaster.features.derived import Derived, known_flag, z_score
from forecaster.rolling import (
    change,
    exponential_mean,
    lag,
    window_max,
    window_min,
    window_moments,
    window_slope,
    window_sum,
)
from forecaster.window import Window
from market.panel import FloatArray

BLOCK: Final = 24_576
"""Values of one array in a block of tickers: some twenty such arrays fit into a core's cache."""

WEEKDAY_SPAN: Final = 60
"""Sessions looked back on for those of the same weekday."""

RATES: Final = ("us10y",)
"""Series in percent, whose changes are differences; of the others they are log returns."""

THRUST_FROM: Final = 0.40
THRUST_TO: Final = 0.615

LEAST_SECTORS: Final = 3
"""Below this number no ranking is held against another."""

SERIES: Final = ("btc", "us10y", "vix", "dollar")


@dataclass(frozen=True, slots=True)
class Tally:
    """Known values added up, one row a sector, the last row for tickers without one.

    Attributes:
        total: Their sum, shape (sectors + 1, sessions).
        count: How many there are, the same shape.
    """

    total: FloatArray
    count: FloatArray

    @property
    def by_sector(self) -> FloatArray:
        """Mean of each sector, shape (sectors + 1, sessions); NaN where nothing is known."""
        means = np.where(self.count > 0, self.total / self.count, np.nan)
        means[-1] = np.nan
        return means

    @property
    def overall(self) -> FloatArray:
        """Mean of the universe, shape (sessions,); NaN where nothing is known."""
        total, count = _added(self.total), _added(self.count)
        return np.where(count > 0, total / count, np.nan)


class Crowd:
    """Market-wide values of a window, each computed once when it is first asked for.

    Tickers are added one after the other in the universe's order, so that a session's value does not depend
    on how many sessions there are. What a ticker does not know is left out of its session.

    Attributes:
        window: The whole universe.
        sectors: The sectors that occur, in ascending order.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self.sectors = tuple(sorted(set(window.sectors) - {""}))
        place = {sector: row for row, sector in enumerate(self.sectors)}
        sectors = window.sectors or ("",) * window.tickers
        self._groups = np.array([place.get(sector, len(place)) for sector in sectors], dtype=np.intp)

    def blocks(self) -> Iterator[tuple[slice, Derived]]:
        """Cut the universe into blocks of tickers, so that memory stays bounded and cached."""
        tickers, sessions = self.window.tickers, self.window.sessions
        rows = ceil(tickers / max(1, round(tickers * sessions / BLOCK)))
        for start in range(0, tickers, max(1, rows)):
            cut = slice(start, min(start + rows, tickers))
            part = self.window.rows(cut.start, cut.stop)
            yield cut, Derived(part, self, self._groups[cut])

    def tally(self, of: Callable[[Derived], FloatArray]) -> Tally:
        """Add up the finite ones of a value of shape (tickers, sessions)."""
        total = np.zeros((len(self.sectors) + 1, self.window.sessions))
        count = np.zeros_like(total)
        for _, derived in self.blocks():
            values = np.ascontiguousarray(of(derived))
            known = np.isfinite(values)
            for group, row in zip(derived.groups.tolist(), np.where(known, values, 0.0), strict=True):
                total[group] += row
            belongs = derived.groups == np.arange(len(count))[:, None]
            count += belongs.astype(float) @ known.astype(float)  # whole numbers: exact in any order
        return Tally(total, count)

    @cached_property
    def advances(self) -> Tally:
        """1 for a close above the one before, 0 for one below, one half for an equal one."""
        return self.tally(lambda d: 0.5 + 0.5 * np.sign(d.close - d.before))

    @cached_property
    def mean_advances(self) -> FloatArray:
        """Exponential mean of span 10 of the universe's advances, shape (sessions,)."""
        return exponential_mean(self.advances.overall, 2 / 11)

    @cached_property
    def mean_sector_advances(self) -> FloatArray:
        """Exponential mean of span 10 of each sector's advances, shape (sectors + 1, sessions)."""
        return exponential_mean(self.advances.by_sector, 2 / 11)

    @cached_property
    def thrust(self) -> FloatArray:
        """1 where that mean has come from below 0.40 to above 0.615 in 10 sessions, else 0 (Zweig 1986)."""
        low = window_min(self.mean_advances, 10)
        return known_flag((low < THRUST_FROM) & (self.mean_advances > THRUST_TO), low)

    @cached_property
    def mcclellan(self) -> FloatArray:
        """Exponential means of net advances, span 19 less span 39 (McClellan and McClellan 1970)."""
        net = 2.0 * self.advances.overall - 1.0
        return exponential_mean(net, 2 / 20) - exponential_mean(net, 2 / 40)

    @cached_property
    def above_20(self) -> Tally:
        """1 for a close above its 20-session mean, else 0."""
        return self.tally(lambda d: _above(d.close, d.close_mean_20))

    @cached_property
    def above_50(self) -> Tally:
        """1 for a close above its 50-session mean, else 0."""
        return self.tally(lambda d: _above(d.close, d.close_mean_50))

    @cached_property
    def above_200(self) -> Tally:
        """1 for a close above its 200-session mean, else 0."""
        return self.tally(lambda d: _above(d.close, d.close_mean_200))

    @cached_property
    def highs(self) -> Tally:
        """1 for the highest close of 252 sessions, -1 for the lowest, 0 for neither or both."""
        return self.tally(_high_or_low)

    @cached_property
    def steps(self) -> Tally:
        """Log returns."""
        return self.tally(lambda d: d.steps)

    @cached_property
    def strength(self) -> FloatArray:
        """z-score in 252 sessions of each sector's 63-session log return above the universe's."""
        return z_score(window_sum(self.steps.by_sector - self.steps.overall, 63), 252)

    @cached_property
    def strength_slope(self) -> FloatArray:
        """Least-squares slope of that z-score over 21 sessions, per session."""
        return window_slope(self.strength, 21)

    @cached_property
    def turnover(self) -> FloatArray:
        """1 less Spearman's correlation of the sectors' 21-session returns now and 21 sessions ago."""
        now = window_sum(self.steps.by_sector, 21)
        before = lag(now, 21)
        both = ~np.isnan(now + before)
        n = both.sum(axis=0)
        ranks = (_ranks(np.where(both, values, np.nan)) - (n + 1) / 2 for values in (now, before))
        left, right = (np.where(both, centred, 0.0) for centred in ranks)
        scale = np.sqrt((left * left).sum(axis=0) * (right * right).sum(axis=0))  # quarters add up exactly
        return np.where(n >= LEAST_SECTORS, 1.0 - (left * right).sum(axis=0) / scale, np.nan)

    @cached_property
    def dispersion(self) -> FloatArray:
        """Standard deviation of the tickers' 21-session log returns, shape (sessions,)."""
        mean = self.tally(lambda d: d.month).overall
        return np.sqrt(self.tally(lambda d: np.square(d.month - mean)).overall)

    @cached_property
    def dark_index(self) -> FloatArray:
        """Short share of the off-exchange volume, weighted by traded value, shape (sessions,).

        The weights are those of the session before, which is the one that the shares tell of.
        """
        weighted = self.tally(lambda d: _short_share(d) * lag(d.dollars, 1)).total
        weights = self.tally(lambda d: lag(d.dollars, 1) + 0.0 * _short_share(d)).total
        return _added(weighted) / _added(weights)

    @cached_property
    def same_weekday(self) -> tuple[NDArray[np.intp], ...]:
        """Where the last session told of the same weekday lies, the one before it, and so on; -1 for nowhere.

        A session is told of the one before it. Only the 60 sessions before count, and a session has a value
        only where as many before it are told of one.
        """
        sessions = np.arange(self.window.sessions)
        last = np.full(sessions.size, -1)
        for weekday in range(7):
            here = np.flatnonzero(self.window.weekdays == weekday)
            last[here[1:]] = here[:-1]
        found: list[NDArray[np.intp]] = []
        places = sessions
        while True:
            places = np.where(places >= 0, last[places], -1)
            places = np.where((places >= sessions - WEEKDAY_SPAN) & (sessions > WEEKDAY_SPAN), places, -1)
            if (places < 0).all():
                return tuple(found)
            found.append(places)

    @cached_property
    def steps_of_series(self) -> dict[str, FloatArray]:
        """Log return of the market and of each series there is; of rates the difference in points."""
        found = {name: self.window.series[name] for name in SERIES if name in self.window.series}
        return {"market": self.window.market} | {name: _steps(name, values) for name, values in found.items()}

    @cached_property
    def squares_of_series(self) -> dict[str, FloatArray]:
        """Sum of squares of 63 of these about their mean, each of shape (sessions,)."""
        return {name: window_moments(steps, 63)[1] for name, steps in self.steps_of_series.items()}

    @cached_property
    def steps_of_funds(self) -> dict[str, FloatArray]:
        """Log return of each sector's fund, where there is one."""
        series = self.window.series
        return {sector: _steps(sector, series[sector]) for sector in self.sectors if sector in series}


def _short_share(derived: Derived) -> FloatArray:
    return derived.read("short") / derived.read("off_exchange")


def _steps(name: str, level: FloatArray) -> FloatArray:
    return change(level, 1) if name in RATES else np.log(level / lag(level, 1))


def _above(close: FloatArray, mean: FloatArray) -> FloatArray:
    return known_flag(close > mean, close - mean)


def _high_or_low(derived: Derived) -> FloatArray:
    close = derived.close
    high, low = window_max(close, 252), window_min(close, 252)
    return np.sign(close - low) - np.sign(high - close)


def _ranks(values: FloatArray) -> FloatArray:
    """Rank each session's known values from 1, ties sharing their mean rank."""
    below = np.stack([(values < one).sum(axis=0) for one in values])
    equal = np.stack([(values == one).sum(axis=0) for one in values])
    return below + (equal + 1) / 2


def _added(rows: FloatArray) -> FloatArray:
    """Add rows one after the other; `sum` may choose another order for another shape."""
    return np.asarray(np.cumsum(rows, axis=0)[-1])
