"""The alert: a rule's condition on one subject, followed from session to session.

States: inactive -> pending -> firing -> resolved (-> pending ...), and no_data for what was judged once and
cannot be judged any more. `evaluate` is the whole state machine: a pure function from the saved alerts and
some readings to the next alerts and what moved. It knows nothing of who is told: silences,
acknowledgements and inhibition are marks that only `alerts.tell` reads, so that they never keep the trading
gate open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from alerts.reason import Reason
from alerts.rule import Rule, Verdict, fingerprint
from alerts.rulebook import Rulebook
from monitors.reading import Evidence, Reading


class AlertState(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    NO_DATA = "no_data"


class Known(StrEnum):
    """What people were last told about an alert."""

    NOTHING = ""
    FIRING = "firing"
    BLIND = "blind"
    NO_DATA = "no_data"
    FLAPPING = "flapping"


OPEN: Final = frozenset({AlertState.FIRING, AlertState.NO_DATA})
"""The states people are told of."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What decides whether people are told of an alert; none of it touches the trading gate.

    Attributes:
        acknowledged_by: Who takes care of it; "" for nobody. It ends with the alert's spell of firing.
        acknowledged_at: When, aware UTC.
        acknowledged_until: When the acknowledgement runs out; None for not at all.
        silenced: A silence or a maintenance window covers it.
        inhibited: An alert that explains it fires.
        known: What people were last told.
        group: The group in which they were told; "" where they were told nothing.
        told_at: When they were told that, aware UTC; None where it reached no channel.
        escalated_at: When it was last escalated, aware UTC.
        reason: The newest decision about telling it.
    """

    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_until: datetime | None = None
    silenced: bool = False
    inhibited: bool = False
    known: Known = Known.NOTHING
    group: str = ""
    told_at: datetime | None = None
    escalated_at: datetime | None = None
    reason: Reason = Reason.UNCHANGED

    def is_acknowledged(self, now: datetime) -> bool:
        """Tell whether somebody takes care of it now."""
        running = self.acknowledged_until is None or now < self.acknowledged_until
        return bool(self.acknowledged_by) and running

    @property
    def asked_at(self) -> datetime | None:
        """Since when somebody is asked to take care of it; None for not at all.

        An acknowledgement that ran out asks anew.
        """
        if self.told_at is None or self.acknowledged_until is None:
            return self.told_at
        return max(self.told_at, self.acknowledged_until)


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule on one subject.

    Attributes:
        rule: The rule's name.
        subject: What the rule found.
        state: Where it stands.
        since: The session in which it entered the state.
        began: The session in which the condition of the present or last episode began.
        held: Consecutive sessions the condition has held while pending.
        fired_for: Sessions it has been firing, the present one included; 0 unless firing.
        value: The last known value while pending or firing, afterwards the one that ended it.
        n: How many observations the value rests on.
        threshold: The limit its reading was shown beside, or None.
        evidence: How likely the value is by chance, or None.
        counted: The session in which its counters last advanced; they advance once a session.
        blind: Sessions in a row without a reading that could be judged.
        moves: How often it changed its state, ever.
        flips: The ages, in sessions, of its recent firings and resolutions.
        flapping: It fires and resolves too often to be told each time.
        latches: It fired under a rule whose pause only a person lifts.
        marks: What decides whether people are told.
    """

    rule: str
    subject: str
    state: AlertState
    since: date
    began: date
    held: int
    fired_for: int
    value: float
    n: int = 0
    threshold: float | None = None
    evidence: Evidence | None = None
    counted: date | None = None
    blind: int = 0
    moves: int = 0
    flips: tuple[int, ...] = ()
    flapping: bool = False
    latches: bool = False
    marks: Marks = field(default_factory=Marks)

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint(self.rule, self.subject)

    @property
    def spell(self) -> str:
        """The identity of its present state: another one each time it begins to fire."""
        return f"{self.fingerprint}#{self.moves}"

    @property
    def is_open(self) -> bool:
        """Whether it is something to tell."""
        return self.state in OPEN

    @property
    def is_quiet(self) -> bool:
        """Whether another session of the same changes nothing about it."""
        still = self.state in (AlertState.INACTIVE, AlertState.RESOLVED)
        return still and self.blind == 0 and not self.flips


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """An alert that entered another state, and the reading that moved it; None where the lack of one did."""

    alert: Alert
    before: AlertState
    reading: Reading | None


def evaluate(
    book: Rulebook,
    alerts: Mapping[str, Alert],
    readings: Iterable[Reading],
    session: date,
    *,
    complete: bool = True,
) -> tuple[dict[str, Alert], tuple[AlertTransition, ...]]:
    """Advance the alerts by some readings of a session.

    A reading without data moves nothing at first: a firing alert keeps firing and a pending one keeps its
    count, but what could not be judged this session confirms nothing. After `no_data_sessions` of them an
    alert that does not fire has no data; one that fires goes on firing, so that what it demands of trading
    stands.

    Args:
        book: The rules in force.
        alerts: The saved alerts by fingerprint; those whose rule is gone are kept untouched, see `retire`.
        readings: Readings of the session, at most one for each metric and subject.
        session: The session. Counters advance once a session, however often it is judged.
        complete: Whether these are all the readings of the session: then what was judged before and is not
            among them counts as a reading without data. In a part of them nothing vanished.

    Returns:
        Every alert by fingerprint, and the transitions.
    """
    after = dict(alerts)
    moved: list[AlertTransition] = []
    by_metric: dict[str, dict[str, Reading]] = {}
    for reading in readings:
        by_metric.setdefault(reading.metric, {})[reading.subject] = reading
    witnesses = Counter(alert.rule for alert in alerts.values() if _testifies(alert, session))
    seen: set[str] = set()

    def step(name: str, old: Alert, rule: Rule, reading: Reading | None) -> None:
        confirmed = not rule.confirmed_by or any(witnesses[other] > 0 for other in rule.confirmed_by)
        new = advance(old, rule, reading, session, confirmed=confirmed)
        if not complete and new.counted != session:
            new = replace(new, counted=session)  # a later, complete look must not take it for gone
        if new is not old or name in after:
            after[name] = new
        witnesses[rule.name] += _testifies(new, session) - _testifies(old, session)
        if new.state is not old.state:
            moved.append(AlertTransition(new, old.state, reading))

    for rule, met in book.meeting(by_metric):
        for reading in met:
            name = fingerprint(rule.name, reading.subject)
            old = after.get(name)
            if old is None:
                if _is_forgettable(rule, rule.test(reading)):
                    continue
                old = Alert(
                    rule.name, reading.subject, AlertState.INACTIVE, session, session, 0, 0, reading.value
                )
                after[name] = old
            seen.add(name)
            step(name, old, rule, reading)
    for name, old in alerts.items() if complete else ():
        known = book.get(old.rule)
        if known is not None and name not in seen and old.counted != session and _ages(old, known):
            step(name, old, known, None)
    return after, tuple(moved)


def retire(
    book: Rulebook, alerts: Mapping[str, Alert], session: date, *, latched: bool
) -> tuple[dict[str, Alert], tuple[AlertTransition, ...]]:
    """Resolve the alerts whose rule is no longer in force, or no longer looks at their subject.

    Args:
        book: The rules in force.
        alerts: The saved alerts by fingerprint.
        session: The session.
        latched: Whether the trading gate is closed until a person lifts it. While it is, an alert that may
            have closed it stays: taking a rule out of the configuration lifts nothing.

    Returns:
        The alerts that changed by fingerprint, and their transitions.
    """
    after: dict[str, Alert] = {}
    moved = []
    for name, alert in alerts.items():
        lives = alert.is_open or alert.state is AlertState.PENDING
        if not lives or book.covers(alert.rule, alert.subject) or (alert.latches and latched):
            continue
        end = AlertState.RESOLVED if alert.state is AlertState.FIRING else AlertState.INACTIVE
        after[name] = replace(_enter(alert, end, session), flips=(), flapping=False, blind=0)
        moved.append(AlertTransition(after[name], alert.state, None))
    return after, tuple(moved)


def advance(alert: Alert, rule: Rule, reading: Reading | None, session: date, *, confirmed: bool) -> Alert:
    """Advance one alert by one reading; None where there is none in a session that is complete."""
    verdict = Verdict.NO_DATA if reading is None else rule.test(reading)
    if _is_settled(alert, verdict):
        return alert
    fresh = alert.counted != session
    if fresh:
        alert = _older(alert, rule, session)
    if alert.state is AlertState.FIRING and rule.latches and not alert.latches:
        alert = replace(alert, latches=True)  # its rule asks for more than when it began
    if reading is None or verdict is Verdict.NO_DATA:
        return _lacking(alert, rule, session, fresh=fresh)
    if alert.blind:
        alert = replace(alert, blind=0)
    if alert.state is AlertState.NO_DATA and verdict is not Verdict.HOLDS:
        return _enter(alert, AlertState.INACTIVE, session)
    if verdict is Verdict.HOLDS or alert.state in (AlertState.FIRING, AlertState.PENDING):
        alert = _measured(alert, reading)
    if alert.state is AlertState.FIRING:
        over = verdict is Verdict.CLEAR and alert.fired_for > rule.dwell_sessions
        return _flip(alert, AlertState.RESOLVED, rule, session) if over else alert
    if verdict is not Verdict.HOLDS:
        pending = alert.state is AlertState.PENDING
        return _enter(alert, AlertState.INACTIVE, session) if pending else alert
    return _holding(alert, rule, session, fresh=fresh, confirmed=confirmed)


def firing(alerts: Mapping[str, Alert]) -> tuple[Alert, ...]:
    """Return the alerts that fire, in the order of their fingerprints."""
    return tuple(alert for _, alert in sorted(alerts.items()) if alert.state is AlertState.FIRING)


def is_blind(alert: Alert, rule: Rule) -> bool:
    """Tell whether the alert could not be judged for as long as its rule allows."""
    return 0 < rule.no_data_sessions <= alert.blind


def _testifies(alert: Alert, session: date) -> bool:
    return alert.state is AlertState.FIRING and alert.counted == session and alert.blind == 0


def _is_forgettable(rule: Rule, verdict: Verdict) -> bool:
    """Tell whether a reading of a subject that is not known yet leaves nothing to remember."""
    if verdict is Verdict.NO_DATA:
        return True
    return verdict is not Verdict.HOLDS and rule.no_data_sessions == 0


def _ages(alert: Alert, rule: Rule) -> bool:
    return not alert.is_quiet or rule.no_data_sessions > 0


def _is_settled(alert: Alert, verdict: Verdict) -> bool:
    if verdict is Verdict.NO_DATA:
        return alert.state is AlertState.NO_DATA and not alert.flips
    return alert.is_quiet and verdict is not Verdict.HOLDS


def _holding(alert: Alert, rule: Rule, session: date, *, fresh: bool, confirmed: bool) -> Alert:
    pending = alert.state is AlertState.PENDING
    began = alert.began if pending else session
    held = alert.held + fresh if pending else 1
    if held >= rule.for_sessions and confirmed:
        alert = _flip(alert, AlertState.FIRING, rule, session)
        return replace(alert, began=began, fired_for=1, latches=rule.latches)
    if pending:
        return replace(alert, held=held)
    return replace(_enter(alert, AlertState.PENDING, session), began=began, held=held)


def _lacking(alert: Alert, rule: Rule, session: date, *, fresh: bool) -> Alert:
    blind = alert.blind + 1 if fresh else max(alert.blind, 1)
    if alert.state is AlertState.NO_DATA or blind == alert.blind:
        return alert
    alert = replace(alert, blind=blind, counted=session)
    if alert.state is AlertState.FIRING or not is_blind(alert, rule):
        return alert
    return replace(_enter(alert, AlertState.NO_DATA, session), began=session)


def _measured(alert: Alert, reading: Reading) -> Alert:
    return replace(
        alert, value=reading.value, n=reading.n, threshold=reading.threshold, evidence=reading.evidence
    )


def _enter(alert: Alert, state: AlertState, session: date) -> Alert:
    marks = alert.marks
    if alert.is_open and marks.acknowledged_by:
        marks = replace(marks, acknowledged_by="", acknowledged_at=None, acknowledged_until=None)
    return replace(alert, state=state, since=session, held=0, fired_for=0, moves=alert.moves + 1, marks=marks)


def _flip(alert: Alert, state: AlertState, rule: Rule, session: date) -> Alert:
    alert = _enter(alert, state, session)
    return _damped(replace(alert, flips=(*alert.flips, 0)), rule) if rule.flap_sessions else alert


def _older(alert: Alert, rule: Rule, session: date) -> Alert:
    """Return the alert one session later."""
    aged = alert.fired_for + 1 if alert.state is AlertState.FIRING else 0
    flips = tuple(age + 1 for age in alert.flips if age + 1 < rule.flap_sessions)
    return _damped(replace(alert, fired_for=aged, flips=flips, counted=session), rule)


def _damped(alert: Alert, rule: Rule) -> Alert:
    recent = len(alert.flips)
    flapping = recent > (rule.flap_moves // 2 if alert.flapping else rule.flap_moves)
    return replace(alert, flapping=flapping) if flapping is not alert.flapping else alert
