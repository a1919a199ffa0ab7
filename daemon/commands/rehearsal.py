"""The rehearsal: stored readings through the rules, as though these had been in force at the time.

It runs the same `evaluate`, `judge` and `tell` as the daemon, and writes nothing. The readings are those that
were stored: what another pause would have changed about the account and so about them is not replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from alerts.alert import Alert, AlertState, firing
from alerts.evaluation import evaluate
from alerts.group import Group
from alerts.message import Event, Severity
from alerts.notice import Notice
from alerts.route import Routing
from alerts.rulebook import Rulebook
from alerts.silence import Quiet, Window
from alerts.tell import tell
from daemon.demands import demands, latching
from daemon.judge import ACTOR
from monitors.reading import Reading, State
from trading.gate import GLOBAL, Gate, GateState, command, judge, new_gate


@dataclass(frozen=True, slots=True)
class Day:
    """One session as it was stored: when it was judged, aware UTC, and its readings."""

    session: date
    at: datetime
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one rule.

    Attributes:
        rule: Its name.
        fired: How often an alert of it began to fire.
        sessions: In how many sessions at least one of its alerts fired.
        longest: The longest time, in sessions, that one of its alerts fired.
        no_data: How often a subject of it could no longer be judged.
        told: Messages in which it was the reason, or one of them.
    """

    rule: str
    fired: int
    sessions: int
    longest: int
    no_data: int
    told: int


@dataclass(frozen=True, slots=True)
class Closure:
    """A time in which trading would have been paused; `end` is None where it still was at the end."""

    start: date
    end: date | None
    state: GateState
    rule: str
    sessions: int
    lifted: bool


@dataclass(frozen=True, slots=True)
class Telling:
    """One message that would have been written."""

    session: date
    group: str
    event: Event
    severity: Severity
    reason: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would have happened.

    Attributes:
        first: The first session; None where there was none.
        last: The last one.
        sessions: How many.
        readings: Readings judged.
        lines: One a rule, those that fired first.
        closures: The pauses, oldest first.
        told: The messages, oldest first.
    """

    first: date | None
    last: date | None
    sessions: int
    readings: int
    lines: tuple[Line, ...]
    closures: tuple[Closure, ...]
    told: tuple[Telling, ...]


class Rehearsing:
    """Folds days into a rehearsal."""

    def __init__(
        self,
        book: Rulebook,
        routing: Routing,
        windows: tuple[Window, ...],
        *,
        max_missing: float,
        patience: int,
    ) -> None:
        """Take the rules, where messages go, and after how many sessions a person would lift a pause."""
        self._book, self._routing, self._windows = book, routing, windows
        self._max_missing, self._patience = max_missing, patience
        self._alerts: dict[str, Alert] = {}
        self._groups: dict[str, Group] = {}
        self._gate: Gate | None = None
        self._closed: list[Closure] = []
        self._open: Closure | None = None
        self._told: list[Telling] = []
        self._counts = {name: Counter[str]() for name in ("fired", "sessions", "longest", "no_data", "told")}
        self._days: list[date] = []
        self._readings = 0

    def step(self, day: Day) -> None:
        """Live through one session."""
        self._days.append(day.session)
        self._readings += len(day.readings)
        gate = self._lifted(self._gate or new_gate(GLOBAL, day.at), day.at)
        after, moved = evaluate(self._book, self._alerts, day.readings, day.session)
        for move in moved:
            self._counts["fired"][move.alert.rule] += move.alert.state is AlertState.FIRING
            self._counts["no_data"][move.alert.rule] += move.alert.state is AlertState.NO_DATA
        alight = firing(after)
        self._counts["sessions"].update({alert.rule for alert in alight})
        for alert in alight:
            longest = self._counts["longest"]
            longest[alert.rule] = max(longest[alert.rule], alert.fired_for)
        fresh = self._is_fresh(day.readings)
        self._gate = judge(gate, demands(self._book, alight), fresh=fresh, at=day.at, actor=ACTOR)
        self._follow_gate(day.session, self._gate)
        self._tell(day, after)

    def result(self) -> Rehearsal:
        """Return what happened."""
        lines = [
            Line(rule.name, *(self._counts[name][rule.name] for name in self._counts))
            for rule in self._book.rules
        ]
        lines.sort(key=lambda line: (-line.fired, -line.no_data, line.rule))
        closures = (*self._closed, *([self._open] if self._open else []))
        return Rehearsal(
            first=self._days[0] if self._days else None,
            last=self._days[-1] if self._days else None,
            sessions=len(self._days),
            readings=self._readings,
            lines=tuple(lines),
            closures=closures,
            told=tuple(self._told),
        )

    def _tell(self, day: Day, alerts: dict[str, Alert]) -> None:
        quiet = Quiet.of((), self._windows, day.at)
        told = tell(self._book, alerts, self._groups, quiet, self._routing, day.session, day.at)
        self._alerts = alerts | told.alerts
        self._groups |= told.groups
        for notice in told.notices:
            channels = notice.channels or (f"digest of {notice.digest}",)
            self._told.append(
                Telling(
                    day.session, notice.group, notice.event, notice.severity, notice.reason.value, channels
                )
            )
            self._counts["told"].update(_rules_of(notice, told.reasons))

    def _is_fresh(self, readings: Iterable[Reading]) -> bool:
        missing = [one for one in readings if one.metric == "bars_missing_rate"]
        known = [one for one in missing if one.state is not State.NO_DATA]
        return bool(known) and all(one.value <= self._max_missing for one in known)

    def _lifted(self, gate: Gate, at: datetime) -> Gate:
        """Let a person lift what is latched once their patience is over, as in a replay."""
        if gate.lifted:
            return replace(gate, lifted=False)
        if not gate.latched or self._open is None or self._open.sessions < self._patience:
            return gate
        self._closed.append(replace(self._open, end=self._days[-1], lifted=True))
        self._open = None
        reason = f"lifted after {self._patience} sessions"
        spells = latching(self._alerts.values())
        return command(
            gate, GateState.UNKNOWN, epoch=gate.epoch, at=at, reason=reason, actor=ACTOR, spells=spells
        )

    def _follow_gate(self, session: date, gate: Gate) -> None:
        closed = gate.state in (GateState.REDUCE_ONLY, GateState.HALTED)
        if not closed:
            if self._open is not None:
                self._closed.append(replace(self._open, end=session))
            self._open = None
            return
        before = self._open or Closure(session, None, gate.state, gate.rule, 0, False)
        stricter = gate.state.strictness > before.state.strictness
        self._open = replace(
            before, sessions=before.sessions + 1, state=gate.state if stricter else before.state
        )


def _rules_of(notice: Notice, reasons: Mapping[str, object]) -> set[str]:
    """Return the rules because of whose alerts a notice was written."""
    alerts = (*notice.open, *notice.over)
    return {alert.rule for alert in alerts if alert.fingerprint in reasons} or {one.rule for one in alerts}
