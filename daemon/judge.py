"""The judgement: rules over a session's readings, and what follows, in one transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert, AlertState, AlertTransition, evaluate, firing
from alerts.compose import amount, compose, compose_gate
from alerts.message import Message, Severity
from alerts.rule import Action, Rule
from daemon.storage.alerts import AlertStore
from daemon.storage.audit import AuditStore
from daemon.storage.gates import GateStore
from daemon.storage.outbox import URGENCY, OutboxStore
from daemon.today import Today
from forecaster.model import Direction
from monitors.reading import State
from trading.gate import Demand, Gate, GateState, judge

ACTOR: Final = "forewarn"
DEMANDS: Final = {
    Action.REDUCE_ONLY: (GateState.REDUCE_ONLY, False),
    Action.CLOSE_ONLY: (GateState.REDUCE_ONLY, True),
    Action.HALT: (GateState.HALTED, True),
}
"""What each action asks of the gate, and whether it latches."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a session's judgement came to.

    Attributes:
        gate: The gate after it.
        transitions: How many alerts moved.
        messages: What was written to the outbox.
    """

    gate: Gate
    transitions: int
    messages: tuple[Message, ...]


class Judge:
    """Moves alerts and the gate by the rules, and writes what people are told."""

    def __init__(
        self, rules: tuple[Rule, ...], channels: tuple[tuple[str, Severity], ...], max_missing: float
    ) -> None:
        """Take the rules in force, the channels as (name, least severity), and the largest missing share."""
        self._rules = {rule.name: rule for rule in rules}
        self._channels = channels
        self._max_missing = max_missing

    async def session(
        self, connection: AsyncConnection, today: Today, now: datetime, wall: datetime
    ) -> Verdict:
        """Judge one session inside the caller's transaction.

        Args:
            connection: The transaction that also records the run.
            today: The session, with its forecasts and readings.
            now: The pipeline's instant, aware UTC.
            wall: The machine's instant, aware UTC.
        """
        gates = GateStore(connection)
        gate = await gates.hold(now)
        session, readings = today.session, today.readings
        store = AlertStore(connection)
        before = await store.all()
        after, moved = evaluate(self._rules.values(), before, readings, session)
        next_gate = judge(gate, self._demands(after), fresh=self._is_fresh(today), at=now, actor=ACTOR)
        cancelled = 0
        if next_gate is not gate:
            cancelled = await gates.move(gate, next_gate, session=session)
        await store.save(before, after)
        await store.add_transitions(session, moved)
        messages = self._messages(session, moved, gate, next_gate, cancelled)
        await self._audit(connection, now, moved, gate, next_gate)
        await post(connection, messages, self._channels, now, wall)
        return Verdict(next_gate, len(moved), messages)

    def _is_fresh(self, today: Today) -> bool:
        """Tell whether the session's data arrived and the forecaster had something to say."""
        missing = [one for one in today.readings if one.metric == "bars_missing_rate"]
        known = [one for one in missing if one.state is not State.NO_DATA]
        if not known or any(one.value > self._max_missing for one in known):
            return False
        return any(one.direction is not Direction.NO_CALL for one in today.forecasts)

    def _demands(self, alerts: dict[str, Alert]) -> tuple[Demand, ...]:
        found = []
        for alert in firing(alerts):
            rule = self._rules.get(alert.rule)
            if rule is not None and rule.action in DEMANDS:
                reason = f"{rule.summary} ({alert.subject} {amount(rule.metric, alert.value)})"
                found.append(Demand(*DEMANDS[rule.action], rule.name, reason))
        return tuple(found)

    def _messages(
        self, session: date, moved: tuple[AlertTransition, ...], gate: Gate, after: Gate, cancelled: int
    ) -> tuple[Message, ...]:
        told = compose(self._rules, moved, session, _trading(gate, after, cancelled))
        severity = Severity.INFO if gate.epoch == 0 else Severity.WARNING
        if after is gate or any(URGENCY[message.severity] >= URGENCY[severity] for message in told):
            return told  # nothing moved, or a message that says so goes out already
        title = f"Trading is {after.state}"
        done = f"{_trading(gate, after, cancelled)} {after.reason.capitalize()}."
        return (*told, compose_gate(session, title, done, severity, epoch=after.epoch))

    async def _audit(
        self,
        connection: AsyncConnection,
        now: datetime,
        moved: tuple[AlertTransition, ...],
        gate: Gate,
        after: Gate,
    ) -> None:
        store = AuditStore(connection)
        for move in moved:
            if move.alert.state in (AlertState.FIRING, AlertState.RESOLVED):
                detail = {"alert": move.alert.fingerprint, "value": _finite(move.reading.value)}
                await store.add(now, ACTOR, f"alert.{move.alert.state}", detail)
        if after is not gate:
            await store.add(now, after.actor, f"gate.{after.state}", gate_detail(gate, after))


async def post(
    connection: AsyncConnection,
    messages: tuple[Message, ...],
    channels: tuple[tuple[str, Severity], ...],
    now: datetime,
    wall: datetime,
) -> None:
    """Write messages to the outbox for every channel that wants their severity."""
    outbox = OutboxStore(connection)
    for message in messages:
        names = [name for name, least in channels if URGENCY[message.severity] >= URGENCY[least]]
        if names:
            revision = await outbox.next_revision(message.group)
            await outbox.add(
                message.group, revision, asdict(message), message.severity, names, at=now, wall=wall
            )


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


def _finite(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN is the one number unequal to itself
