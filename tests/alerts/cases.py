"""Rules, readings and a world in which alerts are told, for the tests of the deciding half."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from alerts.alert import Alert, AlertTransition
from alerts.evaluation import evaluate
from alerts.group import Group
from alerts.message import Severity
from alerts.notice import Notice, Telling
from alerts.route import Route, Routing
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.silence import Quiet, Silence, Window
from alerts.tell import tell
from monitors.reading import NoData, Reading, State

DAY = date(2024, 1, 2)
NOON = datetime(2024, 1, 2, 12, 0, tzinfo=UTC)
BAD, BETWEEN, GOOD, UNKNOWN = 0.9, 0.15, 0.0, math.nan
EVERYBODY = (("slack", Severity.INFO), ("email", Severity.INFO))


def rule(name: str = "rule", **changes: object) -> Rule:
    """Return a rule on `psi` above 0.2, clear at 0.1."""
    usual: dict[str, Any] = {
        "name": name,
        "metric": "psi",
        "summary": f"About {name}",
        "threshold": 0.2,
        "clear": 0.1,
    }
    return Rule(**(usual | changes))


def reading(value: float, session: date, *, subject: str = "rsi_14", metric: str = "psi") -> Reading:
    """Return a reading; NaN is one without data."""
    known = not math.isnan(value)
    state = State.OK if known else State.NO_DATA
    reason = None if known else NoData.MISSING
    return Reading(session, "drift", metric, subject, value, 100, 0.2, state, reason=reason)


def day(number: int) -> date:
    """Return the session of that number."""
    return DAY + timedelta(days=number)


@dataclass
class World:
    """Alerts, groups and what was told, advanced session by session."""

    rules: tuple[Rule, ...]
    routes: tuple[Route, ...] = ()
    channels: tuple[tuple[str, Severity], ...] = EVERYBODY
    windows: tuple[Window, ...] = ()
    silences: list[Silence] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    session: date = DAY
    now: datetime = NOON
    told: list[Notice] = field(default_factory=list)
    moved: tuple[AlertTransition, ...] = ()

    @property
    def book(self) -> Rulebook:
        """The rules in force."""
        return Rulebook(self.rules)

    def judge(self, *, complete: bool = True, metric: str = "psi", **values: float) -> tuple[Notice, ...]:
        """Judge one value for each subject on the present day, and tell."""
        return self.take(self.read(values, metric), complete=complete)

    def read(self, values: Mapping[str, float], metric: str = "psi") -> list[Reading]:
        """Return one reading for each subject on the present day."""
        return [reading(value, self.session, subject=name, metric=metric) for name, value in values.items()]

    def take(self, made: list[Reading], *, complete: bool = True) -> tuple[Notice, ...]:
        """Judge readings, and tell."""
        self.alerts, self.moved = evaluate(self.book, self.alerts, made, self.session, complete=complete)
        return self.tell()

    def tell(self) -> tuple[Notice, ...]:
        """Tell what is due now."""
        telling = self.look()
        self.alerts |= telling.alerts
        self.groups |= telling.groups
        self.told += telling.notices
        return telling.notices

    def look(self) -> Telling:
        """Return what would be told now."""
        quiet = Quiet.of(self.silences, self.windows, self.now)
        routing = Routing(self.channels, self.routes)
        return tell(self.book, self.alerts, self.groups, quiet, routing, self.session, self.now)

    def wait(self, **span: float) -> tuple[Notice, ...]:
        """Let time pass, and tell."""
        self.now += timedelta(**span)
        return self.tell()

    def sleep(self, days: int = 1) -> None:
        """Go to a later session."""
        self.session += timedelta(days=days)
        self.now += timedelta(days=days)

    def next(self, **values: float) -> tuple[Notice, ...]:
        """Judge the next session, and tell."""
        self.sleep()
        return self.take(self.read(values))

    def silence(self, rule_glob: str, hours: float, subject: str = "*") -> None:
        """Silence something from now on."""
        ends = self.now + timedelta(hours=hours)
        self.silences.append(
            Silence(len(self.silences) + 1, rule_glob, subject, self.now, ends, "quiet", "anna")
        )
