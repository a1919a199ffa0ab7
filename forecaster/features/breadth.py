"""Breadth: how many of the universe take part, and which sectors lead.

A value of the universe or of a sector is told to each of its tickers whose close is known. It counts the
window's own tickers: what it is worth depends on their being the members of that time.
"""

from __future__ import annotations

from forecaster.features.derived import Derived
from forecaster.features.feature import SECTORS, Layer, Register
from market.panel import FloatArray

register = Register(Layer.BREADTH)


@register(
    "close",
    lookback=129,
    formula="exponential mean of span 10 of the share that rose, unchanged ones count half",
    source="Zweig 1986",
)
def advances_10(d: Derived) -> FloatArray:
    """Exponential mean, span 10, of the share of the universe that rose (Zweig 1986)."""
    return d.told(d.crowd.mean_advances)


@register(
    "close",
    lookback=138,
    formula="1 where advances_10 > 0.615 after < 0.40 within 10 sessions, else 0",
    source="Zweig 1986",
)
def thrust_10(d: Derived) -> FloatArray:
    """Whether the mean share of risers leapt from below 0.40 to above 0.615 in 10 sessions (Zweig 1986)."""
    return d.told(d.crowd.thrust)


@register(
    "close",
    lookback=513,
    formula="exponential mean of net advances of span 19 - of span 39, as shares",
    source="McClellan and McClellan 1970",
)
def mcclellan(d: Derived) -> FloatArray:
    """Exponential means of net advances, span 19 less span 39 (McClellan and McClellan 1970)."""
    return d.told(d.crowd.mcclellan)


@register("close", lookback=20, formula="share with close > mean of 20 close", source="Pring 1985")
def breadth_20(d: Derived) -> FloatArray:
    """Share of the universe above its 20-session mean (Pring 1985)."""
    return d.told(d.crowd.above_20.overall)


@register("close", lookback=50, formula="share with close > mean of 50 close", source="Pring 1985")
def breadth_50(d: Derived) -> FloatArray:
    """Share of the universe above its 50-session mean (Pring 1985)."""
    return d.told(d.crowd.above_50.overall)


@register("close", lookback=200, formula="share with close > mean of 200 close", source="Pring 1985")
def breadth_200(d: Derived) -> FloatArray:
    """Share of the universe above its 200-session mean (Pring 1985)."""
    return d.told(d.crowd.above_200.overall)


@register(
    "close",
    lookback=252,
    formula="share with close = max of 252 close - share with close = min of 252 close",
    source="Fosback 1976",
)
def new_highs_252(d: Derived) -> FloatArray:
    """Share at their 52-week high less the share at their low, by closes (Fosback 1976)."""
    return d.told(d.crowd.highs.overall)


@register(
    "close",
    lookback=22,
    formula="sd across tickers of the sum of 21 log returns",
    source="Stivers and Sun 2010",
)
def dispersion_21(d: Derived) -> FloatArray:
    """Standard deviation across tickers of the 21-session log return (Stivers and Sun 2010)."""
    return d.told(d.crowd.dispersion)


@register(
    "close",
    SECTORS,
    lookback=129,
    formula="exponential mean of span 10 of the share of the sector that rose, unchanged ones count half",
    source="Zweig 1986",
)
def sector_advances_10(d: Derived) -> FloatArray:
    """Exponential mean, span 10, of the share of the sector that rose (Zweig 1986)."""
    return d.told_by_sector(d.crowd.mean_sector_advances)


@register(
    "close", SECTORS, lookback=50, formula="share of the sector with close > mean of 50", source="Pring 1985"
)
def sector_breadth_50(d: Derived) -> FloatArray:
    """Share of the sector above its 50-session mean (Pring 1985)."""
    return d.told_by_sector(d.crowd.above_50.by_sector)


@register(
    "close",
    SECTORS,
    lookback=315,
    formula="z in 252 of the sum of 63 (mean log return of the sector - of the universe)",
    source="Levy 1967",
)
def sector_strength_63(d: Derived) -> FloatArray:
    """z-score in a year of the sector's 63-session return above the universe's (Levy 1967)."""
    return d.told_by_sector(d.crowd.strength)


@register(
    "close",
    SECTORS,
    lookback=335,
    formula="least-squares slope of 21 sector_strength_63",
    source="Levy 1967",
)
def sector_strength_slope_21(d: Derived) -> FloatArray:
    """Slope over 21 sessions of the sector's relative strength, per session (Levy 1967)."""
    return d.told_by_sector(d.crowd.strength_slope)


@register(
    "close",
    SECTORS,
    lookback=43,
    formula="1 - Spearman's correlation of the sectors' sums of 21 log returns, now and 21 sessions ago",
    source="Spearman 1904; Moskowitz and Grinblatt 1999",
)
def sector_turnover_21(d: Derived) -> FloatArray:
    """How far the sectors' ranking changed in a month, 0 to 2 (Spearman 1904).

    NaN with fewer than three sectors known at both times.
    """
    return d.told(d.crowd.turnover)
