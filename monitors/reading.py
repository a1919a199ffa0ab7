"""The reading: one number about the forecaster's health, and how much it can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class State(StrEnum):
    """What a reading says. Whatever could not be judged is `NO_DATA`, never `OK`."""

    OK = "ok"
    WARN = "warn"
    BREACH = "breach"
    NO_DATA = "no_data"


class NoData(StrEnum):
    """Why a reading could not be judged."""

    TOO_FEW = "too_few"
    MISSING = "missing"
    CONSTANT = "constant"
    STUCK = "stuck"
    STALE = "stale"
    INFINITE = "infinite"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How often chance alone would give such a number.

    Attributes:
        method: The name of the test, as `own_windows`, `exact_binomial`, `e_detector`.
        p_value: In (0, 1], or None where the method yields an e-value.
        e_value: Non-negative, or None where the method yields a p-value.
    """

    method: str
    p_value: float | None = None
    e_value: float | None = None

    def __post_init__(self) -> None:
        if (self.p_value is None) == (self.e_value is None):
            raise ValueError(f"evidence {self.method!r} needs exactly one of p_value and e_value")


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured number and what is known about it.

    Attributes:
        session: The session whose close it describes.
        monitor: The family: `drift`, `performance`, `calibration`, `execution`.
        metric: The measure, as `psi` or `win_rate_last_20`.
        subject: What was measured: a feature, a ticker, `account`, `universe`.
        value: The number, in the metric's own unit; NaN exactly where the state is `NO_DATA`.
        n: How many observations it rests on.
        threshold: The classic limit beside which it is shown, or None.
        state: The verdict.
        evidence: How likely it is by chance, or None where no null is defined.
        reason: Why it could not be judged; set exactly where the state is `NO_DATA`.
        detail: One short clause for a person.
        interval: Where the number lies with 95 %, low and high end (infinite: no limit), or None where none
            is known. Not kept in the store, whose readings carry it in their detail.
    """

    session: date
    monitor: str
    metric: str
    subject: str
    value: float
    n: int
    threshold: float | None
    state: State
    evidence: Evidence | None = None
    reason: NoData | None = None
    detail: str = ""
    interval: tuple[float, float] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        no_data = self.state is State.NO_DATA
        if no_data != (self.reason is not None):
            raise ValueError(f"reading {self.metric}/{self.subject}: no_data and reason go together")
        if no_data != math.isnan(self.value):
            raise ValueError(f"reading {self.metric}/{self.subject}: value is NaN exactly when no_data")
