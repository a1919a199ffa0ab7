"""The evaluation: prices in, the honest report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtest.honesty import Honesty, honesty
from backtest.survivorship import coverage
from forecaster.features import Feature, feature_panel
from forecaster.label import cut_short, outcomes
from forecaster.ranks import centred_ranks
from forecaster.regime import UNKNOWN, regimes
from forecaster.signals import History, features_of, usable_signals
from forecaster.training import Training
from forecaster.walk_forward import MONTH, WalkForward, walk_forward
from forecaster.window import Window, make_window
from market.membership import Spell
from market.panel import FloatArray, Panel

MOST_CELLS: Final = 2_000_000
"""Bars of the universe; features, ranks, sums and forecasts take about a kilobyte for each."""

CHUNK: Final = 2_000_000
"""Feature values ranked at once."""

LEAST_TICKERS: Final = 3
LEAST_FORECAST: Final = 20


class EvaluationError(ValueError):
    """Prices that cannot be evaluated; the text says what is missing and what to give instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is to be evaluated.

    Attributes:
        panel: Daily bars.
        universe: The tickers forecast.
        benchmark: The market-wide ticker, used where the panel holds it.
        series: Market-wide closes by name, each of shape (sessions,).
        sectors: Sector by ticker; None where unknown.
        members: Spells in an index; None where unknown.
        training: How models are fitted.
        every: Sessions between two fits.
        least: Resolved sessions before the first fit.
        trials: Configurations tried on these data, this one included.
        delisting: What comes on top of the last close of a ticker that ended, a fraction; None leaves its
            forecasts without an outcome. Models are fitted without it: an end is known in hindsight only.
    """

    panel: Panel
    universe: tuple[str, ...]
    benchmark: str = ""
    series: Mapping[str, FloatArray] | None = None
    sectors: Mapping[str, str] | None = None
    members: Sequence[Spell] | None = None
    training: Training = field(default_factory=Training)
    every: int = MONTH
    least: int = 252
    trials: int = 1
    delisting: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What came of it.

    Attributes:
        honesty: The report.
        forward: The forecasts it is about.
        feature_s: Seconds for features, ranks, regimes and labels.
        walk_s: Seconds for all fits and forecasts.
    """

    honesty: Honesty
    forward: WalkForward
    feature_s: float
    walk_s: float


def evaluate_prices(question: Question, tell: Callable[[int, int], None] | None = None) -> Evaluated:
    """Walk through the prices and judge what was forecast.

    Args:
        question: What is to be evaluated.
        tell: Called with (sessions done, sessions) now and then.

    Raises:
        EvaluationError: Too few tickers or sessions.
    """
    _check(question)
    started = time.perf_counter()
    history, returns, closes = prepare(question)
    walked = time.perf_counter()
    forward = walk_forward(
        history, training=question.training, every=question.every, least=question.least, tell=tell
    )
    done = time.perf_counter()
    held = coverage(question.panel, question.universe, question.members) if question.members else ()
    found = honesty(
        forward,
        returns,
        closes,
        trials=question.trials,
        coverage=held,
        cut=cut_short(_priced(question), question.universe, question.training.horizon),
        delisting=question.delisting,
    )
    return Evaluated(found, forward, walked - started, done - walked)


def prepare(question: Question) -> tuple[History, FloatArray, FloatArray]:
    """Return the history to walk through, the returns and the adjusted closes, (sessions, tickers).

    Sessions in which nothing of the universe is known are left out.
    """
    known = _known(question)
    panel = _priced(question)
    series = {name: values[known] for name, values in (question.series or {}).items()}
    window = make_window(
        panel, question.universe, question.benchmark, series=series, sectors=question.sectors
    )
    signals = usable_signals(window)
    ranks = _ranked(window, features_of(signals))
    came, returns = outcomes(panel, question.universe, question.training.horizon, question.training.target)
    names = tuple("" if one.name == UNKNOWN else one.name for one in regimes(window))
    return History(panel.sessions, ranks, came, signals, names, window.sectors), returns, window.close.T


def _known(question: Question) -> NDArray[np.bool_]:
    """Sessions in which something of the universe is known."""
    return np.atleast_1d(~np.isnan(question.panel.columns(question.universe).close).all(axis=1))


def _priced(question: Question) -> Panel:
    return question.panel.select(_known(question))


def _ranked(window: Window, features: Sequence[Feature]) -> FloatArray:
    """The features' centred ranks, shape (sessions, tickers, features), some sessions at a time."""
    found = feature_panel(window, features)  # the ranks take the place of the values: one table at a time
    step = max(1, CHUNK // max(1, found[0].size))
    for start in range(0, len(found), step):
        found[start : start + step] = centred_ranks(found[start : start + step])
    return found


def _check(question: Question) -> None:
    if len(question.universe) < LEAST_TICKERS:
        raise EvaluationError(
            f"{len(question.universe)} tickers to forecast: at least {LEAST_TICKERS} are needed to rank them"
        )
    sessions = int(_known(question).sum())
    if (cells := sessions * len(question.universe)) > MOST_CELLS:
        raise EvaluationError(
            f"{len(question.universe):,} tickers over {sessions:,} sessions are {cells:,} bars: more than "
            f"{MOST_CELLS:,} take gigabytes of memory; give fewer tickers or a shorter history"
        )
    least = max(question.least, question.training.least)
    needed = least + 2 * question.training.purge + LEAST_FORECAST
    if sessions < needed:
        raise EvaluationError(
            f"{sessions} sessions in which a price is known: {needed} are needed ({least} to train "
            f"on, {LEAST_FORECAST} to forecast and be resolved); give a longer history"
        )
