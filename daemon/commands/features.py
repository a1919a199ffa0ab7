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
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from daemon.commands.store import wide_console
from daemon.configuration.config import load_settings
from daemon.configuration.settings import MarketSettings
from daemon.feature_set import FeatureSet
from daemon.outside_desk import make_outside
from daemon.price_series import to_forecast
from forecaster.features import FEATURES, LONGEST_LOOKBACK, Feature, Tier, feature_matrix
from forecaster.features.feature import MARKET, SECTOR_FUND
from forecaster.window import BARS, Window
from market.exchange import load_exchange
from market.outside import EXTENDED, NAMES, OFF_EXCHANGE, Outside, unknown
from market.outside_estimate import R2, UNEXPLAINED, estimated
from market.panel import FloatArray, Panel
from market.price_file import PriceFileError, read_prices
from market.sample import SAMPLE_PATH
from market.short_volume_estimate import LEARNT_DAYS, LEAST_R2

STYLE: Final = {Tier.EXACT: "green", Tier.DELAYED: "yellow", Tier.ESTIMATED: "yellow", Tier.MISSING: "dim"}

NAMED_BY: Final = {
    **dict.fromkeys(OFF_EXCHANGE, "market.short_volume"),
    **dict.fromkeys(EXTENDED, "market.minutes"),
    "customer_return": "market.customers_file",
}
"""The setting that names where an input comes from."""

OUTSIDE_SESSIONS: Final = max(one.lookback for one in FEATURES if not set(NAMES).isdisjoint(one.inputs))
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
        why: Why it is unknown, or how far its estimate has been right; "" where it is known.
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
    asked = panel.rows(max(0, row + 1 - 2 * LONGEST_LOOKBACK), row + 1)
    lines = _lines(*_known(asked, universe, place, market), place)
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


def _known(
    panel: Panel, universe: tuple[str, ...], place: int, market: MarketSettings
) -> tuple[Window, Window, float]:
    """Return the window of a daemon with this configuration, if with the sectors of some tickers only.

    Returns:
        It, the same with the tiers of one ticker, and the R2 of that ticker's estimate, NaN without one.
    """
    outside = make_outside(market, load_exchange(market.calendar), live=False)
    chosen = replace(FeatureSet.of(market, panel.tickers, universe, outside), sectors=market.sector_of())
    shares = asyncio.run(_shares(outside, panel.columns(universe)))
    window, own = chosen.window(panel, universe, shares), chosen.tiers(shares[:, -1, place, None])
    return window, replace(window, tiers={**window.tiers, **own}), float(shares[R2, -1, place])


async def _shares(outside: Outside, stocks: Panel) -> FloatArray:
    """Return what was known from outside at each close, as far back as any feature reads it."""
    count = len(stocks.sessions)
    out = np.stack([unknown(len(stocks.tickers))] * count, axis=1)
    newest = range(max(1, count - OUTSIDE_SESSIONS), count)
    for row in newest if outside.names else ():
        out[:, row] = await outside.shares(stocks.rows(row - 1, row))
    untold = np.isnan(out[0, newest.start :]) & np.isfinite(out[UNEXPLAINED, newest.start :])
    if outside.estimates and untold.any():
        await _estimate(outside, stocks, out, newest, np.atleast_1d(untold.any(axis=0)))
    return out


async def _estimate(
    outside: Outside, stocks: Panel, out: FloatArray, newest: range, untold: NDArray[np.bool_]
) -> None:
    """Estimate what no file told of some tickers at the newest closes, from those of the year before."""
    own = stocks.columns(tuple(ticker for ticker, is_ in zip(stocks.tickers, untold, strict=True) if is_))
    shares = out[:, :, untold]
    for row in range(max(1, newest.start - LEARNT_DAYS), newest.start):
        shares[:, row] = await outside.shares(own.rows(row - 1, row))
    for row in newest:
        first = max(0, row - LEARNT_DAYS)
        shares[:, row] = estimated(shares[:, first + 1 : row + 1], own.rows(first, row))
    out[:, :, untold] = shares


def _lines(window: Window, own: Window, r2: float, place: int) -> tuple[Line, ...]:
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
            Tier.MISSING if np.isnan(matrix[place, i]) else feature.tier(own),
            _why_missing(feature, window, place, r2)
            if np.isnan(matrix[place, i])
            else _how(feature, own, r2),
        )
        for i, feature in enumerate(FEATURES)
    )


def _how(feature: Feature, own: Window, r2: float) -> str:
    return f"estimated, R2 {r2:.2f} out of sample" if feature.tier(own) is Tier.ESTIMATED else ""


def _why_missing(feature: Feature, window: Window, place: int, r2: float) -> str:
    if feature.inputs == OFF_EXCHANGE[:1] and r2 < LEAST_R2:
        return f"no file told it, and the R2 of its estimate is {r2:.2f}, below {LEAST_R2:g}"
    return _why(feature, window, place)


def _why(feature: Feature, window: Window, place: int) -> str:
    absent = feature.absent(window)
    if absent:
        settings = sorted({NAMED_BY[name] for name in absent if name in NAMED_BY})
        return f"needs {', '.join(absent)}" + (f"; name {', '.join(settings)}" if settings else "")
    if window.sessions < feature.lookback:
        return f"needs {feature.lookback} sessions, there are {window.sessions}"
    for name in feature.inputs:
        unknown = int((~np.isfinite(_input(window, name, place)[-feature.lookback :])).sum())
        if unknown:
            return f"{name} is unknown on {unknown} of its {feature.lookback} sessions"
    return "undefined: nothing moved or traded, or too few tickers or sectors"


def _input(window: Window, name: str, place: int) -> FloatArray:
    """Return what is read of a ticker under a name, shape (sessions,); empty where that is no series."""
    if name in BARS:
        return np.asarray(getattr(window, name)[place])
    if name == MARKET:
        return window.market
    if name == SECTOR_FUND:
        return window.series.get(window.sectors[place], np.full(window.sessions, np.nan))
    return window.extras[name][place] if name in window.extras else window.series.get(name, np.empty(0))


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
            Text(line.why, style="dim") if line.why else Text(line.feature.formula),
        )
    return table
