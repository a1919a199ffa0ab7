"""Supply chain: what a ticker's customers have done that it has not done yet.

Suppliers follow their customers with a delay where few investors look at both (Cohen and Frazzini 2008);
whether anything is left of it since that was published is doubtful.
"""

from __future__ import annotations

from forecaster.features.derived import Derived
from forecaster.features.feature import MARKET, Layer, Register
from forecaster.rolling import window_sum
from market.panel import FloatArray

register = Register(Layer.SUPPLY_CHAIN)

CUSTOMERS = "customer_return"


@register(
    CUSTOMERS,
    lookback=21,
    formula="sum of 21 weighted log returns of the customers above their sectors'",
    source="Cohen and Frazzini 2008",
)
def customer_momentum_21(d: Derived) -> FloatArray:
    """What the customers gained in 21 sessions above their sectors (Cohen and Frazzini 2008)."""
    return window_sum(d.read(CUSTOMERS), 21)


@register(
    CUSTOMERS,
    "close",
    MARKET,
    lookback=22,
    formula="sum of 21 (customer return - (log return - the market's))",
    source="Cohen and Frazzini 2008",
)
def customer_lead_21(d: Derived) -> FloatArray:
    """That gain less the ticker's own above the market, 21 sessions (Cohen and Frazzini 2008)."""
    return window_sum(d.read(CUSTOMERS) - (d.steps - d.window.market), 21)


@register(
    CUSTOMERS,
    "close",
    MARKET,
    lookback=6,
    formula="sum of 5 (customer return - (log return - the market's))",
    source="Cohen and Frazzini 2008",
)
def customer_lead_5(d: Derived) -> FloatArray:
    """That gain less the ticker's own above the market, 5 sessions (Cohen and Frazzini 2008)."""
    return window_sum(d.read(CUSTOMERS) - (d.steps - d.window.market), 5)
