"""`forewarn features`: what is known of a ticker at a session's close."""

from __future__ import annotations

import asyncio
import difflib
import json as json_format
import math
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.table import Table
from rich.text import Text

from daemon.commands.store import wide_console
from daemon.configuration.config import load_settings
from daemon.configuration.settings import MarketSettings
from daemon.feature_set import FeatureSet
from daemon.outside_desk import make_outside
from daemon.price_series import to_forecast
from forecaster.features import FEATURES, LONGEST_LOOKBACK, Feature, Tier, feature_matrix
from forecaster.window import Window
from market.exchange import load_exchange
from market.outside import Outside, unknown
from market.panel import FloatArray, Panel
from market.price_file import PriceFileError, read_prices
from market.sample import SAMPLE_PATH

STYLE: Final = {Tier.EXACT: "green", Tier.DELAYED: "yellow", Tier.ESTIMATED: "yellow", Tier.MISSING: "dim"}


OUTSIDE_SESSIONS: Final = 61
"""Sessions that the features of what is told from outside read at the most."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one feature.

    Attributes:
        feature: Which one.
        value: Its value; NaN where it is unknown.
        rank: Tickers of the universe at or below it, itself included; 0 where it is unknown or all are equal.
        known: Tickers of the universe whose value is known.
        tier: How well it is known.
        why: Why it is unknown; "" where it is known.
    """

    feature: Feature
    value: float
    rank: int
    known: int
    tier: Tier
    why: str

    def to_json(self) -> dict[str, Any]:
        """JSON-safe; an unknown value is None."""
        return {
            "feature": self.feature.name,
            "layer": self.feature.layer.value,
            "value": None if math.isnan(self.value) else self.value,
            "rank": self.rank or None,
            "known": self.known,
            "tier": self.tier.value,
            "why": self.why,
            "lookback": self.feature.lookback,
            "warm_up": self.feature.warm_up,
            "formula": self.feature.formula,
            "source": self.feature.source,
        }


def show_features(
    ticker: str, prices: Path | None, session: date | None, config: Path | None, *, json: bool
) -> None:
    """Print every feature of a ticker at a session's close, from a price file or the sample set.

    Args:
        ticker: Of the file.
        prices: The file; None takes the sample.
        session: At whose close; None takes the newest.
        config: Where sectors and the files beside the bars are named.
        json: Print one JSON object.

    Raises:
        PriceFileError: The file cannot be used, or holds neither such a ticker nor such a session.
        ConfigError: The configuration is at fault.
    """
    market = load_settings(config).market
    path = prices or SAMPLE_PATH
    panel = read_prices(path)
    universe = to_forecast(panel.tickers)
    place = _place(path, ticker.upper(), universe)
    row = _row(path, panel, session)
    window = _window(panel.rows(max(0, row + 1 - 2 * LONGEST_LOOKBACK), row + 1), universe, market)
    lines = _lines(window, place)
    if json:
        found = {
            "ticker": universe[place],
            "session": panel.sessions[row].isoformat(),
            "universe": len(universe),
            "features": [line.to_json() for line in lines],
        }
        sys.stdout.write(json_format.dumps(found) + "\n")
        return
    title = f"{universe[place]} at the close of {panel.sessions[row]}, among {len(universe)} tickers"
    wide_console().print(_table(title, lines), markup=False)


def _place(path: Path, ticker: str, universe: tuple[str, ...]) -> int:
    if ticker in universe:
        return universe.index(ticker)
    near = difflib.get_close_matches(ticker, universe, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it holds {', '.join(universe[:10])}"
    raise PriceFileError(f"{path}: there is no ticker {ticker!r} to forecast; {hint}")


def _row(path: Path, panel: Panel, session: date | None) -> int:
    if session is None:
        return len(panel.sessions) - 1
    if session in panel.sessions:
        return panel.sessions.index(session)
    near = min(panel.sessions, key=lambda day: abs(day - session))
    raise PriceFileError(f"{path}: there is no session {session}; the nearest is {near}")


def _window(panel: Panel, universe: tuple[str, ...], market: MarketSettings) -> Window:
    """Return the window of a daemon with this configuration, if with the sectors of some tickers only."""
    outside = make_outside(market, load_exchange(market.calendar), live=False)
    chosen = FeatureSet.of(market, panel.tickers, universe, outside)
    known = replace(chosen, sectors=market.sector_of())
    return known.window(panel, universe, asyncio.run(_shares(outside, panel.columns(universe))))


async def _shares(outside: Outside, stocks: Panel) -> FloatArray:
    """Return what was known from outside at each close, as far back as any feature reads it."""
    out = np.stack([unknown(len(stocks.tickers))] * len(stocks.sessions), axis=1)
    if outside.names:
        for row in range(max(1, len(stocks.sessions) - OUTSIDE_SESSIONS), len(stocks.sessions)):
            out[:, row] = await outside.shares(stocks.rows(row - 1, row))
    return out


def _lines(window: Window, place: int) -> tuple[Line, ...]:
    matrix = feature_matrix(window)
    at_or_below = (matrix <= matrix[place]).sum(axis=0)
    known = (~np.isnan(matrix)).sum(axis=0)
    at_or_below[(matrix == matrix[place]).sum(axis=0) == known] = 0
    return tuple(
        Line(
            feature,
            float(matrix[place, i]),
            int(at_or_below[i]),
            int(known[i]),
            Tier.MISSING if np.isnan(matrix[place, i]) else feature.tier(window),
            _why(feature, window) if np.isnan(matrix[place, i]) else "",
        )
        for i, feature in enumerate(FEATURES)
    )


def _why(feature: Feature, window: Window) -> str:
    absent = feature.absent(window)
    if absent:
        return f"needs {', '.join(absent)}"
    if window.sessions < feature.lookback:
        return f"needs {feature.lookback} sessions, there are {window.sessions}"
    return f"one of its {feature.lookback} sessions is unknown or impossible"


def _table(title: str, lines: tuple[Line, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("feature", "layer", "value", "rank", "tier", "formula"):
        table.add_column(name, justify="right" if name in {"value", "rank"} else "left")
    for line in lines:
        unknown = math.isnan(line.value)
        table.add_row(
            line.feature.name,
            line.feature.layer.value,
            "" if unknown else f"{line.value:.5g}",
            f"{line.rank} of {line.known}" if line.rank else "" if unknown else "equal",
            Text(line.tier.value, style=STYLE[line.tier]),
            Text(line.why, style="dim") if unknown else Text(line.feature.formula),
        )
    return table
