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

from daemon.clock import SystemClock
from daemon.commands.forecaster_terminal import show_left_out
from daemon.commands.store import wide_console
from daemon.configuration.config import load_settings
from daemon.configuration.settings import MarketSettings
from daemon.feature_set import FeatureSet, estimates_in
from daemon.outside_desk import make_outside
from daemon.price_series import to_forecast
from daemon.replay import make_history
from forecaster.features import FEATURES, LONGEST_LOOKBACK, Feature, Tier, feature_matrix
from forecaster.features.feature import MARKET, SECTOR_FUND
from forecaster.window import BARS, Window, known_sessions
from market.exchange import Exchange, load_exchange
from market.outside import EXTENDED, NAMES, OFF_EXCHANGE, Outside, unknown
from market.outside_estimate import R2, UNEXPLAINED, estimated
from market.panel import FloatArray, Panel
from market.price_file import PriceFileError, read_bars
from market.quality_finding import Finding
from market.sample import SAMPLE_PATH
from market.screening import SCREENED
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
        ReplayError: It has a date that is no session of the exchange.
        ConfigError: The configuration is at fault.
    """
    market = load_settings(config).market
    exchange = load_exchange(market.calendar)
    path = prices or SAMPLE_PATH
    panel, unusable = read_bars(path, today=SystemClock().now().date())
    universe = to_forecast(panel.tickers)
    place = _place(path, ticker.upper(), universe)
    close = panel.sessions[_row(path, panel, session)]
    asked, findings = _asked(panel, unusable, exchange, str(path), close)
    window, told = _known(asked, universe, market, exchange)
    lines = _lines(window, told[:, :, place], place, market)
    if json:
        found = {
            "ticker": universe[place],
            "session": close.isoformat(),
            "universe": len(universe),
            "left_out": [str(one) for one in findings],
            "features": [line.to_json() for line in lines],
        }
        sys.stdout.write(json_format.dumps(found) + "\n")
        return
    console = wide_console()
    title = f"{universe[place]} at the close of {close}, among {len(universe)} tickers"
    console.print(_table(title, lines), markup=False)
    show_left_out(console, findings)


def _asked(
    panel: Panel, unusable: tuple[Finding, ...], exchange: Exchange, name: str, close: date
) -> tuple[Panel, tuple[Finding, ...]]:
    """Return what the features of a close read, screened and lined up as a replay has it.

    Returns:
        The exchange's sessions up to the close, and why bars of theirs are left out.
    """
    stop = panel.sessions.index(close) + 1
    read = panel.rows(max(0, stop - 2 * LONGEST_LOOKBACK - SCREENED), stop)
    history = make_history(read, exchange, name, unusable=unusable)
    asked = history.lined_up(close, 2 * LONGEST_LOOKBACK)
    first = asked.sessions[0]
    return asked, tuple(one for one in history.findings if first <= one.sessions[-1] <= close)


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
    panel: Panel, universe: tuple[str, ...], market: MarketSettings, exchange: Exchange
) -> tuple[Window, FloatArray]:
    """Return the window of a daemon with this configuration, if with the sectors of some tickers only.

    Returns:
        It, and what was told from outside by its sessions' closes, shape (kept, sessions, universe).
    """
    outside = make_outside(market, exchange, live=False)
    chosen = replace(FeatureSet.of(market, panel.tickers, universe, outside), sectors=market.sector_of())
    shares = asyncio.run(_shares(outside, panel.columns(universe)))
    return chosen.window(panel, universe, shares), shares[:, known_sessions(panel, universe)]


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


def _lines(window: Window, told: FloatArray, place: int, market: MarketSettings) -> tuple[Line, ...]:
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
            *(
                (Tier.MISSING, _why_missing(feature, window, place, float(told[R2, -1]), market))
                if np.isnan(matrix[place, i])
                else _how(feature, window, told)
            ),
        )
        for i, feature in enumerate(FEATURES)
    )


def _how(feature: Feature, window: Window, told: FloatArray) -> tuple[Tier, str]:
    """Return how well a known value is known, and how far the estimates in it have been right."""
    rows = estimates_in(feature, told)
    if not rows.size:
        return feature.tier(window), ""
    of = "" if feature.lookback == 1 else f" on {rows.size} of its {feature.lookback} sessions"
    return Tier.ESTIMATED, f"estimated{of}, R2 {np.median(told[R2, rows]):.2f} out of sample"


def _why_missing(feature: Feature, window: Window, place: int, r2: float, market: MarketSettings) -> str:
    if feature.inputs == OFF_EXCHANGE[:1] and r2 < LEAST_R2:
        return f"no file told it, and the R2 of its estimate is {r2:.2f}, below {LEAST_R2:g}"
    if absent := feature.absent(window):
        return f"needs {', '.join(absent)}{_remedy(absent, market)}"
    return _why(feature, window, place)


def _remedy(absent: tuple[str, ...], market: MarketSettings) -> str:
    """Say which settings name where inputs come from, or why naming it does not help here."""
    if market.short_volume == "finra" and not set(OFF_EXCHANGE).isdisjoint(absent):
        return '; `forewarn run` alone asks FINRA: name a folder of its files, market.short_volume = "folder"'
    settings = sorted({NAMED_BY[name] for name in absent if name in NAMED_BY})
    return f"; name {', '.join(settings)}" if settings else ""


def _why(feature: Feature, window: Window, place: int) -> str:
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
