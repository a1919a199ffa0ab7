"""The sample: stated probabilities beside what came, and where and when each was stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from market.panel import FloatArray

Labels = tuple[str, ...]

SUREST: Final = 1e-6
"""A stated probability nearer to 0 or 1 counts as this far away: its log-odds stay finite."""


class CalibrationError(ValueError):
    """A sample or a map that cannot be used; the message says which value, what is allowed, and the fix."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Resolved forecasts, made by `make_sample`.

    Attributes:
        probability: As stated, in [0, 1], shape (n,), without NaN.
        outcome: 1.0 came true, 0.0 did not, shape (n,).
        session: When each was stated, as a number that grows with time, shape (n,).
        regimes: Regime of each, "" where unknown; empty where none is known.
        sectors: Sector of each, likewise.
        weight: How many independent outcomes each row counts for, shape (n,), positive.
    """

    probability: FloatArray
    outcome: FloatArray
    session: NDArray[np.int64]
    regimes: Labels
    sectors: Labels
    weight: FloatArray

    def __len__(self) -> int:
        return int(self.probability.size)

    def restated(self, probability: FloatArray) -> Sample:
        """The same forecasts with other probabilities, shape (n,)."""
        return replace(self, probability=probability)


def make_sample(
    probability: ArrayLike,
    outcome: ArrayLike,
    *,
    session: ArrayLike | None = None,
    regimes: Sequence[str] = (),
    sectors: Sequence[str] = (),
    weight: ArrayLike | None = None,
) -> Sample:
    """Check and gather resolved forecasts; rows whose probability or outcome is NaN are left out.

    Args:
        probability: Stated, in [0, 1] or NaN, shape (n,).
        outcome: 0, 1 or NaN, shape (n,).
        session: Number of the session each was stated in; None where every one stands for itself.
        regimes: Regime of each, "" where unknown; empty where none is known.
        sectors: Sector of each, likewise.
        weight: Independent outcomes each counts for, as 1 / horizon where labels overlap; None for 1.

    Raises:
        CalibrationError: When something does not pair up or lies outside what is allowed.
    """
    stated, came = np.asarray(probability, np.float64), np.asarray(outcome, np.float64)
    n = stated.size
    moments = np.arange(n) if session is None else np.asarray(session)
    counted = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    if stated.ndim != 1 or came.shape != stated.shape:
        raise CalibrationError(
            f"probability {stated.shape} and outcome {came.shape} must be two arrays of one length"
        )
    for name, got in (("session", moments.size), ("weight", counted.size)):
        if got != n:
            raise CalibrationError(f"{name} has {got} values for {n} forecasts: one for each is needed")
    for name, given in (("regimes", regimes), ("sectors", sectors)):
        if len(given) not in {0, n}:
            raise CalibrationError(f"{name} has {len(given)} labels for {n} forecasts: one for each, or none")
    known = ~np.isnan(stated) & ~np.isnan(came)
    _refuse("probability", stated, known & ~((stated >= 0) & (stated <= 1)), "state it in [0, 1]")
    _refuse("outcome", came, known & ~np.isin(came, (0.0, 1.0)), "give 0, 1 or NaN")
    _refuse("weight", counted, known & ~((counted > 0) & np.isfinite(counted)), "give a positive number")
    return Sample(
        stated[known],
        came[known],
        moments[known].astype(np.int64),
        _kept(regimes, known),
        _kept(sectors, known),
        counted[known],
    )


def log_odds(probability: FloatArray) -> FloatArray:
    """Log-odds, ln p / (1 - p), of probabilities in [0, 1], at most 13.8 in size; NaN stays NaN.

    Raises:
        CalibrationError: When one lies outside [0, 1].
    """
    wrong = (probability < 0) | (probability > 1)
    _refuse("probability", probability, wrong, "state it in [0, 1]")
    return np.asarray(logit(np.clip(probability, SUREST, 1 - SUREST)))


def _refuse(name: str, values: FloatArray, wrong: NDArray[np.bool_], fix: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        more = int(wrong.sum()) - 1
        raise CalibrationError(f"{name} of row {row} is {values[row]:g} ({more} more like it): {fix}")


def _kept(labels: Sequence[str], known: NDArray[np.bool_]) -> Labels:
    if known.all():
        return tuple(labels)
    return tuple(label for label, kept in zip(labels, known.tolist(), strict=True) if kept) if labels else ()
