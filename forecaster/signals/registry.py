"""The registry: every signal there is, and the features it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from forecaster.features import FEATURES, Feature
from forecaster.window import Window

PRESENT: Final = 0.5
"""Share of a signal's features that must be known for it to speak of a ticker."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A named group of features.

    Attributes:
        name: Unique.
        asks: What it asks of a ticker, in words.
        features: Names of the registered features it reads.
    """

    name: str
    asks: str
    features: tuple[str, ...]


SIGNALS: Final = (
    Signal("momentum", "did it rise for months?", ("momentum_63", "momentum_126", "momentum_252_21")),
    Signal("reversal", "did it fall within days?", ("return_1", "return_5", "momentum_21")),
    Signal("trend", "is it above its means?", ("trend_50", "trend_200", "slope_63", "nearness_252")),
    Signal(
        "volatility",
        "how far does it move?",
        ("volatility_21", "volatility_ratio_5_63", "skew_63"),
    ),
    Signal("market", "how does it move with the market?", ("beta_63", "idiosyncratic_63")),
    Signal("oscillators", "is it stretched?", ("rsi_mean_14", "bollinger_20", "stochastic_14")),
    Signal(
        "liquidity",
        "is it traded more, and at what cost?",
        ("amihud_20", "dollar_volume_21", "volume_ratio_5_60", "corwin_schultz_21"),
    ),
    Signal(
        "breakout",
        "is it contracted below its high?",
        ("high_distance_55", "squeeze_10", "narrow_days_10"),
    ),
    Signal(
        "day_and_night",
        "in which part of the day does it move?",
        ("overnight_21", "intraday_21", "greatest_return_21"),
    ),
    Signal(
        "cross_asset",
        "what other assets does it move with?",
        ("beta_vix_63", "beta_us10y_63", "beta_dollar_63", "beta_btc_63"),
    ),
    Signal(
        "sector",
        "is its sector leading?",
        ("sector_advances_10", "sector_breadth_50", "sector_strength_63", "sector_strength_slope_21"),
    ),
    Signal(
        "off_exchange",
        "is it traded off exchange?",
        ("off_exchange_share", "off_exchange_z_60", "short_share", "short_share_z_60"),
    ),
    Signal(
        "after_hours",
        "is it traded after hours?",
        ("after_hours_z_60", "premarket_z_60", "postmarket_z_60"),
    ),
    Signal(
        "supply_chain",
        "what did its customers do?",
        ("customer_momentum_21", "customer_lead_21", "customer_lead_5"),
    ),
)

_FEATURES: Final = {feature.name: feature for feature in FEATURES}


def features_of(signals: Sequence[Signal] = SIGNALS) -> tuple[Feature, ...]:
    """Return the features that signals read, in the signals' order.

    Raises:
        KeyError: A signal names a feature that is not registered.
    """
    return tuple(_FEATURES[name] for signal in signals for name in signal.features)


def usable_signals(window: Window, signals: Sequence[Signal] = SIGNALS) -> tuple[Signal, ...]:
    """Return the signals of which a window holds the inputs of at least half of the features.

    Features whose inputs are absent are dropped from the signals returned: they would never be known.
    """
    found = []
    for signal in signals:
        held = tuple(one.name for one in features_of((signal,)) if not one.absent(window))
        if len(held) >= PRESENT * len(signal.features):
            found.append(Signal(signal.name, signal.asks, held))
    return tuple(found)
