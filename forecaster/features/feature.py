"""The feature: one registered column, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from forecaster.features.derived import Derived
from forecaster.tier import Tier, worst
from forecaster.window import BARS, Window
from market.panel import FloatArray

Compute = Callable[[Derived], FloatArray]

MARKET: Final = "market"
SECTORS: Final = "sectors"
SECTOR_FUND: Final = "sector_fund"
WEEKDAYS: Final = "weekdays"


class Layer(StrEnum):
    """What a feature looks at; one module each."""

    RETURNS = "returns"
    TREND = "trend"
    VOLATILITY = "volatility"
    OSCILLATORS = "oscillators"
    LIQUIDITY = "liquidity"
    BREAKOUT = "breakout"
    CROSS_ASSET = "cross_asset"
    BREADTH = "breadth"
    OFF_EXCHANGE = "off_exchange"
    AFTER_HOURS = "after_hours"
    SUPPLY_CHAIN = "supply_chain"


@dataclass(frozen=True, slots=True)
class Feature:
    """One registered feature.

    Attributes:
        name: Its column name.
        layer: What it looks at.
        inputs: What it reads: fields of the bars, `market`, `sectors`, `sector_fund`, `weekdays`, or names in
            the window's `series` and `extras`.
        lookback: How many sessions it reads, the newest included.
        formula: What it computes, in one line; x[n] is x of n sessions before.
        source: Who described it first.
        compute: Takes what is derived from a window that holds all of the inputs, returns shape (tickers,
            sessions); a session's value reads its `lookback` newest sessions and nothing else.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    lookback: int
    formula: str
    source: str
    compute: Compute

    @property
    def warm_up(self) -> int:
        """How many sessions at the start of a history have no value."""
        return self.lookback - 1

    def absent(self, window: Window) -> tuple[str, ...]:
        """Return the inputs that the window does not hold."""
        return tuple(name for name in self.inputs if not _holds(window, name))

    def tier(self, window: Window) -> Tier:
        """Return the worst tier of the inputs; `MISSING` where one is absent."""
        if self.absent(window):
            return Tier.MISSING
        return worst(window.tiers.get(name, Tier.EXACT) for name in self.inputs)


def _holds(window: Window, name: str) -> bool:
    if name == SECTORS:
        return any(window.sectors)
    if name == SECTOR_FUND:
        return any(sector in window.series for sector in window.sectors)
    if name == WEEKDAYS:
        return window.weekdays.size > 0
    return name in (*BARS, MARKET) or name in window.series or name in window.extras


class Register:
    """The features of one layer, in the order in which they are written down."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._features: list[Feature] = []

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those registered so far."""
        return tuple(self._features)

    def __call__(
        self,
        *inputs: str,
        lookback: int,
        formula: str,
        source: str,
        name: str = "",
    ) -> Callable[[Compute], Compute]:
        """Register the function that follows under its own name, or under another; see `Feature`."""

        def add(compute: Compute) -> Compute:
            own = name or getattr(compute, "__name__", "")
            self._features.append(Feature(own, self._layer, inputs, lookback, formula, source, compute))
            return compute

        return add
