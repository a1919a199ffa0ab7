"""The registry: every feature there is, in the order of its layers."""

from __future__ import annotations

from typing import Final

from forecaster.features import (
    after_hours,
    breadth,
    breakout,
    cross_asset,
    liquidity,
    off_exchange,
    oscillators,
    returns,
    supply_chain,
    trend,
    volatility,
)
from forecaster.features.feature import Feature

FEATURES: Final[tuple[Feature, ...]] = (
    *returns.register.features,
    *trend.register.features,
    *volatility.register.features,
    *oscillators.register.features,
    *liquidity.register.features,
    *breakout.register.features,
    *cross_asset.register.features,
    *breadth.register.features,
    *off_exchange.register.features,
    *after_hours.register.features,
    *supply_chain.register.features,
)

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
LONGEST_LOOKBACK: Final = max(feature.lookback for feature in FEATURES)
