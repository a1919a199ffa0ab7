"""The settings of the alerts: rules, routes, maintenance windows."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from alerts.message import Severity
from alerts.route import Digest, Route, Routing
from alerts.rule import LONGEST_NAME, Action, Rule, Side
from alerts.silence import Weekday, Window
from daemon.configuration.section import LONGEST_HOURS, LONGEST_MINUTES, LONGEST_SESSIONS, Section


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("no such time zone; write it as America/New_York or UTC") from None
    return name


def _wall_time(text: str) -> str:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise ValueError("no time of day; write it as 22:30") from None
    if found.tzinfo is not None:
        raise ValueError("the time has a zone of its own; write it as 22:30, and the zone in `zone`")
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a character that is not printable; leave it out")
    return text


Zone = Annotated[str, AfterValidator(_zone)]
WallTime = Annotated[str, AfterValidator(_wall_time)]
Name = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^/]*$"), AfterValidator(_printable)
]


class RuleSettings(Section):
    """One rule as written in the configuration; `enabled = false` removes it."""

    enabled: bool = True
    metric: str
    summary: str
    subject: str = "*"
    side: Side = Side.ABOVE
    threshold: float | None = None
    own_limit: bool = False
    clear: float | None = None
    max_p_value: float | None = Field(None, gt=0, le=1)
    min_e_value: float | None = Field(None, gt=0)
    for_sessions: int = Field(1, ge=1, le=LONGEST_SESSIONS)
    dwell_sessions: int = Field(0, ge=0, le=LONGEST_SESSIONS)
    flap_moves: int = Field(4, ge=1)
    flap_sessions: int = Field(20, ge=0, le=LONGEST_SESSIONS)
    no_data_sessions: int = Field(0, ge=0, le=LONGEST_SESSIONS)
    severity: Severity = Severity.WARNING
    action: Action = Action.NOTIFY
    confirmed_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    group: str = ""
    runbook: str = ""
    false_alarms: str = ""

    def rule(self, name: str) -> Rule:
        """Return the rule of that name."""
        return Rule(name=name, **self.model_dump(exclude={"enabled"}))


class RouteSettings(Section):
    """One row of the routing table."""

    name: Name
    severities: tuple[Severity, ...] = Field(tuple(Severity), min_length=1)
    rules: tuple[str, ...] = ("*",)
    channels: tuple[str, ...]
    fallback: tuple[str, ...] = ()
    repeat_hours: float = Field(0.0, ge=0, le=LONGEST_HOURS)
    escalate_minutes: float = Field(0.0, ge=0, le=LONGEST_MINUTES)
    escalate_to: tuple[str, ...] = ()
    digest_hour: int | None = Field(None, ge=0, le=23)
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _escalates_somewhere(self) -> RouteSettings:
        if bool(self.escalate_minutes) != bool(self.escalate_to):
            raise ValueError(
                "escalate_minutes and escalate_to belong together; give both or neither "
                f"(they are {self.escalate_minutes:g} and {list(self.escalate_to)})"
            )
        return self

    @property
    def every_channel(self) -> tuple[str, ...]:
        """Every channel it names."""
        return (*self.channels, *self.fallback, *self.escalate_to)

    def route(self) -> Route:
        """Return the route."""
        return Route(
            name=self.name,
            severities=frozenset(self.severities),
            rules=self.rules,
            channels=self.channels,
            fallback=self.fallback or self.channels,
            repeat=timedelta(hours=self.repeat_hours) if self.repeat_hours else None,
            escalate_after=timedelta(minutes=self.escalate_minutes) if self.escalate_minutes else None,
            escalate_to=self.escalate_to,
            digest=None if self.digest_hour is None else Digest(self.digest_hour, ZoneInfo(self.zone)),
        )


class WindowSettings(Section):
    """A maintenance window that comes back every week."""

    name: Name
    days: tuple[str, ...] = Field(tuple(day.name.lower() for day in Weekday), min_length=1)
    begins: WallTime
    ends: WallTime
    zone: Zone
    rules: tuple[str, ...] = ("*",)
    subject: str = "*"

    @model_validator(mode="after")
    def _knows_its_days(self) -> WindowSettings:
        known = [day.name.lower() for day in Weekday]
        for day in self.days:
            if day not in known:
                raise ValueError(f"days names {day!r}; write them as {', '.join(known)}")
        return self

    def window(self) -> Window:
        """Return the window."""
        return Window(
            name=self.name,
            days=frozenset(Weekday[day.upper()] for day in self.days),
            begins=time.fromisoformat(self.begins),
            ends=time.fromisoformat(self.ends),
            zone=ZoneInfo(self.zone),
            rules=self.rules,
            subject=self.subject,
        )


class AlertSettings(Section):
    """Who is told of alerts, and when people want to be left alone."""

    tick_seconds: float = Field(15.0, gt=0, le=3600)
    routes: tuple[RouteSettings, ...] = ()
    windows: tuple[WindowSettings, ...] = ()

    @model_validator(mode="after")
    def _routes_have_names_of_their_own(self) -> AlertSettings:
        names = [route.name for route in self.routes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two routes are called {name!r}; give each a name of its own")
        return self

    def routing(self, channels: tuple[tuple[str, Severity], ...]) -> Routing:
        """Return the routing table over the enabled channels, as (name, least severity)."""
        return Routing(channels, (route.route() for route in self.routes))
