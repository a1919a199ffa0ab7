"""Cross-asset: how a ticker moves with the market, other assets and its sector.

A beta is the least-squares slope of 63 log returns on those of another series, a correlation Pearson's. The
10-year yield's change is a difference in percentage points.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from forecaster.features.crowd import SERIES
from forecaster.features.derived import QUARTER, Derived
from forecaster.features.feature import MARKET, SECTOR_FUND, SECTORS, Layer, Register
from forecaster.rolling import window_sum
from market.panel import FloatArray

register = Register(Layer.CROSS_ASSET)

SESSIONS_PER_YEAR: Final = 252


def beta(d: Derived, series: str) -> FloatArray:
    """Slope of 63 log returns on a series' (Sharpe 1964)."""
    return d.quarter_products[series] / d.crowd.squares_of_series[series]


def correlation(d: Derived, series: str) -> FloatArray:
    """Correlation of 63 log returns with a series' (Pearson 1895)."""
    scale = np.sqrt(d.quarter_squares * d.crowd.squares_of_series[series])
    return d.quarter_products[series] / scale


register(
    "close",
    MARKET,
    name="beta_63",
    lookback=64,
    formula="slope of 63 log returns on the market's",
    source="Sharpe 1964",
)(partial(beta, series=MARKET))

for _series in SERIES:
    register(
        "close",
        _series,
        name=f"beta_{_series}_63",
        lookback=64,
        formula=f"slope of 63 log returns on those of {_series}",
        source="Sharpe 1964",
    )(partial(beta, series=_series))
    register(
        "close",
        _series,
        name=f"correlation_{_series}_63",
        lookback=64,
        formula=f"correlation of 63 log returns with those of {_series}",
        source="Pearson 1895",
    )(partial(correlation, series=_series))


@register(
    "close",
    MARKET,
    lookback=64,
    formula="sqrt(252) sd of 63 log returns about their line on the market's",
    source="Ang, Hodrick, Xing and Zhang 2006",
)
def idiosyncratic_63(d: Derived) -> FloatArray:
    """Annualised volatility of 63 log returns left by the market (Ang, Hodrick, Xing and Zhang 2006)."""
    explained = np.square(d.quarter_products[MARKET]) / d.crowd.squares_of_series[MARKET]
    left = np.maximum(d.quarter_moments[1] - explained, 0.0)
    return np.sqrt(left / (QUARTER - 2) * SESSIONS_PER_YEAR)


@register(
    "close",
    SECTORS,
    SECTOR_FUND,
    lookback=64,
    formula="slope of 63 log returns on the sector fund's",
    source="Sharpe 1964",
)
def beta_sector_63(d: Derived) -> FloatArray:
    """Slope of 63 log returns on the sector fund's (Sharpe 1964)."""
    return d.fund_products / d.fund_squares


@register(
    "close",
    SECTORS,
    SECTOR_FUND,
    lookback=64,
    formula="correlation of 63 log returns with the sector fund's",
    source="Pearson 1895",
)
def correlation_sector_63(d: Derived) -> FloatArray:
    """Correlation of 63 log returns with the sector fund's (Pearson 1895)."""
    return d.fund_products / np.sqrt(d.quarter_squares * d.fund_squares)


@register(
    "close",
    SECTORS,
    SECTOR_FUND,
    lookback=22,
    formula="sum of 21 (log return - the sector fund's)",
    source="Moskowitz and Grinblatt 1999",
)
def sector_relative_21(d: Derived) -> FloatArray:
    """Log return of 21 sessions above the sector fund's (Moskowitz and Grinblatt 1999)."""
    return window_sum(d.steps - d.fund_steps, 21)
