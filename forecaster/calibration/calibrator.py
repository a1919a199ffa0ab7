"""The calibrator: one way to fit, apply, judge and draw, whichever map is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol, Self

from forecaster.calibration.beta import BetaMap, fit_beta
from forecaster.calibration.diagram import plot
from forecaster.calibration.evaluation import Evaluation, evaluate
from forecaster.calibration.isotonic import IsotonicMap, fit_isotonic
from forecaster.calibration.platt import PlattMap, fit_platt
from forecaster.calibration.sample import CalibrationError, Sample
from forecaster.calibration.venn_abers import VennAbersMap, fit_venn_abers
from market.panel import FloatArray


class Method(StrEnum):
    """Which map: the hierarchical Platt map needs the fewest outcomes, Venn-Abers tells how sure it is."""

    PLATT = "platt"
    ISOTONIC = "isotonic"
    BETA = "beta"
    VENN_ABERS = "venn_abers"


class Map(Protocol):
    """A fitted map."""

    def calibrate(
        self, probability: FloatArray, regimes: Sequence[str] = (), sectors: Sequence[str] = ()
    ) -> FloatArray:
        """Read stated probabilities, shape (n,)."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        ...


FITS: Final[Mapping[Method, Callable[[Sample], Map]]] = {
    Method.PLATT: fit_platt,
    Method.ISOTONIC: fit_isotonic,
    Method.BETA: fit_beta,
    Method.VENN_ABERS: fit_venn_abers,
}
STORED: Final[Mapping[Method, Callable[[Mapping[str, Any]], Map]]] = {
    Method.PLATT: PlattMap.from_dict,
    Method.ISOTONIC: IsotonicMap.from_dict,
    Method.BETA: BetaMap.from_dict,
    Method.VENN_ABERS: VennAbersMap.from_dict,
}


class NotFittedError(CalibrationError):
    """A calibrator that was asked before it was fitted."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Probabilities in, probabilities that come true out; a value, so `fit` returns a new one.

    Attributes:
        method: Which map.
        map_: The fitted one, None before `fit`.

    Example:
        >>> import numpy as np
        >>> from forecaster.calibration import make_sample
        >>> rng = np.random.default_rng(1)
        >>> stated = rng.uniform(0.1, 0.9, 5_000)
        >>> came = rng.random(5_000) < 0.5 + 0.4 * (stated - 0.5)  # too bold
        >>> fitted = Calibrator().fit(make_sample(stated, came))
        >>> fitted.calibrate(np.array([0.2, 0.5, 0.8])).round(2).tolist()
        [0.38, 0.48, 0.59]
    """

    method: Method = Method.PLATT
    map_: Map | None = None

    def fit(self, sample: Sample) -> Self:
        """Return a calibrator fitted to resolved forecasts.

        Raises:
            CalibrationError: When the method cannot draw a map from this sample.
        """
        return replace(self, map_=FITS[self.method](sample))

    def calibrate(
        self, probability: FloatArray, regimes: Sequence[str] = (), sectors: Sequence[str] = ()
    ) -> FloatArray:
        """Read stated probabilities, shape (n,), in the same order; NaN stays NaN.

        Raises:
            CalibrationError: When a probability lies outside [0, 1], or nothing was fitted yet.
        """
        return self._fitted().calibrate(probability, regimes, sectors)

    def evaluate(self, sample: Sample, *, horizon: int = 1) -> Evaluation:
        """Judge the calibrated probabilities of a sample, which should not be the one it was fitted to.

        Raises:
            CalibrationError: When nothing was fitted yet.
        """
        read = self.calibrate(sample.probability, sample.regimes, sample.sectors)
        return evaluate(sample.restated(read), horizon=horizon)

    def plot(self, sample: Sample, *, horizon: int = 1) -> bytes:
        """Draw the reliability diagram of the calibrated probabilities, a PNG.

        Raises:
            CalibrationError: When nothing was fitted yet.
        """
        return plot(self.evaluate(sample, horizon=horizon), f"Calibration, {self.method.value} map")

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit.

        Raises:
            CalibrationError: When nothing was fitted yet.
        """
        return {"method": self.method.value, "map": self._fitted().to_dict()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON.

        Raises:
            KeyError: When a part is missing.
            ValueError: When the method is not known.
        """
        method = Method(stored["method"])
        return cls(method, STORED[method](stored["map"]))

    def _fitted(self) -> Map:
        if self.map_ is None:
            raise NotFittedError(f"the {self.method.value} calibrator has no map yet: call fit first")
        return self.map_
