"""Forecasting: which model speaks, how its calibration is kept, and when another takes its place.

A refit of the same recipe takes over at once, without evidence: it is the same forecaster on newer data.
Another recipe, where the code has changed, waits in the shadow and is held against the model in use: it
takes over on evidence, or after a year in which it was not the worse one. After a person's rollback every
model waits, and evidence alone lets it take over. A candidate that has not done so in a year gives way to a
newer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import expit

from daemon.storage.moves import Action, Move
from forecaster.calibration import Sample, make_sample
from forecaster.calibration.book import CalibrationBook, Decision, step
from forecaster.challenge import Evidence, challenge
from forecaster.forecast import Forecast
from forecaster.meta_learner import combine, combined
from forecaster.model_version import ModelVersion
from forecaster.signals import History
from market.panel import FloatArray

PATIENCE: Final = 252
"""Resolved sessions after which a candidate that was not the worse one takes over, and another gives way."""


def calibrated(champion: ModelVersion, book: CalibrationBook) -> ModelVersion:
    """Return the model as it speaks: its own calibration, and on top the map that its book holds."""
    return replace(champion, calibration=book.live.after(champion.calibration))


def make_forecasts(
    champion: ModelVersion,
    book: CalibrationBook,
    ranks: FloatArray,
    universe: tuple[str, ...],
    regime: str,
    sectors: tuple[str, ...],
) -> tuple[Forecast, ...]:
    """Forecast every ticker from what the model is given; see `forecaster.meta_learner.combine`."""
    return combine(calibrated(champion, book), champion.read(ranks), universe, regime=regime, sectors=sectors)


def opened(champion: ModelVersion) -> CalibrationBook:
    """Open the book of a model that takes over."""
    return CalibrationBook.opened(CalibrationBook().live, horizon=champion.horizon)


def resolve(
    champion: ModelVersion,
    book: CalibrationBook,
    ranks: FloatArray,
    came: FloatArray,
    regime: str,
    sectors: tuple[str, ...],
) -> tuple[CalibrationBook, tuple[Decision, ...]]:
    """Enter the outcomes of one session's forecasts into the model's book.

    Args:
        champion: The model that made them.
        book: Before.
        ranks: That session's, of what the model is given, shape (tickers, features).
        came: The outcomes, shape (tickers,).
        regime: That session's, "" where unknown.
        sectors: Of each ticker; empty where none is known.
    """
    return step(book, _stated(champion, ranks, came, regime, sectors))


def compatible(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether two models forecast the same thing and are given the same features, whichever they read."""
    return (one.target, one.horizon, one.given) == (other.target, other.horizon, other.given)


def succession(champion: ModelVersion | None, fitted: ModelVersion, last: Move | None) -> Action | None:
    """Say how a newly fitted model comes into use; None where it has to wait for evidence.

    Args:
        champion: The model in use.
        fitted: The new one.
        last: How the champion came into use.
    """
    if champion is None or not compatible(champion, fitted):
        return Action.FIRST
    chosen = last is not None and last.action is Action.ROLLBACK
    return Action.RENEW if champion.code_hash == fitted.code_hash and not chosen else None


def judged(
    champion: ModelVersion, candidate: ModelVersion, resolved: History, last: Move | None
) -> tuple[Evidence, bool]:
    """Hold a candidate against the champion; return the evidence, and whether it takes over.

    Args:
        champion: The model in use.
        candidate: The one that waits.
        resolved: Sessions with their outcomes.
        last: How the champion came into use; where a person went back to it, patience counts for nothing.
    """
    evidence = challenge(champion, candidate, resolved)
    chosen = last is not None and last.action is Action.ROLLBACK
    outlasted = not chosen and evidence.sessions >= PATIENCE and evidence.gain >= 0
    return evidence, evidence.promotes or outlasted


def why_promoted(evidence: Evidence) -> str:
    """Say why a candidate that was judged to take over does so."""
    if evidence.promotes:
        return evidence.words
    return (
        f"not the worse one in {evidence.sessions:,} sessions: {evidence.gain:+.2g} nats a forecast, e-value "
        f"{evidence.e_value:.3g} on {evidence.forecasts:,} forecasts"
    )


def _stated(
    champion: ModelVersion, ranks: FloatArray, came: FloatArray, regime: str, sectors: Sequence[str]
) -> Sample:
    found = combined(champion, champion.read(ranks), regime, sectors)
    stated = np.where(found.called, expit(found.log_odds), np.nan)
    return make_sample(stated, came, regimes=(regime,) * len(ranks), sectors=sectors)
