"""The result: what one check found in one subject."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Check(StrEnum):
    """The checks; each answers one question."""

    TRUNCATION = "truncation"
    POISON = "poison"
    START_UP = "start-up"
    KNOWN_AT = "known at"
    RESTATED = "restated"
    MEMBERSHIP = "membership"
    EXECUTION = "execution shift"
    EARLIER_BARS = "earlier bars"
    OUTCOMES = "open outcomes"
    LABEL_SHUFFLE = "label shuffle"
    FOLDS = "no edge"
    NOISE = "noise feature"

    @property
    def asks(self) -> str:
        """Its question, in words."""
        return ASKS[self]


ASKS = {
    Check.TRUNCATION: "is the value the same when the history ends with its session?",
    Check.POISON: "is it the same when all that comes later is unknown, x 1000 or shuffled?",
    Check.START_UP: "is it the same from its lookback, from twice as much and from all of the history?",
    Check.KNOWN_AT: "is it the same when what became known after the close is other?",
    Check.RESTATED: "is it the same once a later split and dividend have restated the past?",
    Check.MEMBERSHIP: "is it the same when others join and leave later?",
    Check.EXECUTION: "is it no better than honest values are, and worth as much a bar later?",
    Check.EARLIER_BARS: "does a payoff start after the bars that its decision has read?",
    Check.OUTCOMES: "is a score the same when outcomes that are still open are other?",
    Check.LABEL_SHUFFLE: "is a score worth nothing once outcomes are shuffled within each session?",
    Check.FOLDS: "is a score worth nothing where features last, outcomes overlap and nothing is to be found?",
    Check.NOISE: "does a feature of noise stay out of the upper half of importance?",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found in one subject.

    Attributes:
        check: Which check.
        subject: Which subject.
        columns: How many of its columns had a known value to compare.
        compared: How many values (or, where chance judges, sessions) were compared.
        misses: How many of them are not as they should be.
        leaking: Names of the columns to which these belong.
        said: The first miss, or what was measured, in words.
        skipped: Why the check does not apply; "" where it does.
        unseen: Columns without a known value at any cut: nothing is said about them.
    """

    check: Check
    subject: str
    columns: int = 0
    compared: int = 0
    misses: int = 0
    leaking: tuple[str, ...] = ()
    said: str = ""
    skipped: str = ""
    unseen: tuple[str, ...] = ()

    @property
    def is_leak(self) -> bool:
        """Whether something was read that could not be known."""
        return self.misses > 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self) | {"check": self.check.value, "leak": self.is_leak}
