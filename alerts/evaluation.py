"""The evaluation: the alerts' state machine, a pure function from readings to the next alerts and what moved.

It knows nothing of who is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from alerts.alert import Alert, AlertState, AlertTransition, is_blind
from alerts.rule import Rule, Verdict, fingerprint
from alerts.rulebook import Rulebook
from monitors.reading import Reading


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
    subjects: dict[str, set[str]] = {}
    for alert in alerts.values():
        subjects.setdefault(alert.rule, set()).add(alert.subject)
    seen: set[str] = set()

    def step(name: str, old: Alert, rule: Rule, reading: Reading | None) -> None:
        confirmed = not rule.confirmed_by or any(witnesses[other] > 0 for other in rule.confirmed_by)
        new = advance(old, rule, reading, session, confirmed=confirmed)
        if not complete and (new.counted is None or new.counted < session):
            new = replace(new, counted=session)  # a later, complete look must not take it for gone
        if new is not old or name in after:
            after[name] = new
        witnesses[rule.name] += _testifies(new, session) - _testifies(old, session)
        if new.state is not old.state:
            moved.append(AlertTransition(new, old.state, reading))

    for rule, met in book.meeting(by_metric):
        for reading in rule.noteworthy(met, subjects.get(rule.name, ())):
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
    """Advance one alert by one reading; None where there is none in a session that is complete.

    A reading of an earlier session than the one it was last judged in says nothing about it now.
    """
    verdict = Verdict.NO_DATA if reading is None else rule.test(reading)
    is_past = alert.counted is not None and session < alert.counted
    if is_past or _is_settled(alert, verdict):
        return alert
    fresh = alert.counted is None or alert.counted < session
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


def _testifies(alert: Alert, session: date) -> bool:
    counted = alert.counted is not None and alert.counted >= session
    return alert.state is AlertState.FIRING and counted and alert.blind == 0


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
