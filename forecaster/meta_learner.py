"""The meta-learner: what the signals say, put together into one calibrated forecast with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from forecaster.agreement import COVERAGE_FLOOR, agreed
from forecaster.forecast import BASE_RATE, CALIBRATION, Contribution, Direction, Forecast
from forecaster.model_version import ModelVersion
from forecaster.reasoning import Facts, no_call, reasoning
from forecaster.signals.evidence import feature_places, speaking
from market.panel import FloatArray

ROUNDING: Final = 1e-12
"""Log-odds nearer to 0 than this are even odds."""


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Forecasts of one session as arrays, one row a ticker.

    Attributes:
        names: Of the contributions.
        contributions: Log-odds added by the base rate, each signal and the calibration, shape (tickers,
            signals + 2).
        leans: What each signal would add if the past vouched for it, shape (tickers, signals).
        log_odds: Calibrated, shape (tickers,).
        coverage: Share of the weights that speaks, shape (tickers,).
    """

    names: tuple[str, ...]
    contributions: FloatArray
    leans: FloatArray
    log_odds: FloatArray
    coverage: FloatArray

    @property
    def called(self) -> NDArray[np.bool_]:
        """Where enough is known for a call."""
        return np.asarray(self.coverage >= COVERAGE_FLOOR)


def combined(
    model: ModelVersion, ranks: FloatArray, regime: str = "", sectors: Sequence[str] = ()
) -> Combined:
    """Put together what the signals say of each ticker at one close.

    Args:
        model: The model in use.
        ranks: Centred ranks of `model.features`, shape (tickers, features); NaN where unknown.
        regime: The session's, "" where unknown.
        sectors: Of each ticker, "" where unknown; empty where none is known.
    """
    sectors = sectors or ("",) * len(ranks)
    x, speaks = speaking(ranks, model.signals)
    coefficients = np.array([value for one in model.signals for value in one.coefficients])
    sizes = [len(one.features) for one in model.signals]
    said = np.add.reduceat(x * coefficients, np.concatenate([[0], np.cumsum(sizes)[:-1]]), axis=1)
    names = sorted(set(sectors))
    row = [names.index(sector) for sector in sectors] if len(names) > 1 else [0] * len(ranks)
    weights = model.weights.of(regime, names)[row]
    lines = np.array([model.calibration.line(regime, name) for name in names])[row]
    shift, slope = lines[:, 0], lines[:, 1]
    leans, coverage = agreed(said, weights, speaks, np.array(model.correlation))
    parts = model.strength * leans
    contributions = np.empty((len(ranks), len(sizes) + 2))
    contributions[:, 0] = model.base_rate
    contributions[:, 1:-1] = slope[:, None] * parts
    contributions[:, -1] = shift + (slope - 1.0) * model.base_rate
    return Combined(
        (BASE_RATE, *(one.name for one in model.signals), CALIBRATION),
        contributions,
        leans,
        shift + slope * (model.base_rate + parts.sum(axis=1)),
        coverage,
    )


def combine(
    model: ModelVersion,
    ranks: FloatArray,
    universe: Sequence[str],
    *,
    regime: str = "",
    sectors: Sequence[str] = (),
    facts: Facts | None = None,
) -> tuple[Forecast, ...]:
    """Forecast every ticker of a universe at one close: direction, confidence and reasoning.

    Args:
        model: The model in use.
        ranks: Centred ranks of `model.features`, shape (tickers, features); NaN where unknown.
        universe: The tickers, one per row.
        regime: The session's, "" where unknown.
        sectors: Of each ticker, "" where unknown; empty where none is known.
        facts: Tier and age of the features; exact and of this close where None.

    Returns:
        One forecast per ticker; no call where less than half of the signals, by weight, speak.

    Raises:
        ValueError: The ranks do not fit the model or the universe.
    """
    wanted = (len(universe), len(model.features))
    if ranks.shape != wanted:
        raise ValueError(f"ranks have shape {ranks.shape}, model {model.version} needs {wanted}")
    if not universe:
        return ()
    found = combined(model, ranks, regime, sectors)
    facts = facts or Facts.exact(len(model.features))
    known = (~np.isnan(ranks)).sum(axis=0).tolist()
    probability = expit(found.log_odds).tolist()
    total = found.leans.sum(axis=1)
    rows = zip(
        universe,
        found.called.tolist(),
        is_up(found.log_odds, total).tolist(),
        total.tolist(),
        probability,
        found.log_odds.tolist(),
        found.coverage.tolist(),
        found.contributions.tolist(),
        found.leans.tolist(),
        _leading(model, ranks).tolist(),
        ranks.tolist(),
        strict=True,
    )
    out = []
    for ticker, called, up, lean, p, log_odds, coverage, parts, leans, leading, own in rows:
        if not called:
            out.append(_no_call(ticker, coverage, regime))
            continue
        contributions = (
            Contribution(BASE_RATE, parts[0]),
            *map(Contribution, found.names[1:-1], parts[1:-1], leans),
            Contribution(CALIBRATION, parts[-1]),
        )
        out.append(
            Forecast(
                ticker=ticker,
                direction=Direction.UP if up else Direction.DOWN,
                confidence=p if up else 1.0 - p,
                probability=p,
                log_odds=log_odds,
                lean=lean,
                contributions=contributions,
                reasoning=reasoning(model, contributions, leading, own, known, p, facts, up=up),
                coverage=coverage,
                regime=regime,
            )
        )
    return tuple(out)


def _leading(model: ModelVersion, ranks: FloatArray) -> NDArray[np.intp]:
    """Place of the known feature that weighs most in each signal, shape (tickers, signals)."""
    coefficients = np.array([value for one in model.signals for value in one.coefficients])
    pulls = np.where(np.isnan(ranks), -1.0, np.abs(ranks * coefficients))
    places = feature_places(model.signals)
    return np.stack([place.start + pulls[:, place].argmax(axis=1) for place in places], axis=1)


def is_up(log_odds: FloatArray, lean: FloatArray) -> NDArray[np.bool_]:
    """Return where the direction is up: by the probability, and by the lean where that is one half."""
    return np.asarray(np.where(np.abs(log_odds) > ROUNDING, log_odds > 0, lean >= 0), np.bool_)


def _no_call(ticker: str, coverage: float, regime: str) -> Forecast:
    nan = float("nan")
    words = no_call(coverage, COVERAGE_FLOOR)
    return Forecast(ticker, Direction.NO_CALL, nan, nan, nan, nan, (), words, coverage, regime)
