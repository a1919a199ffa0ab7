"""The model version: everything a forecast needs, as plain values, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Self

import numpy as np

from forecaster.calibration.platt import PlattMap
from forecaster.signals.fitted import FittedSignal
from forecaster.target import Target
from forecaster.weights import Weights
from market.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the purged walk-forward inside the training window measured.

    Attributes:
        rows: Ticker-sessions that the signals were fitted to.
        resolved: Ticker-sessions forecast out of sample, on which everything else was learnt.
        slope: By how much leans had to be multiplied to come true; 1 as leant, 0 no skill.
        slope_error: Its standard error, by blocks of sessions.
        log_loss_gain: Nats per forecast that the stated probabilities would have gained over the base rate.
    """

    rows: int
    resolved: int
    slope: float
    slope_error: float
    log_loss_gain: float


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A fitted model; plain values, so that it is stored and read back exactly.

    Attributes:
        version: 1, 2, 3... in order of fitting.
        fitted_on: The session at whose close it was fitted.
        train_from: First session of the training rows.
        train_to: Last session of the training rows; its outcome was known at `fitted_on`.
        horizon: Sessions from entry to exit.
        target: What its probability is of.
        given: Names of the features whose ranks it is handed, in their order; those of a signal that was
            silent in training are not among the ones that it reads.
        base_rate: Log-odds of the target where nothing else is known.
        signals: What each signal has learnt.
        weights: How much each is believed.
        correlation: Of the signals' log-odds with one another, a row for each signal.
        strength: By how much leans are multiplied: the least that the past walk-forward vouches for.
        calibration: Read on top of that.
        metrics: What the walk-forward inside the training window measured.
        data_hash: SHA-256 of the training rows.
        code_hash: SHA-256 of the forecaster's sources.
    """

    version: int
    fitted_on: date
    train_from: date
    train_to: date
    horizon: int
    target: Target
    given: tuple[str, ...]
    base_rate: float
    signals: tuple[FittedSignal, ...]
    weights: Weights
    correlation: tuple[tuple[float, ...], ...]
    strength: float
    calibration: PlattMap
    metrics: Metrics
    data_hash: str
    code_hash: str

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features it reads, signal by signal."""
        return tuple(name for signal in self.signals for name in signal.features)

    def read(self, ranks: FloatArray) -> FloatArray:
        """Return the ranks of its `features` out of those that it is given, along the last axis."""
        if self.features == self.given:
            return ranks
        return np.asarray(ranks[..., [self.given.index(name) for name in self.features]])

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {
            "fitted_on": self.fitted_on.isoformat(),
            "train_from": self.train_from.isoformat(),
            "train_to": self.train_to.isoformat(),
            "target": self.target.value,
            "given": list(self.given),
            "signals": [asdict(signal) for signal in self.signals],
            "weights": self.weights.to_dict(),
            "correlation": [list(row) for row in self.correlation],
            "calibration": self.calibration.to_dict(),
            "metrics": {
                name: None if isinstance(value, float) and math.isnan(value) else value
                for name, value in asdict(self.metrics).items()
            },
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON.

        Raises:
            KeyError: When a part is missing; where `given` is, it was given what it reads.
            TypeError: When a name is not known.
        """
        signals = tuple(
            FittedSignal(
                **signal
                | {"features": tuple(signal["features"]), "coefficients": tuple(signal["coefficients"])}
            )
            for signal in stored["signals"]
        )
        known: dict[str, Any] = {
            name: math.nan if value is None else value for name, value in stored["metrics"].items()
        }
        kept: dict[str, Any] = dict(stored) | {
            "fitted_on": date.fromisoformat(stored["fitted_on"]),
            "train_from": date.fromisoformat(stored["train_from"]),
            "train_to": date.fromisoformat(stored["train_to"]),
            "target": Target(stored["target"]),
            "given": tuple(stored.get("given", (name for one in signals for name in one.features))),
            "signals": signals,
            "weights": Weights.from_dict(stored["weights"]),
            "correlation": tuple(tuple(row) for row in stored["correlation"]),
            "calibration": PlattMap.from_dict(stored["calibration"]),
            "metrics": Metrics(**known),
        }
        return cls(**kept)
