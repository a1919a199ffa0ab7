"""The series among the tickers: which are forecast, and which only describe the market."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import numpy as np

from forecaster.tier import Tier
from market.panel import FloatArray, Panel

SERIES_TICKERS: Final = {
    "btc": ("BTC-USD",),
    "us10y": ("^TNX",),
    "vix": ("^VIX",),
    "dollar": ("DX-Y.NYB", "UUP"),
}
"""What the market-wide series may be called; the first that is held is taken."""

LATE: Final = frozenset({"BTC-USD", "DX-Y.NYB"})
"""Series whose day ends after the stock market's: bitcoin's at midnight UTC, the dollar index's at 17:00 in
New York. Today's close is not known yet, so the one before stands."""

SATURDAY: Final = 6
"""Its ISO number; Sunday's is the next."""


def to_forecast(tickers: Iterable[str]) -> tuple[str, ...]:
    """Return the tickers that are forecast, in their order: neither an index nor a market-wide series."""
    apart = {name for names in SERIES_TICKERS.values() for name in names}
    return tuple(name for name in tickers if not name.startswith("^") and name not in apart)


def weekend_note(sessions: Sequence[date]) -> str:
    """Say which dates fall on a weekend, where no calendar tells which are sessions; "" where none does."""
    found = [day for day in sessions if day.isoweekday() >= SATURDAY]
    if not found:
        return ""
    noun = "date falls" if len(found) == 1 else "dates fall"
    return (
        f"{len(found):,} {noun} on a weekend, the first is {found[0]}: no calendar is asked, and each date "
        "of the file counts as a session"
    )


def market_series(panel: Panel) -> tuple[dict[str, FloatArray], dict[str, Tier]]:
    """Return the market-wide series that a panel holds, as they were known at each session's close.

    Other markets keep other holidays: the newest known value stands until there is another.

    Returns:
        Closes of shape (sessions,) by name, and the tier of those that are not exact.
    """
    series: dict[str, FloatArray] = {}
    tiers: dict[str, Tier] = {}
    for name, tickers in SERIES_TICKERS.items():
        held = [ticker for ticker in tickers if ticker in panel.tickers]
        if held:
            closes = panel.columns((held[0],)).adj_close[:, 0]
            series[name] = _carried(_delayed(closes) if held[0] in LATE else closes)
            if held[0] in LATE:
                tiers[name] = Tier.DELAYED
    return series, tiers


def _delayed(values: FloatArray) -> FloatArray:
    return np.concatenate([[np.nan], values])[: len(values)]


def _carried(values: FloatArray) -> FloatArray:
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(last >= 0, values[last], np.nan)
