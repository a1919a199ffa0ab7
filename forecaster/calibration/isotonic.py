"""The isotonic map: any rising curve, for samples large enough to draw one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import isotonic_regression

from forecaster.calibration.sample import CalibrationError, Sample, log_odds
from market.panel import FloatArray


@dataclass(frozen=True, slots=True)
class IsotonicMap:
    """Isotonic regression (Zadrozny, Elkan 2002): straight between the ends of its level stretches.

    Attributes:
        stated: Where the curve bends, strictly increasing.
        calibrated: Its value there, in (0, 1).
    """

    stated: tuple[float, ...]
    calibrated: tuple[float, ...]

    def calibrate(
        self,
        probability: FloatArray,
        regimes: Sequence[str] = (),
        sectors: Sequence[str] = (),
    ) -> FloatArray:
        """Read stated probabilities, shape (n,); NaN stays NaN; regimes and sectors make no difference.

        Raises:
            CalibrationError: When a probability lies outside [0, 1].
        """
        log_odds(probability)  # refuses what is no probability
        return np.asarray(np.interp(probability, self.stated, self.calibrated))

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON."""
        return cls(tuple(stored["stated"]), tuple(stored["calibrated"]))


def fit_isotonic(sample: Sample) -> IsotonicMap:
    """Fit by pooling adjacent violators; kept inside [1 / (n + 2), 1 - 1 / (n + 2)].

    n outcomes support no surer a statement (Laplace's rule). Rows of equal probability are pooled, so equal
    probabilities everywhere give the base rate.

    Raises:
        CalibrationError: When the outcomes are not of both classes: the curve would be a constant certainty.
    """
    wins, n = float(sample.outcome.sum()), len(sample)
    if not 0 < wins < n:
        raise CalibrationError(
            f"an isotonic map needs outcomes of both classes, {wins:.0f} of {n} came true: "
            "wait for more, or use the Platt map, which has a prior"
        )
    x, level, weight = levels(sample)
    fitted = isotonic_regression(level, weights=weight)
    ends = np.union1d(fitted.blocks[:-1], fitted.blocks[1:] - 1)
    least = 1.0 / (float(weight.sum()) + 2.0)
    curve = np.clip(fitted.x[ends], least, 1.0 - least)
    return IsotonicMap(tuple(x[ends].tolist()), tuple(curve.tolist()))


def levels(sample: Sample) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct probabilities in order, the weighted share that came true at each, and their weights."""
    x, place = np.unique(sample.probability, return_inverse=True)
    weight = np.asarray(np.bincount(place, sample.weight, x.size), np.float64)
    return x, np.bincount(place, sample.weight * sample.outcome, x.size) / weight, weight
