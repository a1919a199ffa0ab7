"""The judgement: rules over readings, and what follows for trading and for people, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert, AlertState, AlertTransition, firing
from alerts.compose import compose_gate
from alerts.evaluation import evaluate, retire
from alerts.message import Message, Severity
from alerts.reason import Reason
from alerts.route import URGENCY, Routing
from alerts.rulebook import Rulebook
from alerts.silence import Window
from daemon.demands import demands
from daemon.post import post
from daemon.storage.alerts import AlertStore
from daemon.storage.audit import AuditStore
from daemon.storage.gates import GateStore
from daemon.storage.runs import RunStore
from daemon.teller import Teller, Told, trading_of
from daemon.today import Today
from forecaster.forecast import Direction
from monitors.reading import Reading, State
from trading.gate import Gate, GateState, judge

ACTOR: Final = "forewarn"
Alerts = Mapping[str, Alert]
Moved = tuple[AlertTransition, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judgement came to.

    Attributes:
        gate: The gate after it.
        transitions: How many alerts moved.
        messages: What was written to the outbox.
        reasons: Why each alert that a decision was made about is told, or is not, by fingerprint.
        decisions: Those of the reasons that are other than before.
    """

    gate: Gate
    transitions: int
    messages: tuple[Message, ...]
    reasons: Mapping[str, Reason]
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about telling an alert that is other than the one before.

    Attributes:
        alert: Its fingerprint.
        group: The group it is told in.
        state: Where it stands.
        reason: Why people are told of it, or are not.
    """

    alert: str
    group: str
    state: AlertState
    reason: Reason


class Judge:
    """Moves alerts and the gate by the rules, and writes what people are told."""

    def __init__(
        self, book: Rulebook, routing: Routing, max_missing: float, windows: tuple[Window, ...] = ()
    ) -> None:
        """Take the rules in force, where messages go, the largest missing share, the maintenance windows."""
        self._book = book
        self._routing = routing
        self._max_missing = max_missing
        self._teller = Teller(book, routing, windows)

    async def session(
        self, connection: AsyncConnection, today: Today, now: datetime, wall: datetime
    ) -> Verdict:
        """Judge one whole session inside the caller's transaction.

        Args:
            connection: The transaction that also records the run.
            today: The session, with its forecasts and all its readings.
            now: The pipeline's instant, aware UTC.
            wall: The machine's instant, aware UTC.
        """
        gate = await GateStore(connection).hold(now)
        before = await AlertStore(connection).all()
        after, moved = evaluate(self._book, before, today.readings, today.session)
        retired, gone = retire(self._book, after, today.session, latched=gate.latched)
        after |= retired
        next_gate = judge(
            gate, demands(self._book, firing(after)), fresh=self._is_fresh(today), at=now, actor=ACTOR
        )
        return await self._settle(
            connection, today.session, (before, after), moved + gone, (gate, next_gate), now, wall
        )

    async def readings(
        self, connection: AsyncConnection, readings: tuple[Reading, ...], now: datetime, wall: datetime
    ) -> Verdict:
        """Judge some readings of one session, inside the caller's transaction, as often as they come.

        What is not among them did not vanish. They can close the gate at once, and never open it: that is for
        a whole session.

        Args:
            connection: The transaction.
            readings: At least one, all of one session, at most one for each metric and subject.
            now: The pipeline's instant, aware UTC.
            wall: The machine's instant, aware UTC.

        Raises:
            ValueError: There is no reading, or they are of several sessions.
        """
        sessions = {one.session for one in readings}
        if len(sessions) != 1:
            raise ValueError(f"readings of {len(sessions)} sessions cannot be judged at once; split them")
        (session,) = sessions
        gate = await GateStore(connection).hold(now)
        concerned = self._book.about(one.metric for one in readings)
        before = await AlertStore(connection).concerned(concerned, {one.subject for one in readings})
        after, moved = evaluate(self._book, before, readings, session, complete=False)
        fresh = gate.state is GateState.ACTIVE
        next_gate = judge(gate, demands(self._book, firing(after)), fresh=fresh, at=now, actor=ACTOR)
        if next_gate.state.strictness < gate.state.strictness:
            next_gate = gate
        return await self._settle(connection, session, (before, after), moved, (gate, next_gate), now, wall)

    async def tick(self, connection: AsyncConnection, now: datetime, wall: datetime) -> Verdict | None:
        """Tell what time alone has made due: the end of a silence, a repeat, an escalation, a digest.

        Alerts of rules that are no longer in force are resolved too. Nothing else moves.

        Args:
            connection: The caller's writing transaction.
            now: The pipeline's instant, aware UTC.
            wall: The machine's instant, aware UTC.

        Returns:
            What came of it; None where no session has been judged yet.
        """
        session = await RunStore(connection).last_session("judge")
        if session is None:
            return None
        gate = await GateStore(connection).hold(now)
        before = await AlertStore(connection).concerned()
        retired, moved = retire(self._book, before, session, latched=gate.latched)
        after = {**before, **retired}
        return await self._settle(connection, session, (before, after), moved, (gate, gate), now, wall)

    async def _settle(
        self,
        connection: AsyncConnection,
        session: date,
        alerts: tuple[Alerts, Alerts],
        moved: Moved,
        gates: tuple[Gate, Gate],
        now: datetime,
        wall: datetime,
    ) -> Verdict:
        """Write what moved and tell people; the alerts and the gate as they were and as they are now."""
        before, after = alerts
        gate, next_gate = gates
        cancelled = 0
        if next_gate is not gate:
            cancelled = await GateStore(connection).move(gate, next_gate, session=session)
        done = _trading(gate, next_gate, cancelled)
        told = await self._teller.tell(connection, after, session, next_gate, done, now, wall)
        store = AlertStore(connection)
        await store.save(before, {**after, **told.alerts})
        await store.add_transitions(session, now, moved, told.reasons)
        messages = told.messages + self._gate_message(session, told.messages, gates, done, now)
        await post(connection, messages[len(told.messages) :], self._routing, now, wall)
        await self._audit(connection, now, moved, gate, next_gate)
        decisions = self._decisions(alerts, moved, told)
        return Verdict(next_gate, len(moved), messages, told.reasons, decisions)

    def _decisions(self, alerts: tuple[Alerts, Alerts], moved: Moved, told: Told) -> tuple[Decision, ...]:
        """Return which decisions are other than before; one about an alert that moved always counts."""
        before, after = alerts
        anew = {move.alert.fingerprint for move in moved}
        found = []
        for name, reason in sorted(told.reasons.items()):
            if name not in anew and name in before and before[name].marks.reason is reason:
                continue
            alert = told.alerts.get(name, after[name])
            rule = self._book.get(alert.rule)
            group = alert.marks.group or after[name].marks.group or (rule.place if rule else alert.rule)
            found.append(Decision(name, group, alert.state, reason))
        return tuple(found)

    def _is_fresh(self, today: Today) -> bool:
        """Tell whether the session's data arrived and the forecaster had something to say."""
        missing = [one for one in today.readings if one.metric == "bars_missing_rate"]
        known = [one for one in missing if one.state is not State.NO_DATA]
        if not known or any(one.value > self._max_missing for one in known):
            return False
        return any(one.direction is not Direction.NO_CALL for one in today.forecasts)

    def _gate_message(
        self, session: date, told: tuple[Message, ...], gates: tuple[Gate, Gate], done: str, now: datetime
    ) -> tuple[Message, ...]:
        """Return what tells the gate's move, where no message about an alert does so to as many people."""
        gate, after = gates
        severity = Severity.INFO if gate.epoch == 0 else Severity.WARNING
        if after is gate or any(URGENCY[message.severity] >= URGENCY[severity] for message in told):
            return ()
        text = compose_gate(
            session,
            f"Trading is {after.state}",
            f"{done} {after.reason.capitalize()}.",
            severity,
            epoch=after.epoch,
            at=now,
            trading=trading_of(after),
        )
        return (text,)

    async def _audit(
        self, connection: AsyncConnection, now: datetime, moved: Moved, gate: Gate, after: Gate
    ) -> None:
        store = AuditStore(connection)
        deeds = [
            (
                f"alert.{move.alert.state}",
                {
                    "alert": move.alert.fingerprint,
                    "value": _finite(move.reading.value if move.reading else None),
                },
            )
            for move in moved
            if AlertState.FIRING in (move.alert.state, move.before)
        ]
        await store.add_all(now, ACTOR, deeds)
        if after is not gate:
            await store.add(now, after.actor, f"gate.{after.state}", gate_detail(gate, after))


def gate_detail(before: Gate, after: Gate) -> dict[str, Any]:
    """Return a transition as JSON-safe facts."""
    return {
        "scope": after.scope,
        "epoch": after.epoch,
        "before": before.state.value,
        "after": after.state.value,
        "rule": after.rule,
        "reason": after.reason,
    }


def _trading(before: Gate, after: Gate, cancelled: int) -> str:
    if after is before:
        return f"Trading stays {after.state} (epoch {after.epoch})."
    if after.state is before.state:
        return f"Trading stays {after.state}, now until a person resumes it (epoch {after.epoch})."
    orders = f" {cancelled} open orders were cancelled." if cancelled else ""
    return f"Trading went from {before.state} to {after.state} (epoch {after.epoch}).{orders}"


def _finite(value: float | None) -> float | None:
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN alone differs from itself
