"""From the bars of the newest session to forecasts, also where the bars are odd."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from backtest.evaluation import Question, prepare
from forecaster.features import feature_matrix
from forecaster.forecast import Direction, Forecast
from forecaster.meta_learner import combine
from forecaster.model_version import ModelVersion
from forecaster.ranks import centred_ranks
from forecaster.signals import Signal, features_of
from forecaster.training import Training, fit
from forecaster.window import Window, make_window
from market.panel import Panel
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import changed, copies, history, simulated

SESSIONS = 500


@cache
def fitted() -> tuple[ModelVersion, tuple[Signal, ...]]:
    question = Question(history().rows(0, SESSIONS), STOCKS, BENCHMARK)
    known = prepare(question)[0]
    model = fit(known, version=1, training=Training(least_strength=0.5))
    assert model.weights.signals == tuple(signal.name for signal in known.signals)
    return model, known.signals


def forecast(window: Window, universe: tuple[str, ...]) -> tuple[Forecast, ...]:
    model, signals = fitted()
    return combine(model, centred_ranks(feature_matrix(window, features_of(signals))), universe)


def of(panel: Panel) -> dict[str, Forecast]:
    made = forecast(make_window(panel, STOCKS, BENCHMARK), STOCKS)
    return {one.ticker: one for one in made}


def spoilt(kind: str) -> Panel:
    panel = history().rows(0, SESSIONS)
    fields = copies(panel)
    column = panel.tickers.index("IBM")
    for name, values in fields.items():
        if kind == "nothing known":
            values[:, column] = math.nan
        elif kind == "constant":
            values[:, column] = 10.0
        elif kind == "a zero price" and name != "volume":
            values[-1, column] = 0.0
        elif kind == "one bar":
            values[:-1, column] = math.nan
    return changed(panel, **fields)


def test_known_bars_give_a_call_for_every_ticker_that_has_them() -> None:
    made = of(history().rows(0, SESSIONS))
    assert {one.direction for one in made.values() if one.ticker != "GOOG"} == {Direction.UP, Direction.DOWN}


@pytest.mark.parametrize("kind", ["nothing known", "a zero price", "one bar"])
def test_a_ticker_whose_bars_say_too_little_has_no_call_and_a_reason(kind: str) -> None:
    one = of(spoilt(kind))["IBM"]
    assert one.direction is Direction.NO_CALL
    assert one.reasoning.startswith("no call: ")


@pytest.mark.parametrize("kind", ["nothing known", "constant", "a zero price", "one bar"])
def test_and_the_others_keep_theirs(kind: str) -> None:
    made = of(spoilt(kind))
    for ticker in set(STOCKS) - {"IBM", "GOOG"}:
        assert made[ticker].direction is not Direction.NO_CALL
        assert math.isfinite(made[ticker].log_odds)


def test_a_constant_price_is_ranked_or_unknown_but_never_a_crash() -> None:
    one = of(spoilt("constant"))["IBM"]
    assert one.direction is Direction.NO_CALL or math.isfinite(one.log_odds)


def test_a_single_bar_of_everything_gives_no_call_to_anybody() -> None:
    made = of(history().rows(0, 1))
    assert {one.direction for one in made.values()} == {Direction.NO_CALL}


def test_ten_thousand_tickers_get_their_forecasts() -> None:
    universe = tuple(f"T{i:05d}" for i in range(10_000))
    made = forecast(simulated(10_000, 260), universe)
    assert len(made) == 10_000
    assert all(one.direction is not Direction.NO_CALL for one in made)
    assert abs(np.median([one.lean for one in made])) < max(one.lean for one in made)
