"""The hierarchical Platt map: one line through the log-odds, bent a little for each regime and sector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from forecaster.calibration.logistic import fit_logistic
from forecaster.calibration.pooling import repeats, spread
from forecaster.calibration.sample import Sample, log_odds
from market.panel import FloatArray

Line = tuple[float, float]
"""(intercept, slope): calibrated log-odds = intercept + slope x stated log-odds; the slope is at least 0."""

PRIOR_SD: Final = 0.15
"""How far a regime's line lies from the pooled one, and a sector's from its regime's, at most."""

POOLED_SD: Final = 1.0
"""How far the pooled line lies from "as stated": wide, four outcomes at even odds weigh as much."""


@dataclass(frozen=True, slots=True)
class PlattMap:
    """Platt's (1999) sigmoid at three levels: pooled -> regime -> sector within the regime.

    Each line is the most probable one given the line above it (a normal prior about that line). A regime or
    sector that the fit has not seen is read by the line above. A line never turns the order round: where data
    ask for a negative slope it is 0, and the level's base rate is stated.

    Attributes:
        pooled: The line of everything.
        regimes: Line of each regime.
        sectors: Line of each sector, by regime; under "" where the regime was unknown.
    """

    pooled: Line = (0.0, 1.0)
    regimes: Mapping[str, Line] = field(default_factory=dict)
    sectors: Mapping[str, Mapping[str, Line]] = field(default_factory=dict)

    def line(self, regime: str = "", sector: str = "") -> Line:
        """The line that reads a forecast of this regime and sector."""
        above = self.regimes.get(regime, self.pooled)
        return self.sectors.get(regime, {}).get(sector, above)

    def calibrate(
        self, probability: FloatArray, regimes: Sequence[str] = (), sectors: Sequence[str] = ()
    ) -> FloatArray:
        """Read stated probabilities; NaN stays NaN.

        Args:
            probability: In [0, 1], shape (n,).
            regimes: Regime of each; empty where none is known.
            sectors: Sector of each, likewise.

        Raises:
            CalibrationError: When a probability lies outside [0, 1].
        """
        stated = log_odds(probability)
        regimes, sectors = _filled(regimes, stated.size), _filled(sectors, stated.size)
        pairs = list(zip(regimes, sectors, strict=True))
        lines = {pair: self.line(*pair) for pair in set(pairs)}
        intercept, slope = np.array([lines[pair] for pair in pairs], np.float64).reshape(-1, 2).T
        return np.asarray(expit(intercept + slope * stated))

    def after(self, first: PlattMap) -> PlattMap:
        """The map that reads by `first`, and what that says by this one."""
        regimes = self.regimes.keys() | first.regimes.keys()
        sectors = {
            regime: self.sectors.get(regime, {}).keys() | first.sectors.get(regime, {}).keys()
            for regime in self.sectors.keys() | first.sectors.keys()
        }
        return PlattMap(
            _chained(first.pooled, self.pooled),
            {regime: _chained(first.line(regime), self.line(regime)) for regime in sorted(regimes)},
            {
                regime: {
                    sector: _chained(first.line(regime, sector), self.line(regime, sector))
                    for sector in sorted(names)
                }
                for regime, names in sorted(sectors.items())
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON.

        Raises:
            KeyError: When a level is missing.
        """
        return cls(
            _line(stored["pooled"]),
            {regime: _line(line) for regime, line in stored["regimes"].items()},
            {
                regime: {sector: _line(line) for sector, line in lines.items()}
                for regime, lines in stored["sectors"].items()
            },
        )


AS_STATED: Final = PlattMap()


def fit_platt(
    sample: Sample,
    *,
    before: PlattMap = AS_STATED,
    pooled_sd: float | Line = POOLED_SD,
    prior_sd: float = PRIOR_SD,
) -> PlattMap:
    """Fit level by level, each shrunk to the one above.

    Defined for any sample: few rows, equal probabilities and outcomes of one class move it as far from
    `before` as the prior lets them, and an empty one not at all. How much rows of one session tell, and how
    far groups differ at all, is measured first (`forecaster.calibration.pooling`).

    Args:
        sample: Resolved forecasts.
        before: The map that is held until data speak: the pooled line is shrunk to its pooled line, and the
            lines below move along with the one above them.
        pooled_sd: Prior standard deviation of the pooled intercept and slope, one for both or one for each.
        prior_sd: The same of a regime's about the pooled and of a sector's about its regime's, at most: where
            groups are seen to differ by less it is what is seen, and where by nothing, they are one.
    """
    x = log_odds(sample.probability)
    design = np.column_stack([np.ones_like(x), x])
    everything = np.zeros(len(sample), np.int64)
    first = np.array([before.pooled])
    rough = _ordered(design, sample.outcome, sample.weight, everything, first, pooled_sd)
    weight = sample.weight / repeats(design, sample.outcome, everything, sample.session, rough)
    (pooled,) = _ordered(design, sample.outcome, weight, everything, first, pooled_sd)
    shift = pooled - before.pooled
    names, group = _grouped(_filled(sample.regimes, len(sample)))
    prior = np.array([before.line(regime) for regime in names]).reshape(-1, 2) + shift
    lines = _below(design, sample, group, prior, prior_sd)
    moved = {regime: _moved(line, shift) for regime, line in before.regimes.items()}
    regimes = moved | {regime: _line(line) for regime, line in zip(names, lines, strict=True)}
    shifts = {regime: np.subtract(line, before.line(regime)) for regime, line in regimes.items()}
    sectors = _sectors(design, sample, before, {"": shift} | shifts, prior_sd)
    return PlattMap(_line(pooled), regimes, sectors)


def _sectors(
    design: FloatArray, sample: Sample, before: PlattMap, shifts: Mapping[str, FloatArray], sd: float
) -> dict[str, dict[str, Line]]:
    out = {
        regime: {sector: _moved(line, shifts[regime]) for sector, line in lines.items()}
        for regime, lines in before.sectors.items()
    }
    n = len(sample)
    pairs = zip(_filled(sample.regimes, n), _filled(sample.sectors, n), strict=True)
    names, group = _grouped([f"{regime}\n{sector}" if sector else "" for regime, sector in pairs])
    told = [name.split("\n", 1) for name in names]
    prior = np.array([before.line(*pair) + shifts[pair[0]] for pair in told]).reshape(-1, 2)
    for (regime, sector), line in zip(told, _below(design, sample, group, prior, sd), strict=True):
        out.setdefault(regime, {})[sector] = _line(line)
    return out


def _below(
    design: FloatArray, sample: Sample, group: NDArray[np.int64], prior: FloatArray, most: float
) -> FloatArray:
    """Lines of the groups, of which -1 is none: as far from the prior as groups are seen to differ."""
    has = group >= 0
    design, outcome, group = design[has], sample.outcome[has], group[has]
    weight = sample.weight[has] / repeats(design, outcome, group, sample.session[has], prior)
    sd = min(most, spread(design, outcome, weight, group, prior))
    if sd == 0:
        return np.column_stack([prior[:, 0], np.maximum(prior[:, 1], 0.0)])
    return _ordered(design, outcome, weight, group, prior, sd)


def _ordered(
    design: FloatArray,
    outcome: FloatArray,
    weight: FloatArray,
    group: NDArray[np.int64],
    prior: FloatArray,
    sd: float | Line,
) -> FloatArray:
    """The most probable lines whose slope is at least 0: where it would be negative, it is held at 0."""
    lines = fit_logistic(design, outcome, weight, group, prior, sd)
    turned = lines[:, 1] < 0
    if turned.any():
        held = np.zeros(lines.shape, np.bool_)
        held[:, 1] = turned
        lines = fit_logistic(design, outcome, weight, group, prior, sd, held)
    return lines


def _grouped(labels: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The names that occur, and each row's place among them; -1 for ""."""
    codes, names = pd.factorize(np.array([label or None for label in labels], dtype=object), sort=True)
    return [str(name) for name in names], codes.astype(np.int64)


def _filled(labels: Sequence[str], n: int) -> Sequence[str]:
    return labels or ("",) * n


def _moved(line: Line, shift: FloatArray) -> Line:
    return line[0] + float(shift[0]), max(0.0, line[1] + float(shift[1]))


def _chained(first: Line, second: Line) -> Line:
    return second[0] + second[1] * first[0], second[1] * first[1]


def _line(values: Sequence[float] | FloatArray) -> Line:
    intercept, slope = values
    return float(intercept), float(slope)
