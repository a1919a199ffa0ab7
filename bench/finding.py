"""The finding: one measured number beside the goal it was held to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from bench.share import Share


class Outcome(StrEnum):
    """What came of a goal; a number without a goal is only shown.

    `AT_BEST` is for times: the best round met it and the median did not.
    """

    MET = "met"
    AT_BEST = "met at best"
    MISSED = "**missed**"
    SHOWN = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a table.

    Attributes:
        what: What was measured.
        goal: What it was to be, in words; empty where it is only shown.
        measured: What it is, with its unit.
        outcome: Whether the goal is met.
        note: Why, in a short clause; empty where nothing need be said.
    """

    what: str
    goal: str
    measured: str
    outcome: Outcome
    note: str = ""

    @classmethod
    def number(
        cls,
        what: str,
        value: float,
        unit: str = "",
        *,
        at_least: float = -math.inf,
        at_most: float = math.inf,
        error: float | None = None,
        digits: int = 0,
        note: str = "",
    ) -> Finding:
        """A number held to limits, both included; NaN meets none.

        Args:
            what: What was measured.
            value: Its value, judged before it is rounded.
            unit: Written behind it.
            at_least: Least value of the goal.
            at_most: Greatest value of the goal.
            error: Its standard error, shown only: the goal is judged without.
            digits: Digits after the point.
            note: Why.
        """
        measured = _written(value, digits) + ("" if error is None else f" ± {_written(error, digits)}")
        goal = _goal(at_least, at_most, unit)
        outcome = Outcome.SHOWN
        if goal:
            outcome = Outcome.MET if at_least <= value <= at_most else Outcome.MISSED
        return cls(what, goal, f"{measured} {unit}".rstrip(), outcome, note)

    @classmethod
    def share(
        cls,
        what: str,
        share: Share,
        *,
        at_least: float = -math.inf,
        at_most: float = math.inf,
        note: str = "",
    ) -> Finding:
        """A counted share held to limits, all as fractions, shown in percent."""
        return cls.number(
            what,
            100 * share.value,
            "%",
            at_least=100 * at_least,
            at_most=100 * at_most,
            error=100 * share.error,
            digits=2,
            note=note,
        )

    @classmethod
    def answer(cls, what: str, wanted: str, found: str, *, note: str = "") -> Finding:
        """A word that should have come out."""
        return cls(what, wanted, found, Outcome.MET if found == wanted else Outcome.MISSED, note)

    @classmethod
    def text(cls, what: str, found: str) -> Finding:
        """Words to be shown."""
        return cls(what, "", found, Outcome.SHOWN)

    @property
    def sentence(self) -> str:
        """The finding in words."""
        because = f" ({self.note})" if self.note else ""
        wanted = f"; wanted {self.goal}" if self.goal else ""
        return f"{self.what}: {self.measured}{wanted}{because}."


def _goal(at_least: float, at_most: float, unit: str) -> str:
    low, high = math.isfinite(at_least), math.isfinite(at_most)
    if low and high:
        words = f"{_plain(at_least)} to {_plain(at_most)}"
    elif low or high:
        words = f"at least {_plain(at_least)}" if low else f"at most {_plain(at_most)}"
    else:
        return ""
    return f"{words} {unit}".rstrip()


def _written(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _plain(value: float) -> str:
    """Shortest digits; rounded so that 100 x 0.015 is 1.5."""
    rounded = round(value, 9)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,g}"
