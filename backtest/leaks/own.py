"""The forecaster's own subjects: every registered feature, the regime, the forecast, the joins, the label."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from backtest.leaks.payoff import Payoff
from backtest.leaks.record import Record
from backtest.leaks.study import FEATURES as STUDIED
from backtest.leaks.study import Study
from backtest.leaks.subject import Subject
from forecaster.axis import LEAST as AXIS_LEAST
from forecaster.features import FEATURES, Feature, feature_matrix, feature_panel
from forecaster.label import label, outcomes
from forecaster.meta_learner import combined
from forecaster.model_version import ModelVersion
from forecaster.ranks import centred_ranks
from forecaster.regime import (
    BREADTH_SESSIONS,
    REGIMES,
    UNKNOWN,
    Observation,
    Regime,
    RegimeState,
    follow,
    observations,
)
from forecaster.signals import History, Signal, features_of, usable_signals
from forecaster.training import Training, fit
from forecaster.walk_forward import MONTH, walk_forward
from market import outside as market_outside
from market.observations import as_known
from market.outside import NAMES
from market.panel import FloatArray

LEAST: Final = 252
KEPT: Final = 16
"""Sessions between two states of the regime that are kept."""

FIRST: Final = date(2010, 1, 4)


def features(which: Sequence[Feature] = FEATURES) -> Subject:
    """Every registered feature; the newest session as the daemon computes it, earlier ones in a batch."""

    def row(record: Record, t: int) -> FloatArray:
        window = record.window()
        is_newest = t == len(record.panel.sessions) - 1
        return feature_matrix(window, which) if is_newest else feature_panel(window, which)[t]

    return Subject(
        "features",
        lambda record: feature_panel(record.window(), which),
        columns=tuple(one.name for one in which),
        lookbacks=tuple(one.lookback for one in which),
        row=row,
    )


@dataclass(slots=True)
class Regimes:
    """The regimes of a record, and those of other records that were the same for a while.

    The regime is a fold of `step`, which is pure: where a record's observations are equal to the bit, the
    fold is taken up from the state kept there and not begun anew.

    Attributes:
        seen: What was observed in the record that was followed first.
        states: The state before every `KEPT`th session of it.
        found: Its regimes.
    """

    seen: tuple[Observation, ...] = ()
    states: list[RegimeState] = field(default_factory=list)
    found: list[Regime] = field(default_factory=list)

    def of(self, record: Record) -> list[Regime]:
        """Return the regime at every close of a record."""
        seen = observations(record.window())
        equal = next(
            (i for i, (a, b) in enumerate(zip(seen, self.seen, strict=False)) if not _same(a, b)), None
        )
        start = min(len(seen), len(self.seen)) if equal is None else equal
        place = min(start // KEPT, len(self.states) - 1) if self.states else 0
        state = self.states[place] if self.states else RegimeState()
        found, states = self.found[: place * KEPT], []
        for first in range(place * KEPT, len(seen), KEPT):
            states.append(state)
            state, more = follow(seen[first : first + KEPT], state)
            found += more
        if not self.seen:
            self.seen, self.states, self.found = seen, states, found
        return found

    def subject(self) -> Subject:
        """Return state, shock, probabilities and scores as a subject."""
        chances = (f"probability of {name}" for name in REGIMES)
        return Subject(
            "regime",
            lambda record: np.array([_numbers(one) for one in self.of(record)])[:, None, :],
            columns=("state", "shock", *chances, "trend", "volatility", "breadth"),
            warm_up=BREADTH_SESSIONS + 2 * AXIS_LEAST,
        )


def _same(one: Observation, other: Observation) -> bool:
    return repr(one) == repr(other)


def series(record: Record) -> Subject:
    """The market-wide series as they are joined to sessions."""
    names = tuple(record.join(record.panel))

    def joined(given: Record) -> FloatArray:
        found = given.join(given.panel)
        return np.stack([found[name] for name in names], axis=-1)[:, None, :]

    return Subject("market-wide series", joined, columns=names)


def reports() -> Subject:
    """Reported figures, joined by when they became known."""
    return Subject(
        "reported figures",
        lambda record: as_known(record.reports, record.closes, record.universe).values,
    )


def outside() -> Subject:
    """What is told beside the bars, joined to sessions as for the features: shares of volume, customers."""
    columns = (*NAMES, "customer_return")

    def told(record: Record) -> FloatArray:
        shares = np.stack([record.extras[name] for name in NAMES])
        args = (record.panel, record.universe, shares, NAMES, record.links, record.sectors)
        found = market_outside.joined(*args)
        return np.stack([found[name] for name in columns], axis=-1)

    return Subject("told from outside", told, columns=columns)


def members() -> Subject:
    """Momentum of those who are members on the session."""

    def momentum(record: Record) -> FloatArray:
        mask = record.membership.mask(record.panel.sessions, record.universe)
        close = record.stocks.adj_close
        out = np.full(close.shape, np.nan)
        out[63:] = np.where(mask[63:], close[63:] / close[:-63] - 1.0, np.nan)
        return np.asarray(out)

    return Subject("momentum of members", momentum)


def payoff(horizon: int = 5) -> Payoff:
    """What the label says a forecast earns."""
    return Payoff(
        "label",
        lambda record, t: label(record.panel, record.universe, t, horizon).return_,
        horizon + 1,
    )


def study() -> Study:
    """The walk-forward over made-up features, each a signal of its own."""
    signals = tuple(Signal(f"signal {k}", "", (f"feature {k}",)) for k in range(STUDIED))
    training = Training(sessions=252)

    def scores(ranks: FloatArray, came: FloatArray) -> FloatArray:
        days = tuple(FIRST + timedelta(days=t) for t in range(len(came)))
        history = History(days, ranks, came, signals)
        return walk_forward(history, training=training, every=3 * MONTH, least=126).lean

    return Study("walk-forward of the forecaster", scores)


@dataclass(slots=True)
class Forecasts:
    """The walk-forward's forecasts, and single ones of them made anew from another record.

    A single one is made by the model of the fit before its session, which is fitted again to that record.
    Ranks depend on their own session's features only: where these are equal to the bit they are not ranked
    again.

    Attributes:
        training: How models are fitted.
        every: Sessions between two fits.
        regimes: Of the record that was walked through.
        walked_through: What the record gave that was walked through first.
        values: Its features, shape (sessions, tickers, features).
    """

    training: Training = field(default_factory=Training)
    every: int = MONTH
    regimes: Regimes = field(default_factory=Regimes)
    walked_through: History | None = None
    values: FloatArray = field(default_factory=lambda: np.empty((0, 0, 0)))

    @property
    def first(self) -> int:
        """Place of the session at whose close the first model is fitted."""
        return max(LEAST, self.training.least) + self.training.purge - 1

    def subject(self) -> Subject:
        """Return it as a subject; the column `model` tells models apart by every number they hold."""
        return Subject(
            "forecast",
            self.walked,
            columns=("log_odds", "lean", "coverage", "model"),
            row=self.single,
            warm_up=self.first,
            is_forecast=True,
        )

    def walked(self, record: Record) -> FloatArray:
        """Walk through a record, shape (sessions, tickers, columns)."""
        history, values = self.history(record)
        if self.walked_through is None:
            self.walked_through, self.values = history, values
        found = walk_forward(history, training=self.training, every=self.every, least=LEAST)
        prints = np.array([*(_fingerprint(one) for one in found.models), np.nan])[found.model]
        model = np.broadcast_to(prints[:, None], found.log_odds.shape)
        return np.stack([found.log_odds, found.lean, found.coverage, model], axis=-1)

    def single(self, record: Record, t: int) -> FloatArray:
        """Forecast one session of a record, shape (tickers, columns)."""
        if t < self.first:
            return np.full((len(record.universe), 4), np.nan)
        start = self.first + self.every * ((t - self.first) // self.every)
        history, _ = self.history(record)
        needed = self.training.sessions + self.training.purge if self.training.sessions else start + 1
        seen = slice(max(0, start + 1 - needed), start + 1)
        known = replace(
            history,
            sessions=history.sessions[seen],
            ranks=history.ranks[seen],
            outcomes=history.outcomes[seen],
            regimes=history.regimes[seen],
        )
        model = fit(known, version=1, training=self.training)
        ranks = model.read(history.ranks[t])
        made = combined(model, ranks, history.regimes[t], history.sectors)
        called = made.called
        return np.stack(
            [
                np.where(called, made.log_odds, np.nan),
                np.where(called, made.leans.sum(axis=1), np.nan),
                made.coverage,
                np.full(len(ranks), _fingerprint(model)),
            ],
            axis=-1,
        )

    def history(self, record: Record) -> tuple[History, FloatArray]:
        """Return what models are fitted to, and the features, shape (sessions, tickers, features)."""
        window = record.window()
        signals = usable_signals(window)
        values = feature_panel(window, features_of(signals))
        came, _ = outcomes(record.panel, record.universe, self.training.horizon, self.training.target)
        names = tuple("" if one.name == UNKNOWN else one.name for one in self.regimes.of(record))
        n = len(values)
        days = record.panel.sessions[:n]
        return History(days, self._ranked(values), came[:n], signals, names, window.sectors), values

    def _ranked(self, values: FloatArray) -> FloatArray:
        if self.walked_through is None or self.values.shape[1:] != values.shape[1:]:
            return centred_ranks(values)
        n = min(len(values), len(self.values))
        own, kept = values[:n].view(np.int64), self.values[:n].view(np.int64)
        equal = (own == kept).all(axis=(1, 2))
        if len(values) == n and equal.all():
            return self.walked_through.ranks[:n]
        ranks = np.empty(values.shape)
        same = np.concatenate([equal, np.zeros(len(values) - n, np.bool_)])
        ranks[same] = self.walked_through.ranks[:n][equal]
        ranks[~same] = centred_ranks(values[~same])
        return ranks


def own_subjects(record: Record, forecasts: Forecasts) -> tuple[Subject | Payoff | Study, ...]:
    """Return everything of the project that the suite watches."""
    return (
        features(),
        forecasts.regimes.subject(),
        forecasts.subject(),
        series(record),
        reports(),
        *((outside(),) if record.links else ()),
        members(),
        payoff(forecasts.training.horizon),
        study(),
    )


def _numbers(one: Regime) -> tuple[float, ...]:
    state = REGIMES.index(one.name) if one.name != UNKNOWN else -1
    return (float(state), float(one.shock), *one.probabilities, *one.scores)


def _fingerprint(model: ModelVersion) -> float:
    """A number of 48 bits that hangs on every number of a model but its version."""
    told = repr(replace(model, version=1)).encode()
    return float(int.from_bytes(hashlib.sha256(told).digest()[:6], "big"))
