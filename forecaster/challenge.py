"""The challenge: does a newer model forecast better than the one in use? Promotion asks for evidence.

On every session resolved after both were fitted, the challenger bets against the champion: each session
multiplies its wealth by the mean, over tickers, of the probability it gave to what came over the probability
the champion gave. If the champion is right the wealth is a martingale, whatever moves together within a
session, and reaches 20 with a chance of at most 5 % (Ville 1939; Arnold, Henzi and Ziegel 2023). Outcomes
that overlap are dealt into as many lanes as the horizon has sessions, and the lanes are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecaster.meta_learner import combined
from forecaster.model_version import ModelVersion
from forecaster.signals.evidence import History
from market.panel import FloatArray

PROOF: Final = 20.0


class ChallengeError(ValueError):
    """Two models that cannot be held against each other; the text says why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What came of a challenge.

    Attributes:
        e_value: Wealth of the challenger; 1 is none.
        sessions: Resolved sessions that both models forecast out of sample.
        forecasts: Ticker-sessions that both called.
        gain: Nats saved by the challenger, per forecast; NaN without one.
    """

    e_value: float
    sessions: int
    forecasts: int
    gain: float

    @property
    def promotes(self) -> bool:
        """Whether the challenger may take the champion's place."""
        return self.e_value >= PROOF and self.gain > 0

    @property
    def words(self) -> str:
        """The decision and its reason."""
        if not self.forecasts:
            return "stays: no forecast that both made out of sample is resolved yet"
        found = f"e-value {self.e_value:.3g} on {self.forecasts:,} forecasts in {self.sessions:,} sessions"
        if self.promotes:
            return f"promote: {found}, {self.gain:+.2g} nats a forecast"
        return f"stays: {found}; {PROOF:g} and a gain are needed"


def challenge(champion: ModelVersion, challenger: ModelVersion, resolved: History) -> Evidence:
    """Hold a challenger against the champion on what neither was fitted to.

    Args:
        champion: The model in use.
        challenger: The one that asks for its place.
        resolved: Sessions with their outcomes; those up to the later fit are left out, and those whose
            outcome is unknown. Its signals may be more than the models', never fewer.

    Raises:
        ChallengeError: The models forecast different things, or read features that are not there.
    """
    if (champion.target, champion.horizon) != (challenger.target, challenger.horizon):
        raise ChallengeError(
            f"model {champion.version} forecasts {champion.target} over {champion.horizon} sessions, model "
            f"{challenger.version} {challenger.target} over {challenger.horizon}: they cannot be compared"
        )
    names = [name for signal in resolved.signals for name in signal.features]
    columns = {model.version: _columns(model, names) for model in (champion, challenger)}
    after = max(champion.fitted_on, challenger.fitted_on)
    horizon = champion.horizon
    wealth = np.zeros(horizon)
    sessions = forecasts = 0
    saved = 0.0
    for t, day in enumerate(resolved.sessions):
        outcome = resolved.outcomes[t]
        if day <= after or np.isnan(outcome).all():
            continue
        regime = resolved.regimes[t] if resolved.regimes else ""
        told = [
            _told(model, resolved.ranks[t][:, columns[model.version]], regime, resolved.sectors, outcome)
            for model in (champion, challenger)
        ]
        ratio = told[1] - told[0]
        ratio = ratio[~np.isnan(ratio)]
        if ratio.size:
            wealth[sessions % horizon] += math.log(float(np.exp(ratio).mean()))
            sessions, forecasts, saved = sessions + 1, forecasts + ratio.size, saved + float(ratio.sum())
    gain = saved / forecasts if forecasts else math.nan
    return Evidence(float(np.exp(wealth).mean()), sessions, forecasts, gain)


def _columns(model: ModelVersion, names: list[str]) -> list[int]:
    missing = [name for name in model.features if name not in names]
    if missing:
        raise ChallengeError(
            f"model {model.version} reads {', '.join(missing)}, which the resolved sessions do not hold"
        )
    return [names.index(name) for name in model.features]


def _told(
    model: ModelVersion, ranks: FloatArray, regime: str, sectors: tuple[str, ...], outcome: FloatArray
) -> FloatArray:
    """Log of the probability that a model gave to what came; NaN without a call or an outcome."""
    found = combined(model, ranks, regime, sectors)
    log_odds = np.where(found.called, found.log_odds, np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(outcome * log_odds - np.logaddexp(0.0, log_odds))
