"""The training: a history in, a model version out.

The signals are fitted to the whole window. Everything that says how far to believe them - weights, strength,
calibration - is learnt from a walk-forward inside the window: at each of several cuts the signals are fitted
to what was resolved there, and forecast the sessions up to the next cut. Nothing of that is in sample, and no
label is read whose outcome was not known at the fit: the last horizon + 1 sessions have none.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

from threadpoolctl import threadpool_limits

from forecaster.agreement import correlations
from forecaster.code_hash import code_hash
from forecaster.model_version import Metrics, ModelVersion
from forecaster.rehearsal import base_rate, fitted, rehearse
from forecaster.signals.evidence import Evidence, History, gather
from forecaster.target import Target
from forecaster.weights import published

LEAST_SESSIONS: Final = 40
LEAST_SPOKEN: Final = 0.05
"""A signal that speaks in a smaller share of the training rows is left out of the model."""


class TrainingError(ValueError):
    """A history that no model can be fitted to; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is fitted.

    Attributes:
        horizon: Sessions from entry to exit of a forecast.
        target: What the probability is of.
        sessions: Newest resolved sessions it is fitted to; 0 takes all there are.
        every: Sessions between two cuts of the walk-forward inside the window.
        doubt: Chance that skill is ever believed in where there is none, at any of the fits, in (0, 1).
        least_strength: Least multiplier of the leans, whatever the evidence; 0 states the base rate where
            there is none.
        seed: Of the signals' dropout.
    """

    horizon: int = 5
    target: Target = Target.RELATIVE
    sessions: int = 756
    every: int = 21
    doubt: float = 0.05
    least_strength: float = 0.0
    seed: int = 20261122

    @property
    def purge(self) -> int:
        """Newest sessions whose outcome is not known at a close."""
        return self.horizon + 1

    @property
    def least(self) -> int:
        """Fewest resolved sessions that a model can be fitted to."""
        return max(LEAST_SESSIONS, 2 * (self.purge + 2 * self.horizon))


def fit(history: History, *, version: int, training: Training | None = None) -> ModelVersion:
    """Fit a model at the close of a history's newest session; pure and deterministic.

    Args:
        history: Labels of its last `training.purge` sessions are not read.
        version: The number the model will carry.
        training: How; the defaults where None.

    Raises:
        TrainingError: Too few sessions are resolved, or all outcomes are the same.
    """
    training = training or Training()
    with threadpool_limits(limits=1):  # one thread: the same sums in the same order everywhere
        return fit_evidence(gather(history, seed=training.seed), version=version, training=training)


def fit_evidence(evidence: Evidence, *, version: int, training: Training) -> ModelVersion:
    """Fit as `fit` does, from the sums of a history that were formed before."""
    fitted_on = evidence.sessions[-1]
    resolved = len(evidence.sessions) - training.purge
    first = max(0, resolved - training.sessions) if training.sessions else 0
    told = evidence.between(first, max(first, resolved))
    _check(told, version, training)
    given = tuple(name for signal in told.signals for name in signal.features)
    told = told.heard_of(LEAST_SPOKEN)
    if not told.signals:
        raise TrainingError(
            f"model {version}: no signal speaks in {LEAST_SPOKEN:.0%} of the training rows; give more data"
        )
    base = base_rate(told, training.target)
    gram = told.grams.sum(axis=0)
    signals, coefficients = fitted(told, gram, len(told.sessions), base, training.horizon)
    past = rehearse(told, training)
    state, leans, coverage = past.combined()
    strength, slope, error = past.strength(leans)
    stated = past.base[:, None] + strength * leans
    calibration = past.calibrated(stated, coverage)
    return ModelVersion(
        version=version,
        fitted_on=fitted_on,
        train_from=told.sessions[0],
        train_to=told.sessions[-1],
        horizon=training.horizon,
        target=training.target,
        given=given,
        base_rate=math.log(base / (1.0 - base)),
        signals=signals,
        weights=published(state, [one.name for one in told.signals], told.regime_names, told.sector_names),
        correlation=tuple(tuple(row) for row in correlations(coefficients, gram).tolist()),
        strength=strength,
        calibration=calibration,
        metrics=Metrics(
            rows=int(told.resolved.sum()),
            resolved=int(past.known.sum()),
            slope=slope,
            slope_error=error,
            log_loss_gain=past.gain(stated),
        ),
        data_hash=hashlib.sha256(b"".join(told.digests)).hexdigest(),
        code_hash=code_hash(),
    )


def _check(told: Evidence, version: int, training: Training) -> None:
    n = int((told.resolved > 0).sum())
    if n < training.least <= len(told.sessions):
        raise TrainingError(
            f"model {version}: of {len(told.sessions)} sessions {n} have an outcome, {training.least} are "
            "needed; tickers whose prices never move, or move as one, decide none"
        )
    if n < training.least:
        raise TrainingError(
            f"model {version}: {n} sessions are resolved, {training.least} are needed; give a longer history"
        )
    hits, rows = float(told.hits.sum()), float(told.resolved.sum())
    if not 0 < hits < rows:
        raise TrainingError(
            f"model {version}: all {rows:.0f} outcomes are {'hits' if hits else 'misses'}, both are needed"
        )
