"""The Venn-Abers map: two probabilities, one of which is right, and so a width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from forecaster.calibration.isotonic import levels
from forecaster.calibration.sample import Sample, log_odds
from market.panel import FloatArray


@dataclass(frozen=True, slots=True)
class VennAbersMap:
    """Inductive Venn-Abers prediction (Vovk, Petej 2014).

    A new forecast is added to the sample once as a failure and once as a success; isotonic regression gives
    p0 and p1 for it. One of the two is perfectly calibrated if the forecasts are exchangeable. Those of
    successive sessions are not quite, so the width p1 - p0 measures how little the sample knows, and no more.

    Attributes:
        stated: Distinct probabilities of the sample, strictly increasing.
        p0: At each, p0 of a new forecast that states the same.
        p1: Likewise.
    """

    stated: tuple[float, ...]
    p0: tuple[float, ...]
    p1: tuple[float, ...]

    def pair(self, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(p0, p1) of each, p0 <= p1; without any sample (0, 1); NaN stays NaN.

        A forecast between two of the sample's takes p0 of the one below, and p1 of the one above.

        Raises:
            CalibrationError: When a probability lies outside [0, 1].
        """
        log_odds(probability)  # refuses what is no probability
        known, unknown = np.array(self.stated), np.isnan(probability)
        low = np.array([0.0, *self.p0])[known.searchsorted(probability, "right") * ~unknown]
        high = np.array([*self.p1, 1.0])[known.searchsorted(probability, "left") * ~unknown]
        return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)

    def width(self, probability: FloatArray) -> FloatArray:
        """p1 - p0 of each, in [0, 1]."""
        low, high = self.pair(probability)
        return high - low

    def calibrate(
        self,
        probability: FloatArray,
        regimes: Sequence[str] = (),
        sectors: Sequence[str] = (),
    ) -> FloatArray:
        """One probability in place of two: p1 / (1 - p0 + p1), which loses least in log-loss.

        Regimes and sectors make no difference; NaN stays NaN.

        Raises:
            CalibrationError: When a probability lies outside [0, 1].
        """
        low, high = self.pair(probability)
        return high / (1.0 - low + high)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON."""
        return cls(tuple(stored["stated"]), tuple(stored["p0"]), tuple(stored["p1"]))


def fit_venn_abers(sample: Sample) -> VennAbersMap:
    """Prepare both probabilities at every distinct probability of the sample; defined for any sample."""
    x, level, weight = levels(sample)
    p1 = _with_one_more(level * weight, weight)
    mirrored = _with_one_more(((1.0 - level) * weight)[::-1], weight[::-1])
    p0 = [1.0 - value for value in reversed(mirrored)]
    return VennAbersMap(tuple(x.tolist()), tuple(p0), tuple(p1))


def _with_one_more(wins: FloatArray, weight: FloatArray) -> list[float]:
    """At each place the isotonic fit once a success of weight 1 is added there.

    An isotonic fit is the slope of the lower convex hull of the cumulative sums (Barlow and others 1972). A
    success at place i moves the points from i on by (1, 1); the hull's slope there is that of the edge which
    joins the hull of the points before to the hull of those after, the lower tangent of both.

    Args:
        wins: Weighted successes at each place, in order of the stated probability.
        weight: Weights, positive.
    """
    x = [0.0, *np.cumsum(weight).tolist()]
    y = [0.0, *np.cumsum(wins).tolist()]
    before = _hull(x, y, range(len(x)))
    after = _hull(x, y, range(len(x) - 1, -1, -1))
    out = []
    for place in range(1, len(x)):
        left, right, moved = place - 1, place, True
        while moved:
            moved = False
            while after[right] >= 0 and _slope(x, y, left, after[right]) <= _slope(x, y, left, right):
                right, moved = after[right], True
            while before[left] >= 0 and _slope(x, y, before[left], right) >= _slope(x, y, left, right):
                left, moved = before[left], True
        out.append(min(_slope(x, y, left, right), 1.0))
    return out


def _slope(x: list[float], y: list[float], left: int, right: int) -> float:
    return (y[right] + 1.0 - y[left]) / (x[right] + 1.0 - x[left])


def _hull(x: list[float], y: list[float], order: range) -> list[int]:
    """For each point its neighbour on the lower hull of itself and those before it in the order; -1: none."""
    out = [-1] * len(x)
    for newest in order:
        last = newest - order.step if newest != order.start else -1
        while last >= 0 and out[last] >= 0:
            first = out[last]
            above = (y[last] - y[first]) * (x[newest] - x[first]) - (y[newest] - y[first]) * (
                x[last] - x[first]
            )
            if above * order.step < 0:
                break
            last = first
        out[newest] = last
    return out
