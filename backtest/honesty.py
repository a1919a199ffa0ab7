"""Honesty: what a walk-forward was worth, against simple rivals, with its doubts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from backtest.deflation import best_by_luck, detectable
from backtest.ranking import Ranking, annual_sharpe, rank_ics, ranking
from backtest.session_mean import NORMAL_95, SessionMean, session_mean
from backtest.survivorship import Coverage
from forecaster.calibration import Evaluation, evaluate, make_sample
from forecaster.label import came_against
from forecaster.meta_learner import is_up
from forecaster.regime import unpopulated
from forecaster.target import Target
from forecaster.walk_forward import WalkForward
from market.panel import FloatArray

ENOUGH: Final = 800.0
"""Effective outcomes below which a regime's calibration is not judged."""

YEAR: Final = 252


@dataclass(frozen=True, slots=True)
class Rival:
    """One way of forecasting in the comparison.

    Attributes:
        name: What it is.
        ranking: How good its order was; None for what orders nothing.
        right: Share of right directions for the target, sessions as the sample.
        sharpe: Annualised and gross: of the upper against the lower half, or of holding everything.
        long_only: Whether the Sharpe ratio is that of holding everything.
    """

    name: str
    ranking: Ranking | None
    right: SessionMean
    sharpe: float
    long_only: bool = False


@dataclass(frozen=True, slots=True)
class RegimeCalibration:
    """How well stated probabilities came true in one regime.

    Attributes:
        regime: Its name.
        evaluation: As measured.
    """

    regime: str
    evaluation: Evaluation

    @property
    def is_enough(self) -> bool:
        """Whether there are outcomes enough to judge it, and sessions enough to know what they are worth."""
        return self.evaluation.by_session and self.evaluation.effective >= ENOUGH


@dataclass(frozen=True, slots=True)
class SignalScore:
    """What one signal was worth.

    Attributes:
        name: The signal.
        rank_ic: Of what it said.
        weight: Mean share of the weights it had.
    """

    name: str
    rank_ic: SessionMean
    weight: float


@dataclass(frozen=True, slots=True)
class Honesty:
    """The whole report.

    Attributes:
        target: What was forecast.
        horizon: Sessions held.
        first: First session forecast, ISO.
        last: Last session forecast whose outcome is known, ISO.
        tickers: Tickers of the universe.
        sessions: Sessions with resolved forecasts.
        forecasts: Resolved calls.
        no_calls: Forecasts without a call.
        models: Models fitted.
        at_base: Share of the calls that stated the base rate: nothing was believed.
        rivals: The forecaster first.
        log_loss_gain: Nats per forecast gained over the base rate known at the time.
        log_loss_skill: The same as a share of the base rate's log-loss.
        brier_skill: Share of the base rate's Brier score saved.
        pooled: Calibration over everything.
        regimes: Calibration by regime.
        unpopulated: Regimes that hold less than 1 % of the sessions; all where no regime is known.
        signals: What each signal was worth.
        trials: Configurations tried on these data.
        luck: Standard errors that the best of them is expected to show without any edge.
        floor: Lower 95 % bound of the rank IC after deflation.
        detectable_ic: Smallest rank IC that would be found with a power of 80 %.
        detectable_hit: Smallest excess over 50 % of the hit rate, likewise.
        detectable_sharpe: Smallest Sharpe ratio, likewise.
        coverage: Survivorship by year; empty where no membership is known.
        ended: Tickers that ended within the horizon of a call, while others went on.
        cut_short: Those calls.
        delisting: Return that these were judged with; NaN where they were left without an outcome.
        cumulated: Sum of the rank ICs up to each session, for the picture.
    """

    target: Target
    horizon: int
    first: str
    last: str
    tickers: int
    sessions: int
    forecasts: int
    no_calls: int
    models: int
    at_base: float
    rivals: tuple[Rival, ...]
    log_loss_gain: SessionMean
    log_loss_skill: float
    brier_skill: float
    pooled: Evaluation
    regimes: tuple[RegimeCalibration, ...]
    unpopulated: tuple[str, ...]
    signals: tuple[SignalScore, ...]
    trials: int
    luck: float
    floor: float
    detectable_ic: float
    detectable_hit: float
    detectable_sharpe: float
    coverage: tuple[Coverage, ...]
    ended: int
    cut_short: int
    delisting: float
    cumulated: tuple[float, ...]

    @property
    def edge(self) -> bool:
        """Whether an edge is detected: the deflated lower bound of the rank IC lies above 0."""
        return self.floor > 0

    @property
    def ceiling(self) -> float:
        """Upper 95 % bound of the rank IC after deflation; below 0 the leans were wrong."""
        ranking = self.rivals[0].ranking
        assert ranking is not None  # noqa: S101 - the forecaster orders tickers
        return 2.0 * ranking.rank_ic.mean - self.floor

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; NaN is None."""
        found = asdict(self) | {
            "target": self.target.value,
            "edge": self.edge,
            "ceiling": self.ceiling,
        }
        del found["cumulated"]
        for row, regime in zip(found["regimes"], self.regimes, strict=True):
            row["enough"] = regime.is_enough
        for row, year in zip(found["coverage"], self.coverage, strict=True):
            row["share"] = year.share
        cleaned: dict[str, Any] = _without_nan(found)
        return cleaned


def honesty(
    forward: WalkForward,
    returns: FloatArray,
    closes: FloatArray,
    *,
    trials: int = 1,
    coverage: Sequence[Coverage] = (),
    cut: FloatArray | None = None,
    delisting: float | None = None,
) -> Honesty:
    """Judge a walk-forward.

    Args:
        forward: The forecasts with their outcomes.
        returns: Over the horizon, fractions, shape (sessions, tickers); NaN unknown.
        closes: Adjusted closes, the same shape: of these the rival called reversal is made.
        trials: Configurations tried on these data, this one included.
        coverage: Survivorship by year; empty where it is unknown.
        cut: Returns to the last close of tickers that ended within the horizon, as `cut_short` finds them, of
            the same shape; None for none.
        delisting: What comes on top of that close, a fraction; None leaves those forecasts unresolved.

    Raises:
        ValueError: No forecast is resolved.
    """
    history, horizon = forward.history, forward.training.horizon
    called = ~np.isnan(forward.log_odds)
    cut = np.full(returns.shape, np.nan) if cut is None else np.where(called, cut, np.nan)
    came = history.outcomes
    if delisting is not None:
        own = (1.0 + cut) * (1.0 + delisting) - 1.0
        ends = ~np.isnan(cut)
        came = np.where(ends, came_against(own, returns, forward.training.target), came)
        returns = np.where(ends, own, returns)
    outcomes = np.where(called, came, np.nan)
    rows = np.flatnonzero((~np.isnan(outcomes)).any(axis=1))
    if rows.size == 0:
        raise ValueError("no forecast of the walk-forward is resolved; give a longer history")
    outcomes, lean, own = outcomes[rows], forward.lean[rows], returns[rows]
    log_odds = forward.log_odds[rows]
    base = np.array([forward.models[i].base_rate for i in forward.model[rows].tolist()])[:, None]
    gains = _gains(log_odds, base, outcomes)
    judged = _sample(forward, rows, outcomes)
    rivals = _rivals(lean, log_odds, outcomes, own, _reversal(closes)[rows], horizon)
    first = rivals[0].ranking
    assert first is not None  # noqa: S101 - the forecaster orders tickers
    luck = best_by_luck(trials)
    made = forward.model >= 0
    known = ~np.isnan(outcomes)
    return Honesty(
        target=forward.training.target,
        horizon=horizon,
        first=history.sessions[rows[0]].isoformat(),
        last=history.sessions[rows[-1]].isoformat(),
        tickers=int(outcomes.shape[1]),
        sessions=int(rows.size),
        forecasts=int(known.sum()),
        no_calls=int(np.isnan(forward.log_odds[made]).sum()),
        models=len(forward.models),
        at_base=float((log_odds == base)[known].mean()),
        rivals=rivals,
        log_loss_gain=session_mean(np.nanmean(gains, axis=1), horizon),
        log_loss_skill=_share(float(np.nansum(gains)), -float(np.nansum(_told(base, outcomes)))),
        brier_skill=_brier_skill(log_odds, base, outcomes),
        pooled=judged[""],
        regimes=tuple(RegimeCalibration(name, found) for name, found in judged.items() if name),
        unpopulated=unpopulated([history.regimes[row] for row in rows] if history.regimes else ()),
        signals=_signals(forward, rows, own, horizon),
        trials=trials,
        luck=luck,
        floor=first.rank_ic.mean - (NORMAL_95 + luck) * first.rank_ic.error,
        detectable_ic=detectable(first.rank_ic.error),
        detectable_hit=detectable(first.hit_rate.error),
        detectable_sharpe=detectable(math.sqrt(YEAR / rows.size)),
        coverage=tuple(coverage),
        ended=int((~np.isnan(cut)).any(axis=0).sum()),
        cut_short=int((~np.isnan(cut)).sum()),
        delisting=math.nan if delisting is None else delisting,
        cumulated=tuple(np.nancumsum(rank_ics(lean, own)).tolist()),
    )


def _gains(log_odds: FloatArray, base: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Nats gained over the base rate, shape (sessions, tickers); NaN where nothing is resolved."""
    return np.asarray(_told(log_odds, outcomes) - _told(base, outcomes))


def _told(log_odds: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Log of the probability given to what came; NaN where nothing is resolved."""
    stated = np.where(np.isnan(outcomes), 0.0, log_odds)
    return np.asarray(outcomes * stated - np.logaddexp(0.0, stated))


def _share(gained: float, total: float) -> float:
    return gained / total if total > 0 else math.nan


def _brier_skill(log_odds: FloatArray, base: FloatArray, outcomes: FloatArray) -> float:
    usual = float(np.nansum(np.square(expit(base) - outcomes)))
    return _share(usual - float(np.nansum(np.square(expit(log_odds) - outcomes))), usual)


def _sample(forward: WalkForward, rows: NDArray[np.intp], outcomes: FloatArray) -> dict[str, Evaluation]:
    """Calibration of everything under "", and of each regime."""
    horizon, tickers = forward.training.horizon, outcomes.shape[1]
    probability = forward.probability[rows]
    regimes = np.array(forward.history.regimes or ("",) * len(forward.history.sessions))[rows]
    climatology = 0.5 if forward.training.target is Target.RELATIVE else None
    out = {}
    for name in ("", *sorted(set(regimes.tolist()) - {""})):
        here = np.flatnonzero(regimes == name) if name else np.arange(len(rows))
        sample = make_sample(
            probability[here].ravel(), outcomes[here].ravel(), session=np.repeat(rows[here], tickers)
        )
        out[name] = evaluate(sample, horizon=horizon, climatology=climatology)
    return out


def _rivals(
    lean: FloatArray,
    log_odds: FloatArray,
    outcomes: FloatArray,
    returns: FloatArray,
    reversal: FloatArray,
    horizon: int,
) -> tuple[Rival, ...]:
    own, past = (ranking(score, returns, outcomes, horizon) for score in (lean, reversal))
    everything = np.nanmean(np.where(np.isnan(outcomes), np.nan, returns), axis=1)
    up = session_mean(np.nanmean(outcomes, axis=1), horizon)
    held = annual_sharpe(everything, horizon)
    return (
        Rival("this forecaster", own, session_mean(_right(log_odds, lean, outcomes), horizon), own.sharpe),
        Rival("5-day reversal", past, past.hit_rate, past.sharpe),
        Rival("equal weight", None, up, held, long_only=True),
        Rival("always up", None, up, held, long_only=True),
    )


def _right(log_odds: FloatArray, lean: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Each session's share of right directions: by the probability, by the lean where it is one half."""
    up = is_up(log_odds, lean)
    known = ~np.isnan(outcomes)
    right = (known & (up == (outcomes > 0.5))).sum(axis=1)
    return np.asarray(right / np.maximum(known.sum(axis=1), 1))


def _reversal(closes: FloatArray) -> FloatArray:
    """Fallen most over five sessions comes first (Lehmann 1990)."""
    out = np.full(closes.shape, np.nan)
    out[5:] = 1.0 - closes[5:] / closes[:-5]
    return out


def _signals(
    forward: WalkForward, rows: NDArray[np.intp], returns: FloatArray, horizon: int
) -> tuple[SignalScore, ...]:
    out = []
    for i, signal in enumerate(forward.history.signals):
        score = forward.signals[rows, :, i]
        score = np.where(np.isnan(forward.log_odds[rows]), np.nan, score)
        weights = [
            share
            for model in forward.models
            for name, share in zip(model.weights.signals, model.weights.everything, strict=True)
            if name == signal.name
        ]
        out.append(
            SignalScore(
                signal.name,
                session_mean(rank_ics(score, returns), horizon),
                math.fsum(weights) / len(weights) if weights else 0.0,
            )
        )
    return tuple(out)


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return value
