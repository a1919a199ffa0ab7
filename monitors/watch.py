"""Watching: one session's facts in, readings and the state for the next session out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self

import numpy as np

from monitors import (
    calibration,
    drift_incidents,
    execution,
    hit_rate,
    joint,
    performance,
    pooled_hits,
    regime_calibration,
    trades,
)
from monitors.arrays import BoolArray, FloatArray
from monitors.calibration import CalibrationState
from monitors.drift import DriftReference
from monitors.drift_incidents import IncidentState
from monitors.execution import ExecutionState
from monitors.feature_drift import look, look_readings
from monitors.hit_rate import HitState
from monitors.joint import JointReference, JointState
from monitors.live import Live, live_readings
from monitors.performance import PerformanceState
from monitors.pooled_hits import PooledState
from monitors.reading import Reading
from monitors.regime_calibration import RegimeState
from monitors.settings import WatchSettings
from monitors.trades import TradeState

__all__ = ["DEFAULTS", "Facts", "WatchSettings", "WatchState", "watch"]

DEFAULTS = WatchSettings()


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What one session tells the monitors.

    Attributes:
        session: The session that has just closed.
        features: The newest window, shape (sessions, tickers, features), NaN = unknown; None while too short.
        reference: What the model in use was trained on; None without a model.
        trade_returns: Net returns (fractions) of the trades closed, in closing order, shape (trades,).
        probabilities: Stated probability of beating the universe's median of the forecasts resolved this
            session, one per ticker of one earlier session, shape (tickers,).
        outcomes: 1 where it came true, else 0, shape (tickers,).
        said_up: The directions of these forecasts, shape (tickers,); None takes one half or more for up.
        equity: USD at this close, marked to market.
        peak: USD, running peak; it restarts when a person lifts a halt.
        equity_return: Fraction since the last close, NaN at the first.
        orders: Orders that were due to be filled.
        failed_orders: How many of them failed.
        bars_expected: Bars that should have come.
        bars_missing: How many of them did not.
        labels: (kind, label of each forecast resolved), as ("sector", ("Energy", ...)) or ("regime", ...); ""
            is unknown.
        weights: Share of equity in each ticker and in cash at the last close and at this one, shape (2,
            tickers + 1); no row where the last close is unknown.
        joint: What the multivariate check holds the window against, in the sessions in which it looks (once a
            week is enough); None in all others.
        live: What only a running daemon can tell; None in a replay or a backtest.
    """

    session: date
    features: FloatArray | None
    reference: DriftReference | None
    trade_returns: FloatArray
    probabilities: FloatArray
    outcomes: FloatArray
    equity: float
    peak: float
    equity_return: float
    orders: int
    failed_orders: int
    bars_expected: int
    bars_missing: int
    said_up: BoolArray | None = None
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    weights: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    joint: JointReference | None = None
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class WatchState:
    """All that the monitors remember between sessions; small, explicit, and the same after a round trip.

    Attributes:
        performance: Trades, returns and the win-rate bets.
        calibration: Resolved forecasts and the bets against calibration.
        execution: Orders and failures.
        hits: Hit rates by group, in whole numbers.
        trades: The newest trades, all of them as sums, and turnovers.
        incidents: Since when each drifted feature has drifted.
        joint: What the newest multivariate look found.
        pooled: Hit rates of whole sessions and the bet against them.
        regimes: How the forecasts of each regime came true, and the bets against that.
    """

    performance: PerformanceState = field(default_factory=PerformanceState)
    calibration: CalibrationState = field(default_factory=CalibrationState)
    execution: ExecutionState = field(default_factory=ExecutionState)
    hits: HitState = field(default_factory=HitState)
    trades: TradeState = field(default_factory=TradeState)
    incidents: IncidentState = field(default_factory=IncidentState)
    joint: JointState = field(default_factory=JointState)
    pooled: PooledState = field(default_factory=PooledState)
    regimes: RegimeState = field(default_factory=RegimeState)

    @classmethod
    def start(cls) -> Self:
        """The state before the first session."""
        return cls()

    def restarted(self) -> Self:
        """The state after a person has lifted a halt: the bets start anew, baselines and histories stay."""
        return replace(
            self,
            performance=replace(self.performance, levels=()),
            calibration=replace(self.calibration, levels=()),
            pooled=replace(self.pooled, levels=()),
            regimes=replace(self.regimes, levels=((),) * len(self.regimes.names)),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; an unknown number becomes None; floats keep every digit."""
        return {name: _stored(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON; all but the first three may start later.

        Raises:
            KeyError: When a family of monitors is missing.
            TypeError: When a family holds a name that is not known.
        """
        return cls(
            PerformanceState(**_kept(stored["performance"])),
            CalibrationState(**_kept(stored["calibration"])),
            ExecutionState(**_kept(stored["execution"])),
            HitState(**_kept(stored.get("hits", {}))),
            TradeState(**_kept(stored.get("trades", {}))),
            IncidentState(**_kept(stored.get("incidents", {}))),
            JointState(**_kept(stored.get("joint", {}))),
            PooledState(**_kept(stored.get("pooled", {}))),
            RegimeState(**_kept(stored.get("regimes", {}))),
        )


def watch(
    state: WatchState, facts: Facts, settings: WatchSettings = DEFAULTS
) -> tuple[WatchState, tuple[Reading, ...]]:
    """Judge one session.

    Pure and deterministic: equal arguments give equal results to the last bit.

    Args:
        state: What is remembered from the sessions before.
        facts: What this session brought.
        settings: Limits.

    Returns:
        The state to keep, and the readings: drift (`psi`, `ks` per feature, `drift_share`, `drift_incidents`,
        `domain_auc`), performance (`win_rate_last_20`, `win_rate_evidence`, `pooled_evidence`,
        `sharpe_rolling`, `drawdown`, `hit_rate` per group, `profit_factor`, `expectancy`, `trade_drawdown`,
        `turnover`), calibration (`ece`, `calibration_gap`, `calibration_evidence`,
        `calibration_gap_by_regime` per regime seen, `calibration_evidence_by_regime`), execution
        (`execution_failure_rate`, `bars_missing_rate`) and, live, those of `monitors.live`.

    Raises:
        ValueError: When facts contradict each other, as shapes that do not fit or more failures than orders.
    """
    found = look(facts.features, facts.reference, settings)
    calibrated = calibration.step(state.calibration, facts.probabilities, facts.outcomes, settings)
    after = WatchState(
        performance.step(state.performance, facts.trade_returns, facts.equity_return, settings),
        calibrated,
        execution.step(state.execution, facts.orders, facts.failed_orders, settings),
        hit_rate.step(
            state.hits, facts.probabilities, facts.outcomes, calibrated.recent, facts.labels, facts.said_up
        ),
        trades.step(state.trades, facts.trade_returns, facts.weights, settings),
        drift_incidents.step(state.incidents, found),
        joint.step(state.joint, facts.session, facts.features, facts.joint),
        pooled_hits.step(state.pooled, facts.probabilities, facts.outcomes, settings, facts.said_up),
        regime_calibration.step(
            state.regimes,
            facts.probabilities,
            facts.outcomes,
            dict(facts.labels).get("regime", ()),
            settings,
        ),
    )
    sessions = after.performance.sessions
    readings = (
        *look_readings(facts.session, found, facts.reference, settings),
        drift_incidents.incident_reading(facts.session, after.incidents, found, facts.features, settings),
        joint.joint_reading(facts.session, after.joint, settings),
        *performance.win_rate_readings(facts.session, after.performance, settings),
        pooled_hits.pooled_reading(facts.session, after.pooled, settings),
        performance.sharpe_reading(facts.session, after.performance, settings),
        performance.drawdown_reading(facts.session, facts.equity, facts.peak, sessions, settings),
        *hit_rate.hit_rate_readings(facts.session, after.hits, settings),
        *trades.trade_readings(facts.session, after.trades, settings),
        *calibration.calibration_readings(facts.session, after.calibration, settings),
        *regime_calibration.regime_readings(facts.session, after.regimes, settings),
        execution.failure_reading(facts.session, after.execution, settings),
        execution.bars_reading(facts.session, facts.bars_expected, facts.bars_missing, settings),
        *(live_readings(facts.session, facts.live, settings) if facts.live is not None else ()),
    )
    return after, readings


def _stored(part: object) -> dict[str, Any]:
    """The fields of a family as JSON holds them; `asdict` walks every number and takes ten times as long."""
    return {name: _listed(getattr(part, name)) for name in part.__slots__}  # type: ignore[attr-defined]


def _listed(value: Any) -> Any:  # noqa: ANN401 - a number, numbers or names, or rows of numbers
    if not isinstance(value, tuple):
        return value
    if value and isinstance(value[0], tuple):
        return [_listed(row) for row in value]
    return [None if number != number else number for number in value]  # noqa: PLR0124 - NaN alone is so


def _kept(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tupled(value) for name, value in stored.items()}


def _tupled(value: Any) -> Any:  # noqa: ANN401 - the same, as JSON gave it back
    if not isinstance(value, list | tuple):
        return value
    if value and isinstance(value[0], list | tuple):
        return tuple(map(_tupled, value))
    return tuple([math.nan if number is None else number for number in value])
