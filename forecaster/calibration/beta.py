"""The beta map: three parameters, for probabilities that are bent differently near 0 and near 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
from scipy.special import expit

from forecaster.calibration.logistic import fit_logistic
from forecaster.calibration.sample import SUREST, Sample, log_odds
from market.panel import FloatArray

PRIOR: Final = (0.0, 1.0, 1.0)
PRIOR_SD: Final = 1.0


@dataclass(frozen=True, slots=True)
class BetaMap:
    """Beta calibration (Kull, Silva Filho, Flach 2017): log-odds = c + a ln p - b ln (1 - p), a, b >= 0.

    Attributes:
        c: Shift of the log-odds.
        a: Weight of ln p.
        b: Weight of -ln (1 - p).
    """

    c: float
    a: float
    b: float

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
        return np.asarray(expit(_design(probability) @ (self.c, self.a, self.b)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(stored["c"], stored["a"], stored["b"])


def fit_beta(sample: Sample, *, prior_sd: float = PRIOR_SD) -> BetaMap:
    """Fit by logistic regression, shrunk a little to "as stated".

    Defined for any sample, as the prior decides where data do not. Where a or b would be negative the best
    map with one of them, or both, at 0 is taken.

    Args:
        sample: Resolved forecasts.
        prior_sd: Prior standard deviation of c about 0 and of a and b about 1.
    """
    design, prior = _design(sample.probability), np.array([PRIOR])
    group = np.zeros(len(sample), np.int64)
    found: list[tuple[float, FloatArray]] = []
    for held in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)):
        mask = np.array([held], np.bool_)
        (theta,) = fit_logistic(design, sample.outcome, sample.weight, group, prior, prior_sd, mask)
        if min(theta[1], theta[2]) >= 0:
            found.append((_loss(theta, design, sample, prior_sd), theta))
            if not any(held):
                break
    c, a, b = min(found, key=lambda one: one[0])[1].tolist()
    return BetaMap(c, a, b)


def _design(probability: FloatArray) -> FloatArray:
    log_odds(probability)  # refuses what is no probability
    p = np.clip(probability, SUREST, 1 - SUREST)
    return np.column_stack([np.ones_like(p), np.log(p), -np.log1p(-p)])


def _loss(theta: FloatArray, design: FloatArray, sample: Sample, prior_sd: float) -> float:
    stated = design @ theta
    told = sample.weight * (np.logaddexp(0.0, stated) - sample.outcome * stated)
    return float(told.sum() + ((theta - PRIOR) ** 2).sum() / (2 * prior_sd**2))
