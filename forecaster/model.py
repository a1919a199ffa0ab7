"""The model: a pooled logistic regression on cross-sectional ranks, refitted as history grows.

It forecasts whether a ticker beats the universe's median over the horizon. Ranks within one session make the
features comparable across years and immune to outliers; the penalty keeps confidence near one half unless the
history really speaks. Fitting uses only sessions whose outcome was known at the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

from forecaster.features import MODEL_NAMES
from market.panel import FloatArray

COVERAGE_FLOOR: Final = 0.5
"""Below this share of known features there is no call."""

REASONS_SHOWN: Final = 3


class Direction(StrEnum):
    """Which side of the universe's median is forecast."""

    UP = "up"
    DOWN = "down"
    NO_CALL = "no_call"


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model; plain numbers, so that it can be stored and read back exactly.

    Attributes:
        version: 1, 2, 3... in order of fitting.
        fitted_on: The session at whose close it was fitted.
        train_from: First session of the training rows.
        train_to: Last session of the training rows; its outcome was known at `fitted_on`.
        features: Names of the columns it reads.
        coefficients: Log-odds per unit of centred rank, one per feature.
        intercept: Log-odds of a ticker in the middle of every ranking.
        n: Training rows (ticker-sessions).
        log_loss: In-sample log-loss, nats per row; ln 2 = 0.6931 is no skill.
    """

    version: int
    fitted_on: date
    train_from: date
    train_to: date
    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    n: int
    log_loss: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is believed about one ticker at one close.

    Attributes:
        ticker: The ticker.
        direction: Above or below the universe's median over the horizon, or no call.
        confidence: Probability of the stated direction, in [0.5, 1]; NaN where there is no call.
        probability: Probability of beating the median, in (0, 1); NaN where there is no call.
        log_odds: Intercept plus the sum of the contributions; NaN where there is no call.
        contributions: Log-odds added by each feature, in the model's order.
        reasoning: The largest contributions in words.
    """

    ticker: str
    direction: Direction
    confidence: float
    probability: float
    log_odds: float
    contributions: tuple[float, ...]
    reasoning: str


def centred_ranks(features: FloatArray) -> FloatArray:
    """Rank each feature within one session.

    Args:
        features: Shape (tickers, features); NaN where unknown.

    Returns:
        The same shape, from -0.5 (lowest) to 0.5 (highest), ties sharing their mean rank; NaN stays NaN.
        A single known value ranks 0.
    """
    ranks = pd.DataFrame(features).rank().to_numpy(dtype=np.float64)
    known = (~np.isnan(features)).sum(axis=0)
    return np.asarray((ranks - 1.0) / np.maximum(known - 1.0, 1.0) - np.where(known > 1, 0.5, 0.0))


def fit(
    ranks: FloatArray,
    beat: FloatArray,
    sessions: tuple[date, ...],
    *,
    version: int,
    fitted_on: date,
    penalty: float,
) -> Model:
    """Fit a logistic regression on pooled ticker-sessions.

    Args:
        ranks: Shape (sessions, tickers, features), from `centred_ranks`.
        beat: Shape (sessions, tickers), 1.0, 0.0 or NaN.
        sessions: The training sessions, in order.
        version: The number the model will carry.
        fitted_on: The session at whose close it is fitted.
        penalty: Strength of the ridge penalty on the coefficients, per training row (dimensionless).

    Raises:
        ValueError: Fewer than two outcomes of each kind are known.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second of import time
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    covered = (~np.isnan(ranks)).mean(axis=-1) >= COVERAGE_FLOOR
    rows = covered & ~np.isnan(beat)
    x = np.nan_to_num(ranks[rows], nan=0.0)
    y = beat[rows]
    if min(y.sum(), len(y) - y.sum()) < 2:
        raise ValueError(
            f"model {version}: {int(y.sum())} of {len(y)} outcomes beat the median, need two of each kind"
        )
    with threadpool_limits(limits=1):  # one thread: the same sums in the same order everywhere
        estimator = LogisticRegression(C=1.0 / (penalty * len(y)), tol=1e-8, max_iter=500)
        estimator.fit(x, y)
        log_odds = x @ estimator.coef_[0] + estimator.intercept_[0]
    loss = float(np.mean(np.logaddexp(0.0, np.where(y > 0, -log_odds, log_odds))))
    return Model(
        version=version,
        fitted_on=fitted_on,
        train_from=sessions[0],
        train_to=sessions[-1],
        features=MODEL_NAMES,
        coefficients=tuple(float(c) for c in estimator.coef_[0]),
        intercept=float(estimator.intercept_[0]),
        n=len(y),
        log_loss=loss,
    )


def forecast(model: Model, ranks: FloatArray, universe: tuple[str, ...]) -> tuple[Forecast, ...]:
    """Forecast every ticker of the universe from the newest ranks.

    Args:
        model: The model in use.
        ranks: Shape (tickers, features), the session's `centred_ranks`.
        universe: The tickers, one per row.

    Returns:
        One forecast per ticker; `NO_CALL` where less than half of its features are known.
    """
    coverage = (~np.isnan(ranks)).mean(axis=-1)
    contributions = np.nan_to_num(ranks, nan=0.0) * np.asarray(model.coefficients)
    return tuple(
        _forecast_one(model, ticker, ranks[i], contributions[i], float(coverage[i]))
        for i, ticker in enumerate(universe)
    )


def _forecast_one(
    model: Model, ticker: str, ranks: FloatArray, contributions: FloatArray, coverage: float
) -> Forecast:
    if coverage < COVERAGE_FLOOR:
        nan = float("nan")
        reasoning = f"no call: {coverage:.0%} of the features are known, {COVERAGE_FLOOR:.0%} needed"
        return Forecast(ticker, Direction.NO_CALL, nan, nan, nan, (), reasoning)
    parts = tuple(float(c) for c in contributions)
    log_odds = model.intercept + sum(parts)
    probability = 1.0 / (1.0 + float(np.exp(-log_odds)))
    up = probability >= 0.5
    return Forecast(
        ticker=ticker,
        direction=Direction.UP if up else Direction.DOWN,
        confidence=probability if up else 1.0 - probability,
        probability=probability,
        log_odds=log_odds,
        contributions=parts,
        reasoning=_reason(model, ranks, parts, up=up),
    )


def _reason(model: Model, ranks: FloatArray, contributions: tuple[float, ...], *, up: bool) -> str:
    order = np.argsort(-np.abs(contributions), kind="stable")[:REASONS_SHOWN]
    clauses = [f"{_place(float(ranks[i]))} {model.features[i]} ({contributions[i]:+.3f})" for i in order]
    side = "above" if up else "below"
    return f"{side} the median: " + ", ".join(clauses)


def _place(rank: float) -> str:
    if np.isnan(rank):
        return "unknown"
    if rank > 1 / 6:
        return "high"
    return "low" if rank < -1 / 6 else "middling"


def model_to_dict(model: Model) -> dict[str, Any]:
    """Return the model as JSON-safe values; floats survive the round trip exactly."""
    return {
        "features": list(model.features),
        "coefficients": list(model.coefficients),
        "intercept": model.intercept,
        "n": model.n,
        "log_loss": model.log_loss,
    }
