"""The person: pauses and lifts trading. In a replay, where none is at hand, a simulated one lifts halts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.compose import compose_gate
from alerts.message import Severity
from alerts.route import Routing
from daemon.demands import latching
from daemon.judge import gate_detail
from daemon.post import post
from daemon.storage.alerts import AlertStore
from daemon.storage.audit import AuditStore
from daemon.storage.gates import GateStore
from trading.gate import Gate, GateState, command

SIMULATED: Final = "simulated-operator"


async def pause(
    connection: AsyncConnection, state: GateState, *, epoch: int | None, at: datetime, reason: str, actor: str
) -> Gate:
    """Close the gate because a person says so, inside the caller's transaction.

    Raises:
        GateError: The command is refused.
    """
    return await _command(connection, state, epoch=epoch, at=at, reason=reason, actor=actor, session=None)


async def lift(
    connection: AsyncConnection,
    *,
    epoch: int | None,
    at: datetime,
    reason: str,
    actor: str,
    session: date | None = None,
) -> Gate:
    """Lift a latched gate, inside the caller's transaction.

    Where a rule had latched it, what led there is over: the next settlement starts the drawdown anew from the
    present equity, and the monitors' bets anew. A person's own pause leaves them as they are. Alerts that
    still fire latch it no second time; what begins to fire from now on does.

    Raises:
        GateError: The command is refused.
    """
    return await _command(
        connection, GateState.UNKNOWN, epoch=epoch, at=at, reason=reason, actor=actor, session=session
    )


async def act_simulated(
    connection: AsyncConnection,
    session: date,
    closed_for: int,
    patience: int,
    *,
    now: datetime,
    wall: datetime,
    routing: Routing,
) -> bool:
    """Before a replayed session: lift a latched gate that has been closed long enough.

    Args:
        connection: The caller's transaction.
        session: The session about to be run.
        closed_for: Sessions judged since the gate was latched.
        patience: Sessions the operator waits.
        now: The replayed instant, aware UTC.
        wall: The machine's instant, aware UTC.
        routing: Where messages go.

    Returns:
        Whether the gate was lifted.
    """
    gate = await GateStore(connection).hold(now)
    if not gate.latched or closed_for < patience:
        return False
    reason = f"simulated operator: lifted after {closed_for} sessions"
    after = await lift(connection, epoch=gate.epoch, at=now, reason=reason, actor=SIMULATED, session=session)
    message = compose_gate(
        session,
        "A simulated operator lifted the pause",
        f"Trading went from {gate.state} to {after.state} (epoch {after.epoch}) after {closed_for} sessions; "
        "the next judgement decides whether it is ACTIVE. The drawdown starts anew from today's equity.",
        Severity.WARNING,
        epoch=after.epoch,
    )
    await post(connection, (message,), routing, now, wall)
    return True


async def _command(
    connection: AsyncConnection,
    state: GateState,
    *,
    epoch: int | None,
    at: datetime,
    reason: str,
    actor: str,
    session: date | None,
) -> Gate:
    store = GateStore(connection)
    before = await store.hold(at)
    lifts = state is GateState.UNKNOWN
    spells = latching((await AlertStore(connection).concerned()).values()) if lifts else ()
    after = command(before, state, epoch=epoch, at=at, reason=reason, actor=actor, spells=spells)
    await store.move(before, after, session=session)
    await AuditStore(connection).add(at, actor, f"gate.{after.state}", gate_detail(before, after))
    return after
