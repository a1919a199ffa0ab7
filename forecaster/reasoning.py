"""The reasoning: a forecast's largest contributions in plain words, every number of them a stored one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from forecaster.forecast import Contribution
from forecaster.model_version import ModelVersion
from forecaster.target import Target
from forecaster.tier import Tier

SHOWN: Final = 3

SIDES: Final = {
    Target.RELATIVE: ("above the universe's median", "below the universe's median"),
    Target.ABSOLUTE: ("a rise", "a fall"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """How well and since when the features are known, in the model's order.

    Attributes:
        tiers: Of each feature.
        ages: Sessions since each one's newest value; 0 for this close.
    """

    tiers: tuple[Tier, ...]
    ages: tuple[int, ...]

    @classmethod
    def exact(cls, features: int) -> Facts:
        """Everything is exact and of this close."""
        return cls((Tier.EXACT,) * features, (0,) * features)


def reasoning(
    model: ModelVersion,
    contributions: Sequence[Contribution],
    leading: Sequence[int],
    ranks: Sequence[float],
    known: Sequence[int],
    probability: float,
    facts: Facts,
    *,
    up: bool,
) -> str:
    """Say why.

    Args:
        model: The model in use.
        contributions: The base rate, the signals in the model's order, the calibration.
        leading: Place of the feature that weighs most in each signal.
        ranks: Centred ranks of the features; NaN where unknown.
        known: Tickers whose value of each feature is known.
        probability: Of the target.
        facts: Tier and age of each feature.
        up: The direction.
    """
    side = SIDES[model.target][0 if up else 1]
    stated = probability if up else 1.0 - probability
    believed = any(one.log_odds for one in contributions[1:-1])
    order = sorted(
        range(len(model.signals)),
        key=lambda i: -abs(contributions[i + 1].log_odds if believed else contributions[i + 1].lean),
    )
    clauses, names = [], model.features
    for i in order[:SHOWN]:
        part = contributions[i + 1]
        value = part.log_odds if believed else part.lean
        if value:
            clauses.append(f"{part.name} {value:+.4f} ({_feature(names, leading[i], ranks, known, facts)})")
    because = ", ".join(clauses) or "no signal says anything"
    if believed:
        return f"{side} with {stated:.2%}: {because}"
    return f"{side} with {stated:.2%}, the base rate: {_told_no_more(model)}; leaning on {because}"


def _told_no_more(model: ModelVersion) -> str:
    found = model.metrics
    words = f"in {found.resolved:,} resolved forecasts the signals told no more"
    if math.isnan(found.slope):
        return words
    return f"{words} (slope {found.slope:+.2f} ± {found.slope_error:.2f})"


def no_call(coverage: float, floor: float) -> str:
    """Say why there is none."""
    return f"no call: {coverage:.0%} of the signals' weight is known, {floor:.0%} needed"


def _feature(
    names: Sequence[str], at: int, ranks: Sequence[float], known: Sequence[int], facts: Facts
) -> str:
    """A feature's place in the universe, its tier and its age."""
    place = (0.5 - ranks[at]) * (known[at] - 1) + 1
    age = facts.ages[at]
    since = "this close" if age == 0 else f"{age} session{'s' if age > 1 else ''} old"
    return f"{names[at]} ranks {place:g} of {known[at]}; {facts.tiers[at].value}, {since}"
