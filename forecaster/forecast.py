"""The forecast: what is believed about one ticker at one close, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BASE_RATE: Final = "base_rate"
CALIBRATION: Final = "calibration"

EXACT: Final = 1e-9
"""By how much the contributions may miss the log-odds."""


class Direction(StrEnum):
    """Which side of the target is forecast."""

    UP = "up"
    DOWN = "down"
    NO_CALL = "no_call"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one part adds to a forecast's log-odds, every shrinkage included.

    Attributes:
        name: A signal, or `base_rate`, or `calibration` for the shift of the calibration map.
        log_odds: What it adds; 0 for a signal that is silent or is not believed.
        lean: What a signal would add if the past vouched for it; 0 for what is no signal.
    """

    name: str
    log_odds: float
    lean: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is believed about one ticker at one close.

    Attributes:
        ticker: The ticker.
        direction: Up where the target is forecast to come, or no call.
        confidence: Probability of the stated direction; NaN where there is no call. One half says that
            nothing is known beyond the base rate: the direction is then only a lean.
        probability: Of the target, in (0, 1); NaN where there is no call.
        log_odds: The same as log-odds, the sum of the contributions; NaN where there is no call.
        lean: Log-odds above the base rate before the past is asked how far to believe them: it orders tickers
            where probabilities cannot. NaN where there is no call.
        contributions: The base rate, each signal, the calibration; empty where there is no call.
        reasoning: The largest contributions in words.
        coverage: Share of the weights whose signals speak, in [0, 1].
        regime: The regime it was made in, "" where unknown.

    Raises:
        ValueError: The contributions do not add up.
    """

    ticker: str
    direction: Direction
    confidence: float
    probability: float
    log_odds: float
    lean: float
    contributions: tuple[Contribution, ...]
    reasoning: str
    coverage: float
    regime: str = ""

    def __post_init__(self) -> None:
        if self.direction is Direction.NO_CALL:
            return
        total = math.fsum([one.log_odds for one in self.contributions])
        if not abs(total - self.log_odds) <= EXACT:
            raise ValueError(
                f"forecast of {self.ticker}: contributions add up to {total!r}, not to {self.log_odds!r}"
            )
