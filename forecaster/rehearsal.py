"""The rehearsal: a walk-forward inside a training window, from which a model learns what to believe.

At each of several cuts the signals are fitted to what was resolved there, and forecast the sessions up to the
next cut. What came of those forecasts, none of them in sample, gives the weights, the strength and the
calibration map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from forecaster.agreement import COVERAGE_FLOOR, agreed, correlations
from forecaster.calibration.platt import AS_STATED, PlattMap, fit_platt
from forecaster.calibration.sample import Sample, make_sample
from forecaster.signals.evidence import Evidence
from forecaster.signals.fitted import FittedSignal, fit_signals
from forecaster.target import Target
from forecaster.weights import WeightState, mixed, start, week
from market.panel import FloatArray

if TYPE_CHECKING:
    from forecaster.training import Training

MOST_STRENGTH: Final = 3.0
TRIED_ON: Final = 1 / 3
"""Newest share of the resolved forecasts on which a calibration map must prove itself."""

LIMIT: Final = 20.0
"""Wealth that is proof enough."""

TUNED_FOR: Final = 50
"""Blocks of sessions at which the lower bound of the strength is tightest."""

TUNED: Final = 8.0
"""What makes it so at 5 %."""

RAREST: Final = 0.01
"""A target is taken to come in no smaller share of the rows, and to fail in no smaller one."""


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """What was forecast inside a training window, in S sessions, of T tickers, by N signals.

    Attributes:
        told: The sessions forecast out of sample.
        leans: Log-odds of each signal above the base rate, shape (S, T, N).
        repeats: Rows that say what one independent row would, by signal, shape (S, N).
        base: Log-odds of the base rate, shape (S,).
        rate: The same as a probability, shape (S,).
        correlation: Of the signals, one matrix a cut.
        cuts: First session of each cut, and S.
        training: How the model is fitted.
    """

    told: Evidence
    leans: FloatArray
    repeats: FloatArray
    base: FloatArray
    rate: FloatArray
    correlation: list[FloatArray]
    cuts: list[int]
    training: Training

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where an outcome is known, shape (S, T)."""
        return ~np.isnan(self.told.outcomes)

    @property
    def missed(self) -> FloatArray:
        """Outcome less the base rate, 0 where unknown, shape (S, T)."""
        return np.where(self.known, np.nan_to_num(self.told.outcomes) - self.rate[:, None], 0.0)

    @property
    def variance(self) -> FloatArray:
        """p0 (1 - p0) where an outcome is known, else 0, shape (S, T)."""
        return self.known * (self.rate * (1.0 - self.rate))[:, None]

    def combined(self) -> tuple[WeightState, FloatArray, FloatArray]:
        """Return the weights after the last week, and each row's lean and coverage under dropout.

        A week's weights rest on the weeks before the last one: the last one was not resolved when it began.
        """
        told, horizon = self.told, self.training.horizon
        regimes, sectors = len(told.regime_names), len(told.sector_names)
        weights = np.empty(self.leans.shape)
        state = start(1 + regimes + sectors, len(told.signals))
        offset = len(told.sessions) % horizon
        weights[:offset] = mixed(state, told.regimes[:offset], told.sectors, regimes)
        waiting = state
        for at, gained, seen in self._weeks(offset):
            now = slice(at, at + horizon)
            weights[now] = mixed(waiting, told.regimes[now], told.sectors, regimes)
            waiting, state = state, week(state, gained, seen)
        leans, coverage = np.empty(told.outcomes.shape), np.empty(told.outcomes.shape)
        speaks = told.present & told.heard[:, None, :]
        for correlation, (start_, stop) in zip(self.correlation, pairwise(self.cuts), strict=True):
            here = slice(start_, stop)
            parts, coverage[here] = agreed(self.leans[here], weights[here], speaks[here], correlation)
            leans[here] = parts.sum(axis=-1)
        return state, leans, coverage

    def _weeks(self, offset: int) -> list[tuple[int, FloatArray, FloatArray]]:
        """First session of each week, nats gained in it and the share of it that was seen, row by row."""
        told, horizon = self.told, self.training.horizon
        curve = 0.5 * self.variance[..., None] * np.square(self.leans)
        gained = (self.missed[..., None] * self.leans - curve) / self.repeats[:, None]
        member = told.sectors[:, None] == np.arange(len(told.sector_names))
        by_sector = np.matmul(member.T.astype(float), gained)
        in_regime = (told.regimes[:, None] == np.arange(len(told.regime_names))).astype(float)
        overall = gained.sum(axis=1)
        by_regime = in_regime[:, :, None] * overall[:, None]
        rows = np.concatenate([overall[:, None], by_regime, by_sector], axis=1)[offset:]
        in_sector = np.repeat(member.any(axis=0)[None].astype(float), len(told.sessions), axis=0)
        seen = np.concatenate([np.ones((len(told.sessions), 1)), in_regime, in_sector], axis=1)[offset:]
        weeks = len(rows) // horizon
        totals = rows.reshape(weeks, horizon, *rows.shape[1:]).sum(axis=1)
        shares = seen.reshape(weeks, horizon, -1).mean(axis=1)
        return [(offset + i * horizon, totals[i], shares[i]) for i in range(weeks)]

    def strength(self, leans: FloatArray) -> tuple[float, float, float]:
        """Return what the leans are multiplied by, the slope that was found and its standard error."""
        said = (self.missed * leans).sum(axis=1)
        curve = (self.variance * leans * leans).sum(axis=1)
        total = float(curve.sum())
        if total <= 0:
            return self.training.least_strength, math.nan, math.nan
        slope = float(said.sum()) / total
        span = 2 * self.training.horizon
        whole = len(said) // span * span
        left = (said - slope * curve)[len(said) - whole :].reshape(-1, span).sum(axis=1)
        error = math.sqrt(float(left @ left) * len(left) / max(len(left) - 1, 1)) / total
        believed = slope - _errors_off(len(left), self.training.doubt) * error
        return min(max(believed, self.training.least_strength), MOST_STRENGTH), slope, error

    def calibrated(self, stated: FloatArray, coverage: FloatArray) -> PlattMap:
        """Return a map fitted to the resolved forecasts, if one fitted to the older of them bet well later.

        The older one bets against what was stated, on the newest third and with outcomes that do not overlap:
        a session multiplies its wealth by the mean ratio of the probabilities that both gave to what came. A
        wealth of 20 is reached by chance in at most 5 % (Ville 1939), whatever holds within a session.
        """
        taken = np.arange(len(stated) - 1, -1, -self.training.horizon)[::-1]
        split = len(taken) - round(TRIED_ON * len(taken))
        candidate = fit_platt(self._sample(stated, coverage, taken[:split]))
        tried = self._sample(stated, coverage, taken[split:])
        ratio = _given(candidate, tried) / _given(AS_STATED, tried)
        _, session, rows = np.unique(tried.session, return_inverse=True, return_counts=True)
        wealth = np.cumsum(np.log(np.bincount(session, ratio, rows.size) / rows))
        if float(wealth.max(initial=0.0)) < math.log(LIMIT):
            return AS_STATED
        return fit_platt(self._sample(stated, coverage, taken))

    def _sample(self, stated: FloatArray, coverage: FloatArray, taken: NDArray[np.intp]) -> Sample:
        told, tickers = self.told, stated.shape[1]
        named = [*told.regime_names, ""]
        sectors = [[*told.sector_names, ""][code] for code in told.sectors.tolist()]
        return make_sample(
            np.where(coverage[taken] >= COVERAGE_FLOOR, expit(stated[taken]), np.nan).ravel(),
            told.outcomes[taken].ravel(),
            session=np.repeat(taken, tickers),
            regimes=[named[code] for code in told.regimes[taken].tolist() for _ in range(tickers)],
            sectors=sectors * len(taken),
        )

    def gain(self, stated: FloatArray) -> float:
        """Return nats per forecast gained over the base rate."""
        n = int(self.known.sum())
        if n == 0:
            return math.nan
        base = self.base[:, None]
        outcome = np.nan_to_num(self.told.outcomes)
        gained = outcome * (stated - base) - np.logaddexp(0.0, stated) + np.logaddexp(0.0, base)
        return float(gained[self.known].sum()) / n


def rehearse(told: Evidence, training: Training) -> Rehearsal:
    """Walk forward through a training window.

    Args:
        told: Its resolved sessions.
        training: How the model is fitted.
    """
    n = len(told.sessions)
    first = max(n // 3, training.purge + 2 * training.horizon)
    cuts = [*range(first, n, training.every), n]
    leans = np.zeros((n - first, *told.present.shape[1:]))
    repeats, rate = np.ones((n - first, leans.shape[-1])), np.empty(n - first)
    starts = [place.start for place in told.places]
    correlation = []
    gram, added = np.zeros(told.grams.shape[1:]), 0
    for start_, stop in pairwise(cuts):
        known = start_ - training.purge
        base = base_rate(told.between(0, known), training.target)
        gram, added = gram + told.grams[added:known].sum(axis=0), known
        signals, coefficients = fitted(told, gram, known, base, training.horizon)
        here = slice(start_ - first, stop - first)
        own = coefficients.sum(axis=1)  # a feature belongs to one signal
        leans[here] = np.add.reduceat(told.x[start_:stop] * own, starts, axis=2)
        repeats[here], rate[here] = [signal.repeats for signal in signals], base
        correlation.append(correlations(coefficients, gram))
    return Rehearsal(
        told.between(first, n),
        leans,
        repeats,
        np.log(rate / (1.0 - rate)),
        rate,
        correlation,
        [cut - first for cut in cuts],
        training,
    )


def base_rate(told: Evidence, target: Target) -> float:
    """Return how often the target comes where nothing else is known.

    Half of a universe beats its median by definition; how often prices rise must be counted.
    """
    resolved = float(told.resolved.sum())
    if target is Target.RELATIVE or resolved == 0:
        return 0.5
    return min(max(float(told.hits.sum()) / resolved, RAREST), 1.0 - RAREST)


def fitted(
    told: Evidence, gram: FloatArray, n: int, base: float, horizon: int
) -> tuple[tuple[FittedSignal, ...], FloatArray]:
    """Fit the signals to the first sessions of a history.

    Args:
        told: The history.
        gram: Sum of the grams of those sessions.
        n: How many they are.
        base: The base rate, a probability.
        horizon: Sessions an outcome spans.

    Returns:
        The signals, and their coefficients as one matrix of shape (features, signals).
    """
    score = told.products[:n] - base * told.sums[:n]
    span = 2 * horizon
    whole = n // span * span
    blocks = score[n - whole :].reshape(-1, span, score.shape[1]).sum(axis=1)
    information = base * (1.0 - base) * gram
    signals = fit_signals(told.signals, told.places, information, score.sum(axis=0), blocks)
    coefficients = np.zeros((score.shape[1], len(signals)))
    for column, (place, signal) in enumerate(zip(told.places, signals, strict=True)):
        coefficients[place, column] = signal.coefficients
    return signals, coefficients


def _errors_off(n: int, doubt: float) -> float:
    """Standard errors between a mean of n values and a lower bound that holds at every n at once.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), one-sided: a
    model is fitted again and again, and a bound for one look would be passed by chance sooner or later.
    """
    mass = max(n, 1) * TUNED / TUNED_FOR
    return math.sqrt(2.0 * (1.0 + 1.0 / mass) * math.log(math.sqrt(mass + 1.0) / (2.0 * min(doubt, 0.5))))


def _given(map_: PlattMap, sample: Sample) -> FloatArray:
    """Probability that a map gave to what came."""
    read = map_.calibrate(sample.probability, sample.regimes, sample.sectors)
    return np.where(sample.outcome > 0.5, read, 1.0 - read)
