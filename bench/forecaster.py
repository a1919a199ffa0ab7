"""Forecasting the newest session: arrays over all tickers, against a loop that a person would write down."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
from scipy.special import logit

from bench.timing import Row, compare
from forecaster.features import feature_matrix
from forecaster.meta_learner import combine
from forecaster.model_version import ModelVersion
from forecaster.ranks import centred_ranks
from forecaster.signals import SIGNALS, History, features_of
from forecaster.training import Training, fit
from forecaster.window import Window
from market.panel import FloatArray
from tests.forecaster.history import simulated
from tests.forecaster.planted import FIRST

TICKERS, SESSIONS, TRAINED = 100, 400, 300
FEATURES = features_of(SIGNALS)


def rows() -> list[Row]:
    """Measure."""
    many, one = simulated(TICKERS, SESSIONS), simulated(1, SESSIONS)
    counted = f"{len(FEATURES)} features of {len(SIGNALS)} signals"
    return [
        compare(
            f"features to forecasts with reasons, newest session of {TICKERS} tickers; {counted}",
            lambda: _forecast(many),
            "the same features; pandas ranks, a loop over tickers and signals, no words",
            lambda: _naive(many),
            goal_ms=50,
            within=1e-9,
        ),
        compare(
            "the same of a universe of one ticker",
            lambda: _forecast(one),
            "likewise",
            lambda: _naive(one),
            goal_ms=5,
            within=1e-9,
        ),
    ]


@cache
def _model() -> ModelVersion:
    """Fitted to outcomes that follow the features, so that every part of a forecast has something to do."""
    rng = np.random.default_rng(1)
    ranks = np.asarray(centred_ranks(rng.standard_normal((TRAINED, 40, len(FEATURES)))))
    said = ranks @ rng.normal(0.0, 0.4, len(FEATURES))
    outcomes = (rng.random(said.shape) < 1.0 / (1.0 + np.exp(-said))).astype(float)
    days = tuple(day.date() for day in pd.date_range(FIRST, periods=TRAINED))
    return fit(History(days, ranks, outcomes, SIGNALS), version=1, training=Training(horizon=1))


def _forecast(window: Window) -> FloatArray:
    ranks = centred_ranks(feature_matrix(window, FEATURES))
    universe = tuple(f"T{i}" for i in range(window.tickers))
    made = combine(_model(), ranks, universe, sectors=window.sectors)
    return np.array([one.log_odds for one in made])


def _naive(window: Window) -> FloatArray:
    model = _model()
    frame = pd.DataFrame(feature_matrix(window, FEATURES), columns=list(model.features))
    known = frame.notna().sum()
    ranks = (frame.rank() - 1.0).div(known.sub(1).clip(lower=1)).sub((known > 1) * 0.5)
    out = []
    for row, sector in zip(ranks.to_dict("records"), window.sectors, strict=True):
        said, heard = [], []
        all_ = model.weights.of("", (sector,))[0]
        for signal, weight in zip(model.signals, all_, strict=True):
            held = [name for name in signal.features if not math.isnan(row[name])]
            heard.append(float(weight) if 2 * len(held) >= len(signal.features) else 0.0)
            pairs = zip(signal.features, signal.coefficients, strict=True)
            said.append(sum(c * row[name] for name, c in pairs if name in held))
        total, n = sum(heard), sum(weight > 0 for weight in heard)
        repeated = sum(
            heard[i] * heard[j] * model.correlation[i][j] for i in range(len(said)) for j in range(len(said))
        )
        independent = min(total * total / repeated, n) / n
        factor = model.strength * total / sum(all_) * math.sqrt(independent)
        lean = factor * sum(weight * one for weight, one in zip(heard, said, strict=True))
        stated = 1.0 / (1.0 + math.exp(-(model.base_rate + lean)))
        out.append(float(logit(model.calibration.calibrate(np.array([stated]), ("",), (sector,))[0])))
    return np.array(out)
