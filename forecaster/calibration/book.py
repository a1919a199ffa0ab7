"""The calibration book: it tests the map in use on every outcome, and replaces it only on evidence.

A candidate map is fitted anew after every 20 resolved trades, shrunk to the map in use. It bets against that
map: each outcome multiplies the wealth by the probability the candidate gave it / the probability the map in
use gave it. While the map in use is calibrated the wealth is a martingale, however often one looks and
whatever the candidate says, and reaches 20 with a probability of at most 5 % (Ville 1939; Arnold, Henzi,
Ziegel 2023). Once it does, the candidate is frozen and stated in the shadow of the map in use for 100
further trades, and takes its place only if its log-loss on those is the better one.

Trades resolved in one session move together: their ratios are averaged, which keeps the mean at 1 whatever
the dependence. Outcomes that span several sessions overlap: sessions are dealt into as many lanes, each
with a wealth of its own, and the mean over the lanes counts. That the mean keeps the bound at every look is
measured, not proven. A new test starts after each decision, so the bound holds for each decision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np

from forecaster.calibration.platt import AS_STATED, PlattMap, fit_platt
from forecaster.calibration.sample import Sample, make_sample
from market.panel import FloatArray

EVERY: Final = 20  # resolved trades between two candidates
LIMIT: Final = 20.0  # wealth at which the map in use stands accused: 5 % by Ville's inequality
SHADOW: Final = 100  # resolved trades on which the candidate must be better
KEPT: Final = 2_000  # resolved trades a candidate is fitted to
SHIFT_SD: Final = (0.3, 0.5)  # how far a candidate's pooled intercept and slope lie from those in use
RICHEST: Final = 1e9


class Stage(StrEnum):
    """What the book is doing."""

    WATCH = "watch"
    SHADOW = "shadow"


class Verdict(StrEnum):
    """What came of a test."""

    ACCUSED = "accused"
    PROMOTED = "promoted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that a person should be able to look up later.

    Attributes:
        verdict: Accused: the shadow period begins. Promoted, rejected: what it came to.
        trades: Resolved trades since the book was opened.
        e_value: The wealth that accused the map in use.
        gain: Log-loss saved by the candidate in the shadow period, nats per trade; 0 before it.
    """

    verdict: Verdict
    trades: int
    e_value: float
    gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """The trades kept for the next candidate, oldest first, one column a tuple."""

    probability: tuple[float, ...] = ()
    outcome: tuple[float, ...] = ()
    regimes: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    session: tuple[int, ...] = ()

    def followed_by(self, sample: Sample, session: int) -> Resolved:
        """These and a session more, the newest 2,000."""
        n = len(sample)
        return Resolved(
            (*self.probability, *sample.probability.tolist())[-KEPT:],
            (*self.outcome, *sample.outcome.tolist())[-KEPT:],
            (*self.regimes, *(sample.regimes or ("",) * n))[-KEPT:],
            (*self.sectors, *(sample.sectors or ("",) * n))[-KEPT:],
            (*self.session, *(session,) * n)[-KEPT:],
        )

    def sample(self, horizon: int) -> Sample:
        """As a sample whose rows count for less where their outcomes overlap."""
        return make_sample(
            self.probability,
            self.outcome,
            session=self.session,
            regimes=self.regimes,
            sectors=self.sectors,
            weight=(1.0 / horizon,) * len(self.outcome),
        )


@dataclass(frozen=True, slots=True)
class CalibrationBook:
    """What is remembered between sessions; plain values, so that it can be stored and read back exactly.

    Attributes:
        live: The map in use.
        candidate: The map that bets against it; in a new book equal to it until 20 trades have been resolved.
        stage: What the book is doing.
        wealth: Of each lane; they start at 1.
        resolved: Trades that the next candidate is fitted to: since the last shadow period began.
        trades: Resolved trades since the book was opened.
        sessions: Sessions with a resolved trade since then.
        waiting: Trades since the last candidate, or since the shadow period began.
        gain: Log-loss saved by the candidate in the shadow period, nats; 0 before it.
    """

    live: PlattMap = AS_STATED
    candidate: PlattMap = AS_STATED
    stage: Stage = Stage.WATCH
    wealth: tuple[float, ...] = (1.0,)
    resolved: Resolved = Resolved()
    trades: int = 0
    sessions: int = 0
    waiting: int = 0
    gain: float = 0.0

    @classmethod
    def opened(cls, live: PlattMap, *, horizon: int = 1) -> Self:
        """A new book.

        Args:
            live: The map in use.
            horizon: Sessions an outcome spans: so many lanes.

        Raises:
            ValueError: When the horizon is below 1.
        """
        if horizon < 1:
            raise ValueError(f"a horizon of {horizon} sessions: at least 1 is needed")
        return cls(live=live, candidate=live, wealth=(1.0,) * horizon)

    @property
    def e_value(self) -> float:
        """The evidence against the map in use: the mean wealth of the lanes."""
        return math.fsum(self.wealth) / len(self.wealth)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; floats keep every digit."""
        return asdict(self) | {"stage": self.stage.value}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after a trip through JSON.

        Raises:
            KeyError: When a part is missing.
            TypeError: When a name is not known.
        """
        return cls(
            **dict(stored)
            | {
                "live": PlattMap.from_dict(stored["live"]),
                "candidate": PlattMap.from_dict(stored["candidate"]),
                "stage": Stage(stored["stage"]),
                "wealth": tuple(stored["wealth"]),
                "resolved": Resolved(**{name: tuple(kept) for name, kept in stored["resolved"].items()}),
            }
        )


def step(book: CalibrationBook, sample: Sample) -> tuple[CalibrationBook, tuple[Decision, ...]]:
    """Take in the trades resolved in one session.

    Pure and deterministic. A session without any changes nothing.

    Args:
        book: Before the session.
        sample: Its trades, with the probabilities that the map in use was given to read, not those it gave.

    Returns:
        The book after it, and what was decided.
    """
    if len(sample) == 0:
        return book, ()
    ratio = _told(book.candidate, sample) - _told(book.live, sample)
    book = replace(
        book,
        trades=book.trades + len(sample),
        sessions=book.sessions + 1,
        waiting=book.waiting + len(sample),
        resolved=book.resolved.followed_by(sample, book.sessions),
    )
    if book.stage is Stage.SHADOW:
        return _shadowed(replace(book, gain=book.gain + math.fsum(ratio.tolist())))
    return _watched(book, float(np.exp(ratio).mean()))


def _watched(book: CalibrationBook, ratio: float) -> tuple[CalibrationBook, tuple[Decision, ...]]:
    lane = (book.sessions - 1) % len(book.wealth)
    wealth = tuple(
        min(own * ratio, RICHEST) if place == lane else own for place, own in enumerate(book.wealth)
    )
    book = replace(book, wealth=wealth)
    accused = book.e_value >= LIMIT
    if accused or book.waiting >= EVERY:
        book = replace(book, candidate=_candidate(book), waiting=0)
    if not accused:
        return book, ()
    book = replace(book, stage=Stage.SHADOW, resolved=Resolved())
    return book, (Decision(Verdict.ACCUSED, book.trades, book.e_value),)


def _shadowed(book: CalibrationBook) -> tuple[CalibrationBook, tuple[Decision, ...]]:
    if book.waiting < SHADOW:
        return book, ()
    better = book.gain > 0
    decision = Decision(
        Verdict.PROMOTED if better else Verdict.REJECTED,
        book.trades,
        book.e_value,
        book.gain / book.waiting,
    )
    after = CalibrationBook.opened(book.candidate if better else book.live, horizon=len(book.wealth))
    after = replace(after, trades=book.trades, sessions=book.sessions, resolved=book.resolved)
    return replace(after, candidate=_candidate(after)), (decision,)


def _candidate(book: CalibrationBook) -> PlattMap:
    return fit_platt(book.resolved.sample(len(book.wealth)), before=book.live, pooled_sd=SHIFT_SD)


def _told(read: PlattMap, sample: Sample) -> FloatArray:
    """Log of the probability that a map gave to what came, shape (n,)."""
    p = read.calibrate(sample.probability, sample.regimes, sample.sectors)
    return np.log(np.where(sample.outcome > 0.5, p, 1.0 - p))
