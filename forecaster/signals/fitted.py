"""The fitted signal: a ridge logistic whose penalty its own history sets.

Coefficients start at zero and go one Newton step, from the base rate towards the most probable ones given
outcomes and a normal prior: all it takes are the sums of x x' and of x (y - p0), p0 being the base rate.
A second step would change nothing worth having while probabilities lie within a few points of p0.

Outcomes of one session move together and those of neighbouring ones overlap. How many rows say what one
independent row would is measured by the scores of whole blocks of sessions (Pauli, Racugno and Ventura 2011),
and the prior's spread by how much larger the scores are than chance makes them (le Cessie and van Houwelingen
1995). A signal that says no more than chance keeps a spread so small that it only leans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from forecaster.signals.registry import Signal
from market.panel import FloatArray

LEAST_SPREAD: Final = 0.005
"""Least prior standard deviation of a coefficient, log-odds per unit of rank."""

MOST_SPREAD: Final = 1.0
"""Greatest."""

FLAT: Final = 1e-6
"""Directions of the features that vary by less than this share of the others are left out."""


@dataclass(frozen=True, slots=True)
class FittedSignal:
    """What one signal has learnt; plain numbers.

    Attributes:
        name: The signal.
        features: What it reads.
        coefficients: Log-odds per unit of centred rank.
        spread: Prior standard deviation of a coefficient: the smaller, the stronger the penalty.
        repeats: Rows that say what one independent row would.
        evidence: Mean squared score in units of what chance makes; 1 is chance.
    """

    name: str
    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    spread: float
    repeats: float
    evidence: float


def fit_signals(
    signals: tuple[Signal, ...],
    places: tuple[slice, ...],
    information: FloatArray,
    score: FloatArray,
    blocks: FloatArray,
) -> tuple[FittedSignal, ...]:
    """Fit every signal from sums over the training rows.

    Args:
        signals: The signals.
        places: Where each one's features lie.
        information: Sum of p0 (1 - p0) x x', shape (features, features).
        score: Sum of x (y - p0), shape (features,).
        blocks: The same sum over each of several blocks of sessions, shape (blocks, features).
    """
    return tuple(
        _fit(signal, information[place, place], score[place], blocks[:, place])
        for signal, place in zip(signals, places, strict=True)
    )


def _fit(signal: Signal, information: FloatArray, score: FloatArray, blocks: FloatArray) -> FittedSignal:
    values, vectors = np.linalg.eigh(information)
    kept = values > FLAT * max(float(values[-1]), 1.0)
    if not kept.any():
        return FittedSignal(signal.name, signal.features, (0.0,) * len(signal.features), 0.0, 1.0, 0.0)
    values, vectors = values[kept], vectors[:, kept]
    along, scattered = vectors.T @ score, blocks @ vectors
    repeats = max(1.0, float(np.mean(np.square(scattered).sum(axis=0) / values)))
    squared = float(np.sum(np.square(along) / values)) / repeats
    spread = np.sqrt(max(0.0, squared - values.size) / float(values.sum() / repeats))
    spread = float(np.clip(spread, LEAST_SPREAD, MOST_SPREAD))
    coefficients = vectors @ (along / (values + repeats / spread**2))
    return FittedSignal(
        signal.name,
        signal.features,
        tuple(coefficients.tolist()),
        spread,
        repeats,
        squared / values.size,
    )
