"""The features: each turns the newest bars of a ticker, or of a whole universe, into one number a session.

A feature is a function of its last `lookback` sessions and of nothing else. It cannot look ahead, because the
future is not in its window, and it has no warm-up beyond its lookback, because it keeps no state. A missing
or impossible input (NaN, a zero price) yields NaN, never zero; an input that is absent altogether makes the
feature's tier `missing`.
"""

from forecaster.features.compute import feature_matrix, feature_panel, feature_tiers
from forecaster.features.feature import Feature, Layer
from forecaster.features.registry import (
    FEATURE_NAMES,
    FEATURES,
    LONGEST_LOOKBACK,
)
from forecaster.tier import Tier

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "LONGEST_LOOKBACK",
    "Feature",
    "Layer",
    "Tier",
    "feature_matrix",
    "feature_panel",
    "feature_tiers",
]
