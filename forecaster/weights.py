"""The weights: how much each signal is believed, in a regime and a sector.

Half of a weight is the prior: what the purged backtest says of the signal as a whole, as a Bayesian mixture
in log-loss. The other half is learnt by fixed share (Herbster and Warmuth 1998), which forgets: of each
week's weights 1 % is dealt out anew, so that a signal that comes back is found again. Both learn in the
logarithm of the probability that a signal gave to what came, counted in independent rows.

There is one row of weights for everything, one for each regime and one for each sector; they are mixed by how
many weeks each has seen. No weight falls below 2 %, and in the weeks that a model learns from none changes by
more than 10 % of itself in one. The next model learns anew, over a window that has moved: between the weights
of two models there is no such limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from market.panel import FloatArray

SHARE: Final = 0.01
"""Dealt out anew at each step: as many switches of the best signal are expected per step."""

PRIOR: Final = 0.5
FLOOR: Final = 0.02
CAP: Final = 0.10
"""Greatest relative change of a weight in a week that a model learns from."""

POOLING: Final = 52.0
"""Weeks that the row for everything counts for, beside the weeks that a regime or a sector has seen."""

EVERYTHING: Final = 0

LARGEST: Final = 50.0  # nats a signal may gain in a week: beyond that a weight is 0 or 1 anyway


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of belief, each row summing to 1; plain values, so that they are stored and read back exactly.

    Attributes:
        signals: Names.
        everything: Shares over all sessions and tickers.
        regimes: Shares by regime.
        sectors: Shares by sector.
        weeks: Weeks seen, by regime and by sector.
    """

    signals: tuple[str, ...]
    everything: tuple[float, ...]
    regimes: Mapping[str, tuple[float, ...]]
    sectors: Mapping[str, tuple[float, ...]]
    weeks: Mapping[str, float]

    def of(self, regime: str, sectors: Sequence[str]) -> FloatArray:
        """Return the weights of a regime, a row for each sector; their mean over all signals is 1.

        Args:
            regime: A regime that was never seen counts for nothing; so does a sector.
            sectors: Shape (n,).
        """
        pooled = np.array(self.everything)
        total, count = POOLING * pooled, POOLING
        if regime in self.regimes:
            total = total + self.weeks[f"regime {regime}"] * np.array(self.regimes[regime])
            count += self.weeks[f"regime {regime}"]
        rows = np.empty((len(sectors), pooled.size))
        for row, sector in zip(rows, sectors, strict=True):
            weeks = self.weeks.get(f"sector {sector}", 0.0)
            row[:] = (total + weeks * np.array(self.sectors.get(sector, self.everything))) / (count + weeks)
        return rows * pooled.size

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return {
            "signals": list(self.signals),
            "everything": list(self.everything),
            "regimes": {name: list(row) for name, row in self.regimes.items()},
            "sectors": {name: list(row) for name, row in self.sectors.items()},
            "weeks": dict(self.weeks),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON.

        Raises:
            KeyError: When a part is missing.
        """
        return cls(
            tuple(stored["signals"]),
            tuple(stored["everything"]),
            {name: tuple(row) for name, row in stored["regimes"].items()},
            {name: tuple(row) for name, row in stored["sectors"].items()},
            dict(stored["weeks"]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class WeightState:
    """What is remembered between weeks, one row for everything, then one a regime, then one a sector.

    Attributes:
        learnt: By fixed share, shape (rows, signals).
        gained: Nats gained since the start, shape (rows, signals): of the prior.
        used: Shares in use, shape (rows, signals).
        weeks: Weeks seen, shape (rows,).
    """

    learnt: FloatArray
    gained: FloatArray
    used: FloatArray
    weeks: FloatArray


def start(rows: int, signals: int) -> WeightState:
    """Return equal shares."""
    equal = np.full((rows, signals), 1.0 / max(signals, 1))
    return WeightState(equal, np.zeros(equal.shape), equal, np.zeros(rows))


def week(state: WeightState, gained: FloatArray, seen: FloatArray) -> WeightState:
    """Take in one week of resolved forecasts.

    Args:
        state: Before it.
        gained: Log-likelihood gained over the base rate by each signal, nats, counted in independent rows,
            shape (rows, signals); 0 where a signal was silent.
        seen: Share of the week that each row has seen, in [0, 1], shape (rows,); a row of 0 stays as it is.
    """
    here = (seen > 0)[:, None]
    signals = gained.shape[1]
    gained = np.clip(gained, -LARGEST, LARGEST)
    learnt = state.learnt * np.exp(gained - gained.max(axis=1, keepdims=True))
    learnt = (1.0 - SHARE) * learnt / learnt.sum(axis=1, keepdims=True) + SHARE / signals
    total = np.where(here, state.gained + gained, state.gained)
    mixture = np.exp(total - total.max(axis=1, keepdims=True))
    mixture /= mixture.sum(axis=1, keepdims=True)
    wanted = _floored(PRIOR * mixture + (1.0 - PRIOR) * learnt)
    used = _towards(state.used, wanted, CAP * seen[:, None])
    return WeightState(
        np.where(here, learnt, state.learnt), total, np.where(here, used, state.used), state.weeks + seen
    )


def published(
    state: WeightState, signals: Sequence[str], regimes: Sequence[str], sectors: Sequence[str]
) -> Weights:
    """Return the weights in use under their names; a regime or sector that has seen nothing is left out."""
    names = [f"regime {name}" for name in regimes] + [f"sector {name}" for name in sectors]
    weeks = dict(zip(names, state.weeks[1:].tolist(), strict=True))
    rows = dict(zip(names, state.used[1:].tolist(), strict=True))
    return Weights(
        tuple(signals),
        tuple(state.used[EVERYTHING].tolist()),
        {name: tuple(rows[f"regime {name}"]) for name in regimes if weeks[f"regime {name}"] > 0},
        {name: tuple(rows[f"sector {name}"]) for name in sectors if weeks[f"sector {name}"] > 0},
        {name: seen for name, seen in weeks.items() if seen > 0},
    )


def mixed(state: WeightState, regimes: NDArray[np.intp], sectors: NDArray[np.intp], n: int) -> FloatArray:
    """Return the weights of sessions and tickers, mean 1 over signals, shape (sessions, tickers, signals).

    Args:
        state: With `n` regimes before its sectors.
        regimes: Place of each session's regime, -1 unknown, shape (sessions,).
        sectors: Place of each ticker's sector, -1 unknown, shape (tickers,).
        n: Regimes.
    """
    weeks = np.append(state.weeks, 0.0)
    used = np.append(state.used, state.used[:1], axis=0)
    first, second = np.where(regimes >= 0, 1 + regimes, -1), np.where(sectors >= 0, 1 + n + sectors, -1)
    of_regime, of_sector = weeks[first], weeks[second]
    above = POOLING * used[EVERYTHING] + of_regime[:, None] * used[first]
    below = of_sector[:, None] * used[second]
    count = POOLING + of_regime[:, None] + of_sector
    return np.asarray((above[:, None] + below) / count[..., None] * used.shape[1])


def _floored(shares: FloatArray) -> FloatArray:
    """Lift shares to the floor; the others give up what that takes, in proportion to what they have above."""
    least = min(FLOOR, 1.0 / shares.shape[1])
    above = np.maximum(shares - least, 0.0)
    total = above.sum(axis=1, keepdims=True)
    left = 1.0 - least * shares.shape[1]
    spread = np.divide(above, total, out=np.full(shares.shape, 1.0 / shares.shape[1]), where=total > 0)
    return np.asarray(least + left * spread)


def _towards(now: FloatArray, wanted: FloatArray, cap: FloatArray) -> FloatArray:
    """Go from shares to others as far as no share changes by more than the cap; both sum to 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(wanted != now, cap * now / np.abs(wanted - now), np.inf)
    part = np.minimum(1.0, room.min(axis=1, keepdims=True))
    return np.asarray(now + part * (wanted - now))
