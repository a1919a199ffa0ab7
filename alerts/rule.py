"""The rule: which reading is worth an alert, and what is done about it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from alerts.message import Severity
from monitors.reading import Evidence, Reading, State

LONGEST_NAME: Final = 64  # characters, as the store keeps it


class Action(StrEnum):
    """What a firing alert does about trading.

    `reduce_only` lets only exposure-reducing orders pass until the alert is resolved; `close_only` does the
    same until a person lifts it; `halt` lets nothing but cancels pass until a person lifts it.
    """

    NOTIFY = "notify"
    REDUCE_ONLY = "reduce_only"
    CLOSE_ONLY = "close_only"
    HALT = "halt"


class Side(StrEnum):
    """On which side of the threshold a reading breaks the rule."""

    ABOVE = "above"
    BELOW = "below"


class Verdict(StrEnum):
    """What one reading says to one rule."""

    HOLDS = "holds"
    CLEAR = "clear"
    BETWEEN = "between"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on one metric, for each subject that matches.

    Attributes:
        name: Unique; with the subject it is the alert's fingerprint, so it survives a reload.
        metric: The reading's metric.
        subject: A glob over the reading's subject.
        side: Which side of the threshold is bad.
        threshold: The limit, in the metric's unit; None where only the evidence counts.
        own_limit: Take the reading's own verdict instead: it must be a breach. For limits that move, as ten
            points below a baseline.
        clear: Where the condition counts as over; equal to the threshold for no hysteresis.
        max_p_value: With a p-value as evidence: no more than this; None asks for no evidence.
        min_e_value: With an e-value as evidence: no less than this; None asks for no evidence.
        for_sessions: Consecutive sessions the condition must hold before the alert fires, at least 1.
        dwell_sessions: Sessions a firing alert stays firing at the least.
        flap_moves: An alert that fired or resolved more often than this in `flap_sessions` is flapping: it
            is told once as such and then not until it is steady, at half as many moves.
        flap_sessions: The length of that window; 0 for no damping.
        no_data_sessions: Sessions after which a subject that was judged once and cannot be judged any more,
            or is gone, has no data; 0 for never.
        severity: How urgent.
        action: What is done about trading while it fires.
        confirmed_by: Names of rules, one of which must fire too before this one may.
        inhibited_by: Names of rules; while one of them fires, this one is not told: it is its consequence.
        group: Alerts of one group are told in one message; "" for the rule's own name.
        summary: One line for the message's title.
        runbook: What the reader can do.
        false_alarms: The measured false-alarm rate, in words, shown beside the rule; "" where not measured.
    """

    name: str
    metric: str
    summary: str
    subject: str = "*"
    side: Side = Side.ABOVE
    threshold: float | None = None
    own_limit: bool = False
    clear: float | None = None
    max_p_value: float | None = None
    min_e_value: float | None = None
    for_sessions: int = 1
    dwell_sessions: int = 0
    flap_moves: int = 4
    flap_sessions: int = 20
    no_data_sessions: int = 0
    severity: Severity = Severity.WARNING
    action: Action = Action.NOTIFY
    confirmed_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    group: str = ""
    runbook: str = ""
    false_alarms: str = ""

    def __post_init__(self) -> None:
        for name in (self.name, self.group):
            if len(name) > LONGEST_NAME or "/" in name:
                raise ValueError(f"{name!r} is no name; use at most {LONGEST_NAME} characters and no slash")
            if not name.isprintable():
                raise ValueError(f"{name!r} is no name; leave out what is not printable, as a line feed")
        self._check_condition()
        self._check_clear()
        if self.for_sessions < 1:
            raise ValueError(f"rule {self.name!r}: for_sessions is {self.for_sessions}, the least is 1")
        if self.flap_moves < 1:
            raise ValueError(
                f"rule {self.name!r}: flap_moves is {self.flap_moves}, the least is 1; "
                "flap_sessions = 0 turns the damping off"
            )

    def _check_condition(self) -> None:
        if self.threshold is None and self.max_p_value is None and self.min_e_value is None:
            if not self.own_limit:
                raise ValueError(
                    f"rule {self.name!r} has no condition; give a threshold, evidence or own_limit = true"
                )
        elif self.max_p_value is not None and self.min_e_value is not None:
            raise ValueError(f"rule {self.name!r} asks for a p-value and an e-value; a reading has only one")
        if self.own_limit and self.threshold is not None:
            raise ValueError(f"rule {self.name!r} has a threshold and own_limit; give one of them")
        for key, limit in (("threshold", self.threshold), ("clear", self.clear)):
            if limit is not None and not math.isfinite(limit):
                raise ValueError(f"rules.{self.name}.{key} = {limit} is no limit; give a finite number")

    def _check_clear(self) -> None:
        if self.clear is None or self.own_limit:
            return
        if self.threshold is None:
            raise ValueError(
                f"rules.{self.name}.clear = {self.clear:g} needs a threshold to clear from; "
                "give one, or take clear out"
            )
        if self._beyond(self.clear, self.threshold):
            way = "at or below" if self.side is Side.ABOVE else "at or above"
            raise ValueError(
                f"rules.{self.name}.clear = {self.clear:g} must lie {way} threshold = {self.threshold:g} "
                f"(side = {self.side}); the nearest is {self.threshold:g}"
            )

    @property
    def place(self) -> str:
        """The group its alerts are told in."""
        return self.group or self.name

    @property
    def latches(self) -> bool:
        """Whether only a person lifts what it does to trading."""
        return self.action in {Action.CLOSE_ONLY, Action.HALT}

    def covers(self, reading: Reading) -> bool:
        """Tell whether the rule looks at this reading."""
        return reading.metric == self.metric and fnmatchcase(reading.subject, self.subject)

    def noteworthy(self, readings: Iterable[Reading], known: Collection[str]) -> Iterable[Reading]:
        """Return the readings that may move an alert: past the limit, or of a subject that is known.

        The others, nearly all of them, leave nothing to remember. Where missing data is told, each does.
        """
        limit = self.threshold
        if self.no_data_sessions or limit is None:
            return readings
        if self.side is Side.ABOVE:
            return [one for one in readings if one.value > limit or one.subject in known]
        return [one for one in readings if one.value < limit or one.subject in known]

    def test(self, reading: Reading) -> Verdict:
        """Hold the reading against the rule. What cannot be judged is never clear."""
        if reading.state is State.NO_DATA:
            return Verdict.NO_DATA
        beyond = (
            reading.state is State.BREACH if self.own_limit else self._breaks(reading.value, self.threshold)
        )
        if beyond and self._is_evident(reading.evidence):
            return Verdict.HOLDS
        if self.clear is not None and self._breaks(reading.value, self.clear):
            return Verdict.BETWEEN
        return Verdict.CLEAR

    def _breaks(self, value: float, limit: float | None) -> bool:
        return limit is None or self._beyond(value, limit)

    def _beyond(self, value: float, limit: float) -> bool:
        return value > limit if self.side is Side.ABOVE else value < limit

    def _is_evident(self, evidence: Evidence | None) -> bool:
        p_value = evidence.p_value if evidence else None
        e_value = evidence.e_value if evidence else None
        if self.max_p_value is not None and not (p_value is not None and p_value <= self.max_p_value):
            return False
        return self.min_e_value is None or (e_value is not None and e_value >= self.min_e_value)


def fingerprint(rule: str, subject: str) -> str:
    """Return the identity of an alert: rule and subject."""
    return f"{rule}/{subject}"
