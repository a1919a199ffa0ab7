"""The route: which channels a group's message goes to, and what happens when nobody reacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from alerts.message import Severity
from alerts.reason import Reason

URGENCY = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Digest:
    """Collects what is only for information into one message a day, at an hour of a time zone."""

    hour: int
    zone: ZoneInfo

    def is_due(self, oldest: datetime, now: datetime) -> bool:
        """Tell whether the hour has struck since the oldest collected message."""
        today = now.astimezone(self.zone).date()
        strokes = (
            datetime.combine(day, time(self.hour), self.zone) for day in (today - timedelta(days=1), today)
        )
        return any(oldest < stroke <= now for stroke in strokes) or now - oldest >= timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the routing table.

    Attributes:
        name: Its name, for people and for its digest.
        severities: The severities it takes.
        rules: Globs over the rule's name or its group's, one of which must match.
        channels: Where its messages go.
        fallback: Where a critical one goes, in turn, when a channel cannot take it.
        repeat: After how long an alert that still fires and that nobody acknowledged is told again; None for
            never.
        escalate_after: After how long without an acknowledgement `escalate_to` is told; None for never.
        escalate_to: The channels of the escalation.
        digest: Collects messages of severity info; None sends them at once.
    """

    name: str
    severities: frozenset[Severity] = frozenset(Severity)
    rules: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    repeat: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: tuple[str, ...] = ()
    digest: Digest | None = None

    def takes(self, severity: Severity, rule: str, group: str) -> bool:
        """Tell whether it takes a message."""
        named = any(
            glob in (rule, group) or fnmatchcase(rule, glob) or fnmatchcase(group, glob)
            for glob in self.rules
        )
        return named and severity in self.severities


class Routing:
    """The routing table: the first route that takes a message decides.

    A channel's own least severity always holds: what is less urgent is never sent there.
    """

    def __init__(self, channels: Iterable[tuple[str, Severity]], routes: Iterable[Route] = ()) -> None:
        """Take the enabled channels as (name, least severity), in order of preference, and the routes.

        Without a route every channel gets everything, and is the others' fallback.
        """
        self._least = dict(channels)
        every = tuple(self._least)
        self._routes = tuple(routes) or (Route("default", channels=every, fallback=every),)

    def find(self, severity: Severity, rule: str, group: str) -> Route | None:
        """Return the first route that takes a message; None where none does."""
        return next((one for one in self._routes if one.takes(severity, rule, group)), None)

    def named(self, name: str) -> Route | None:
        """Return the route of that name."""
        return next((one for one in self._routes if one.name == name), None)

    def open(self, names: Iterable[str], severity: Severity) -> tuple[str, ...]:
        """Return those of the channels that are enabled and want so little urgency, each once."""
        return tuple(
            name
            for name in dict.fromkeys(names)
            if name in self._least and URGENCY[severity] >= URGENCY[self._least[name]]
        )

    def every(self, severity: Severity) -> tuple[str, ...]:
        """Return all channels that are enabled and want so little urgency."""
        return self.open(self._least, severity)

    def why_none(self, route: Route | None) -> Reason:
        """Return why a message reaches no channel."""
        known = route is not None and any(name in self._least for name in route.channels)
        return Reason.BELOW_SEVERITY if known else Reason.UNROUTED
