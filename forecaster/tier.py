"""The tier: how well a value was known when it was used."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Tier(StrEnum):
    """From best to worst."""

    EXACT = "exact"
    DELAYED = "delayed"
    ESTIMATED = "estimated"
    MISSING = "missing"


def worst(tiers: Iterable[Tier]) -> Tier:
    """Return the worst of several tiers; what needs nothing is exact."""
    order = tuple(Tier)
    return max(tiers, key=order.index, default=Tier.EXACT)
