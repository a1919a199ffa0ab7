"""The sample history as the forecaster sees it, and what the sample lacks, made up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from forecaster.features import LONGEST_LOOKBACK
from forecaster.window import Window, make_window
from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.sample import BENCHMARK, SAMPLE_PATH, STOCKS

SECTORS = ("Energy", "Utilities", "Materials")
SERIES = ("btc", "us10y", "vix", "dollar")
SEED = 20261122


@cache
def history() -> Panel:
    panel = read_prices(SAMPLE_PATH)
    for field in FIELDS:
        getattr(panel, field).flags.writeable = False
    return panel


def window_at(row: int, panel: Panel | None = None, *, sessions: int = LONGEST_LOOKBACK) -> Window:
    """The window whose newest session is `row`."""
    panel = panel or history()
    return make_window(panel.rows(max(0, row + 1 - sessions), row + 1), STOCKS, BENCHMARK)


@cache
def everything() -> Window:
    """The whole sample history with every series, sector and extra there can be."""
    return furnished(make_window(history(), STOCKS, BENCHMARK))


def furnished(window: Window) -> Window:
    """The window with made-up values for what a file of daily bars does not hold."""
    rng = np.random.default_rng(SEED)
    shape = window.close.shape

    def walk() -> FloatArray:
        return 50.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(window.sessions)))

    off_exchange = rng.uniform(0.2, 0.6, shape)
    return replace(
        window,
        series={name: walk() for name in (*SERIES, *SECTORS)},
        sectors=tuple(SECTORS[row % len(SECTORS)] for row in range(window.tickers)),
        extras={
            "off_exchange": off_exchange,
            "short": off_exchange * rng.uniform(0.3, 0.6, shape),
            "premarket": rng.uniform(0.0, 0.05, shape),
            "postmarket": rng.uniform(0.0, 0.08, shape),
            "customer_return": 0.01 * rng.standard_normal(shape),
        },
    )


def simulated(tickers: int, sessions: int) -> Window:
    """Random walks with a common part, furnished with everything."""
    rng = np.random.default_rng(SEED + 1)
    market = 0.01 * rng.standard_normal(sessions)
    close = 50.0 * np.exp(np.cumsum(market + 0.02 * rng.standard_normal((tickers, sessions)), axis=1))
    open_ = close * np.exp(0.005 * rng.standard_normal(close.shape))
    reach = np.exp(0.006 * np.abs(rng.standard_normal((2, *close.shape))))
    volume = 1e6 * np.exp(0.5 * rng.standard_normal(close.shape))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    bars = Window(open_, high, low, close, volume, close * volume, market)
    return furnished(replace(bars, weekdays=(np.arange(sessions) % 5).astype(np.float64)))


def changed(panel: Panel, **fields: FloatArray) -> Panel:
    """The panel with some of its fields exchanged."""
    return Panel(panel.sessions, panel.tickers, *(fields.get(name, getattr(panel, name)) for name in FIELDS))


def copies(panel: Panel) -> dict[str, FloatArray]:
    """Writable copies of every field."""
    return {field: np.array(getattr(panel, field)) for field in FIELDS}
