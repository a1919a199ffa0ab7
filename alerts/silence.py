"""Silences and maintenance windows: when people do not want to be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from alerts.reason import Reason


class Weekday(IntEnum):
    """A day of the week, as `date.weekday` counts."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6


@dataclass(frozen=True, slots=True)
class Silence:
    """A person's wish not to be told for a while. The trading gate does not hear it.

    Attributes:
        number: Its identity, 1, 2, 3...
        rule: A glob over the rule's name or its group's.
        subject: A glob over the alert's subject.
        starts: From when, aware UTC.
        ends: Until when, aware UTC; the end is not part of it.
        reason: Why, in words.
        actor: Who wished it.
    """

    number: int
    rule: str
    subject: str
    starts: datetime
    ends: datetime
    reason: str
    actor: str

    def covers(self, rule: str, group: str, subject: str, now: datetime) -> bool:
        """Tell whether it holds an alert back now."""
        return self.starts <= now < self.ends and _matches(self.rule, self.subject, rule, group, subject)


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window that comes back every week.

    Attributes:
        name: What it is for.
        days: The days on which it begins, in its own time zone.
        begins: The wall time at which it begins.
        ends: The wall time at which it ends; not after `begins` means on the next day.
        zone: The time zone.
        rules: Globs over the rule's name or its group's, one of which must match.
        subject: A glob over the alert's subject.
    """

    name: str
    days: frozenset[Weekday]
    begins: time
    ends: time
    zone: ZoneInfo
    rules: tuple[str, ...] = ("*",)
    subject: str = "*"

    def covers(self, rule: str, group: str, subject: str, now: datetime) -> bool:
        """Tell whether it holds an alert back now."""
        matches = any(_matches(one, self.subject, rule, group, subject) for one in self.rules)
        return matches and self.is_open(now)

    def is_open(self, now: datetime) -> bool:
        """Tell whether an instant lies in it. Wall times are those of its zone on the day itself."""
        today = now.astimezone(self.zone).date()
        return any(self._holds(day, now) for day in (today - timedelta(days=1), today))

    def _holds(self, day: date, now: datetime) -> bool:
        if Weekday(day.weekday()) not in self.days:
            return False
        last = day if self.begins < self.ends else day + timedelta(days=1)
        first = datetime.combine(day, self.begins, self.zone)
        return first <= now < datetime.combine(last, self.ends, self.zone)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Everything that holds alerts back: a person's silences and the weekly windows."""

    silences: tuple[Silence, ...] = ()
    windows: tuple[Window, ...] = ()

    @classmethod
    def of(cls, silences: Iterable[Silence], windows: Iterable[Window], now: datetime) -> Quiet:
        """Keep what holds anything back at an instant."""
        return cls(
            tuple(one for one in silences if one.starts <= now < one.ends),
            tuple(one for one in windows if one.is_open(now)),
        )

    def why(self, rule: str, group: str, subject: str, now: datetime) -> Reason | None:
        """Return why an alert is held back now; None where it is not."""
        if any(one.covers(rule, group, subject, now) for one in self.silences):
            return Reason.SILENCED
        if any(one.covers(rule, group, subject, now) for one in self.windows):
            return Reason.MAINTENANCE
        return None


def broken(glob: str) -> str:
    """Return what is wrong with a glob and the fix; "" where nothing is."""
    if not glob:
        return 'it matches nothing; write "*" for every subject'
    rest = glob
    while "[" in rest:
        inside = rest.partition("[")[2].removeprefix("!")
        if "]" not in inside[1:]:
            return "its [ is never closed; close it with ], or write [[] for the character itself"
        rest = inside[1:].partition("]")[2]
    return ""


def _matches(rule_glob: str, subject_glob: str, rule: str, group: str, subject: str) -> bool:
    named = rule_glob in (rule, group) or fnmatchcase(rule, rule_glob) or fnmatchcase(group, rule_glob)
    return named and (subject_glob == subject or fnmatchcase(subject, subject_glob))
