"""Off-exchange: how much was traded away from the exchanges, and how much of that was sold short.

At a close the newest that is told is the session before, so that is what each session's values are of.
Off-exchange volume comes from dark pools and wholesalers alike; its short part is mostly market makers'
selling to buyers, not short interest. Levels drift over the years: the z-scores are what can be compared.
"""

from __future__ import annotations

from typing import Final

from forecaster.features.derived import Derived, z_score
from forecaster.features.feature import Layer, Register
from market.panel import FloatArray

register = Register(Layer.OFF_EXCHANGE)

OFF_EXCHANGE: Final = "off_exchange"
SHORT: Final = "short"


@register(
    OFF_EXCHANGE,
    lookback=1,
    formula="off-exchange volume / volume, both of the session before",
    source="Zhu 2014",
)
def off_exchange_share(d: Derived) -> FloatArray:
    """Share of the volume traded off exchange (Zhu 2014)."""
    return d.read(OFF_EXCHANGE)


@register(
    OFF_EXCHANGE,
    lookback=60,
    formula="(off_exchange_share - its mean of 60) / its sd of 60",
    source="Zhu 2014",
)
def off_exchange_z_60(d: Derived) -> FloatArray:
    """z-score of that share in 60 sessions (Zhu 2014)."""
    return z_score(off_exchange_share(d), 60)


@register(
    OFF_EXCHANGE,
    SHORT,
    lookback=1,
    formula="short volume / off-exchange volume, both of the session before",
    source="SqueezeMetrics 2017, DPI",
)
def short_share(d: Derived) -> FloatArray:
    """Share of the off-exchange volume that was sold short (SqueezeMetrics 2017)."""
    return d.read(SHORT) / d.read(OFF_EXCHANGE)


@register(
    OFF_EXCHANGE,
    SHORT,
    lookback=60,
    formula="(short_share - its mean of 60) / its sd of 60",
    source="SqueezeMetrics 2017, DPI",
)
def short_share_z_60(d: Derived) -> FloatArray:
    """z-score of that share in 60 sessions (SqueezeMetrics 2017)."""
    return z_score(short_share(d), 60)


@register(
    "dollars",
    OFF_EXCHANGE,
    SHORT,
    lookback=2,
    formula="mean of short_share over the universe, weighted by dollars[1]",
    source="SqueezeMetrics 2017, DIX",
)
def dark_index(d: Derived) -> FloatArray:
    """Mean short share of the universe, weighted by the same session's traded value (SqueezeMetrics 2017)."""
    return d.told(d.crowd.dark_index)
