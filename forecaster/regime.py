"""The regime: which of twelve kinds of market this is, as known at each close.

Trend (down, side, up) x volatility (calm, volatile) x breadth (narrow, broad). Every axis is held against its
own last 504 sessions, so that no state is left empty for years:

- trend: the return of 63 sessions / (their daily standard deviation x sqrt 63);
- volatility: the logarithm of the standard deviation of 21 daily returns;
- breadth: the share of members above their 200-session mean, less what its trailing regression on the trend
  axis says: in a rising market most members rise, and only what goes beyond that is news.

An axis' score is (value - median) / interquartile range of the sessions before this one. A score must pass an
edge by the dead band before the axis changes, and the twelve states change together after five equal closes,
or at once in a shock.

`step` takes one session in and `regimes` folds it over a history: there is no other way to a label, so what
is streamed equals what is computed afterwards. Nothing looks ahead.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Final, Self

import numpy as np

from forecaster.axis import CONFIRM, LEAST, TRAILING, Axis, appended, law, scored
from forecaster.rolling import window_mean
from forecaster.window import Window

UNKNOWN: Final = "unknown"
LEVELS: Final = (("down", "side", "up"), ("calm", "volatile"), ("narrow", "broad"))
REGIMES: Final = tuple("_".join(levels) for levels in product(*LEVELS))
"""The twelve states, in the order of `Regime.probabilities`."""

EDGES: Final = ((-0.35, 0.35), (0.0,), (0.0,))
BANDS: Final = (0.1, 0.15, 0.15)
TREND_SESSIONS: Final = 63
VOLATILITY_SESSIONS: Final = 21
BREADTH_SESSIONS: Final = 200
SHOCK: Final = 4.0  # trailing standard deviations of a daily return


@dataclass(frozen=True, slots=True)
class Observation:
    """What one close says about the market.

    Attributes:
        market: Log return of the market (or of the equal-weighted universe) in this session; NaN unknown.
        breadth: Share of members above their 200-session mean, in [0, 1]; NaN unknown.
    """

    market: float
    breadth: float


@dataclass(frozen=True, slots=True)
class Regime:
    """The regime at one close.

    Attributes:
        name: One of `REGIMES`, or `UNKNOWN` until every axis has been scored once.
        probabilities: Of each of `REGIMES` five sessions on, summing to 1: the product of the axes' laws
            (`forecaster.axis.law`), taken as independent. It is the law of what the axes will say, before the
            five closes that a change needs.
        scores: Trend, volatility and breadth, in interquartile ranges; NaN where this close gave none.
        shock: Whether the daily return exceeded four trailing standard deviations.
    """

    name: str
    probabilities: tuple[float, ...]
    scores: tuple[float, float, float]
    shock: bool


@dataclass(frozen=True, slots=True)
class RegimeState:
    """What is remembered between sessions; plain numbers, so that it can be stored and read back exactly.

    Attributes:
        returns: The newest known market returns, at most 63.
        trends: The newest trends whose breadth was known too, at most 504.
        breadths: Those breadths.
        axes: Trend, volatility, breadth.
        label: Index of the confirmed state in `REGIMES`; -1 unknown.
        candidate: Index of the state that asks to be confirmed.
        closes: Closes in a row at which it has asked.
    """

    returns: tuple[float, ...] = ()
    trends: tuple[float, ...] = ()
    breadths: tuple[float, ...] = ()
    axes: tuple[Axis, Axis, Axis] = (Axis(), Axis(), Axis())
    label: int = -1
    candidate: int = -1
    closes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        kept = {one.name: getattr(self, one.name) for one in fields(self)}
        axes = [{one.name: getattr(axis, one.name) for one in fields(axis)} for axis in self.axes]
        return kept | {"axes": axes}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON.

        Raises:
            KeyError: When an axis or a series is missing.
            TypeError: When a name is not known.
        """
        trend, volatility, breadth = (
            Axis(**axis | {"values": tuple(axis["values"])}) for axis in stored["axes"]
        )
        return cls(
            **dict(stored)
            | {
                "returns": tuple(stored["returns"]),
                "trends": tuple(stored["trends"]),
                "breadths": tuple(stored["breadths"]),
                "axes": (trend, volatility, breadth),
            }
        )


def regimes(window: Window) -> tuple[Regime, ...]:
    """Return the regime at every close of a history: the fold of `step`, started anew."""
    return follow(observations(window))[1]


def follow(
    seen: Iterable[Observation], state: RegimeState | None = None
) -> tuple[RegimeState, tuple[Regime, ...]]:
    """Take in session after session; return what is remembered and the regime at each close."""
    state, out = state or RegimeState(), []
    for one in seen:
        state, regime = step(state, one)
        out.append(regime)
    return state, tuple(out)


def step(state: RegimeState, seen: Observation) -> tuple[RegimeState, Regime]:
    """Take in one session.

    Pure and deterministic. An observation that is not finite is none: its axes keep their level, and what is
    said about them becomes less sure with every such session. It is no close for the confirmation either.

    Args:
        state: What is remembered from the sessions before.
        seen: This session.
    """
    known = math.isfinite(seen.market)
    shock = known and _shocked(state.returns, seen.market)
    returns = appended(state.returns, seen.market, TREND_SESSIONS) if known else state.returns
    trend, volatility = (_trend(returns), _volatility(returns)) if known else (math.nan, math.nan)
    paired = math.isfinite(trend) and math.isfinite(seen.breadth)
    breadth = seen.breadth - _expected(state, trend) if paired else math.nan
    axes = [
        scored(axis, value, edges, band)
        for axis, value, edges, band in zip(
            state.axes, (trend, volatility, breadth), EDGES, BANDS, strict=True
        )
    ]
    first, second, third = (axis for axis, _ in axes)
    after = replace(state, returns=returns, axes=(first, second, third))
    if paired:
        trends = appended(state.trends, trend, TRAILING)
        after = replace(after, trends=trends, breadths=appended(state.breadths, seen.breadth, TRAILING))
    if known:
        after = _confirm(after, at_once=shock)
    name = REGIMES[after.label] if after.label >= 0 else UNKNOWN
    scores = axes[0][1], axes[1][1], axes[2][1]
    return after, Regime(name, _probabilities(after.axes), scores, shock)


def observations(window: Window) -> tuple[Observation, ...]:
    """Return what each close of a window says; the first 199 sessions have no breadth."""
    above = window.close > window_mean(window.close, BREADTH_SESSIONS)
    known = np.isfinite(window.close) & np.isfinite(window_mean(window.close, BREADTH_SESSIONS))
    with np.errstate(invalid="ignore"):
        share = (above & known).sum(axis=0) / known.sum(axis=0)
    return tuple(
        Observation(r, b) for r, b in zip(window.market.tolist(), np.asarray(share).tolist(), strict=True)
    )


def observe(window: Window) -> Observation:
    """Return what the newest close says; reads the last 200 sessions, fewer give no breadth."""
    return observations(window.last(min(BREADTH_SESSIONS, window.sessions)))[-1]


def unpopulated(found: Iterable[str], least: float = 0.01) -> tuple[str, ...]:
    """Return the states that hold less than a share of the sessions whose regime is known.

    Args:
        found: Name of the regime, one a session; what is no state is unknown.
        least: The share, in [0, 1].

    Returns:
        In the order of `REGIMES`; all of them where no regime is known.
    """
    counted = Counter(name for name in found if name in REGIMES)
    return tuple(name for name in REGIMES if counted[name] < max(least * counted.total(), 1))


def _shocked(returns: tuple[float, ...], newest: float) -> bool:
    if len(returns) < TREND_SESSIONS:
        return False
    return abs(newest) > SHOCK * float(np.std(returns, ddof=1))


def _trend(returns: tuple[float, ...]) -> float:
    if len(returns) < TREND_SESSIONS:
        return math.nan
    taken = np.array(returns)
    spread = float(taken.std(ddof=1))
    return float(taken.sum()) / (spread * math.sqrt(TREND_SESSIONS)) if spread > 0 else math.nan


def _volatility(returns: tuple[float, ...]) -> float:
    if len(returns) < VOLATILITY_SESSIONS:
        return math.nan
    spread = float(np.std(returns[-VOLATILITY_SESSIONS:], ddof=1))
    return math.log(spread) if spread > 0 else math.nan


def _expected(state: RegimeState, trend: float) -> float:
    """Breadth that goes with this trend: the least-squares line through the sessions before this one."""
    if len(state.trends) < LEAST:
        return math.nan
    x, y = np.array(state.trends), np.array(state.breadths)
    x_mean, y_mean = float(x.mean()), float(y.mean())
    spread = float(((x - x_mean) ** 2).sum())
    slope = float(((x - x_mean) * (y - y_mean)).sum()) / spread if spread > 0 else 0.0
    return y_mean + slope * (trend - x_mean)


def _confirm(state: RegimeState, *, at_once: bool) -> RegimeState:
    trend, volatility, breadth = (axis.level for axis in state.axes)
    if min(trend, volatility, breadth) < 0:
        return state
    asked = (trend * 2 + volatility) * 2 + breadth
    closes = state.closes + 1 if asked == state.candidate else 1
    if asked == state.label or at_once or state.label < 0 or closes >= CONFIRM:
        return replace(state, label=asked, candidate=asked, closes=0)
    return replace(state, candidate=asked, closes=closes)


def _probabilities(axes: tuple[Axis, Axis, Axis]) -> tuple[float, ...]:
    laws = (law(axis, edges, band) for axis, edges, band in zip(axes, EDGES, BANDS, strict=True))
    cells = [math.prod(parts) for parts in product(*laws)]
    total = math.fsum(cells)
    return tuple(cell / total for cell in cells)
