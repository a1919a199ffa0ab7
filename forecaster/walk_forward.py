"""The walk-forward: what the daemon would have forecast, refitted month by month.

At each refit a model is fitted to what was resolved by then, and forecasts every session up to the next one
from that session's ranks alone. It is the daemon's own `fit` and `combined`, one session after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from forecaster.meta_learner import combined
from forecaster.model_version import ModelVersion
from forecaster.signals.evidence import Evidence, History, gather
from forecaster.training import Training, TrainingError, fit_evidence
from market.panel import FloatArray

MONTH: Final = 21


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """What was forecast, one row a session of the history; NaN before the first model.

    Attributes:
        history: What it was made from.
        training: How the models were fitted.
        models: In order.
        model: Place of each session's model in `models`, -1 before the first, shape (sessions,).
        names: Of the contributions, over all models.
        contributions: Shape (sessions, tickers, names); NaN where there is no call, 0 for a signal that the
            model does not have.
        log_odds: Shape (sessions, tickers); NaN where there is no call.
        lean: Log-odds above the base rate before they are believed or not, the same shape.
        signals: What each signal alone would add, shape (sessions, tickers, signals of the history).
        coverage: Share of the weights that speaks, shape (sessions, tickers).
    """

    history: History
    training: Training
    models: tuple[ModelVersion, ...]
    model: NDArray[np.intp]
    names: tuple[str, ...]
    contributions: FloatArray
    log_odds: FloatArray
    lean: FloatArray
    signals: FloatArray
    coverage: FloatArray

    @property
    def probability(self) -> FloatArray:
        """Of the target, shape (sessions, tickers); NaN where there is no call."""
        return np.asarray(expit(self.log_odds))


def walk_forward(
    history: History,
    *,
    training: Training | None = None,
    every: int = MONTH,
    least: int = 252,
    tell: Callable[[int, int], None] | None = None,
) -> WalkForward:
    """Refit and forecast through a history.

    Args:
        history: Every session, outcomes included: each fit reads those that were known at its close.
        training: How models are fitted; the defaults where None.
        every: Sessions between two fits.
        least: Resolved sessions before the first fit, if not more are needed.
        tell: Called with (sessions done, sessions) after each fit.

    Raises:
        TrainingError: No model can be fitted within the history.
    """
    training = training or Training()
    n, tickers = history.outcomes.shape
    names = ("base_rate", *(signal.name for signal in history.signals), "calibration")
    log_odds, lean = np.full((n, tickers), np.nan), np.full((n, tickers), np.nan)
    coverage = np.full((n, tickers), np.nan)
    contributions = np.full((n, tickers, len(names)), np.nan)
    signals = np.full((n, tickers, len(history.signals)), np.nan)
    models: list[ModelVersion] = []
    place = np.full(n, -1, np.intp)
    first = max(least, training.least) + training.purge - 1
    if first >= n:
        raise TrainingError(f"{n} sessions: the first fit needs {first + 1}; give a longer history")
    with threadpool_limits(limits=1):
        evidence = gather(history, seed=training.seed)
        for start in range(first, n, every):
            stop = min(start + every, n)
            model = _fitted(evidence, start, len(models) + 1, training)
            models.append(model)
            parts = [names.index(name) for name in ("base_rate", *model.weights.signals, "calibration")]
            for t in range(start, stop):
                regime = history.regimes[t] if history.regimes else ""
                found = combined(model, model.read(history.ranks[t]), regime, history.sectors)
                called = found.called
                log_odds[t] = np.where(called, found.log_odds, np.nan)
                lean[t] = np.where(called, found.leans.sum(axis=1), np.nan)
                contributions[t] = np.where(called[:, None], 0.0, np.nan)
                contributions[t][:, parts] += found.contributions
                signals[t][:, [i - 1 for i in parts[1:-1]]] = found.leans
                coverage[t], place[t] = found.coverage, len(models) - 1
            if tell:
                tell(stop, n)
    return WalkForward(
        history,
        training,
        tuple(models),
        place,
        names,
        contributions,
        log_odds,
        lean,
        signals,
        coverage,
    )


def _fitted(evidence: Evidence, at: int, version: int, training: Training) -> ModelVersion:
    """Fit at the close of a session from no more sessions than the fit reads."""
    needed = training.sessions + training.purge if training.sessions else at + 1
    start = max(0, at + 1 - needed)
    return fit_evidence(evidence.between(start, at + 1), version=version, training=training)
