"""The gate and its transitions as stored: the only place from which anyone learns whether orders may pass."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import gate_transitions, gates, orders
from trading.gate import GLOBAL, Gate, GateState, new_gate, permits


class GateStore:
    """Reads and moves the gate inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self, scope: str = GLOBAL) -> Gate | None:
        """Return the saved gate without holding it; None before the first decision."""
        row = (await self._connection.execute(select(gates).where(gates.c.scope == scope))).first()
        return _gate(row._mapping) if row else None

    async def hold(self, at: datetime, scope: str = GLOBAL) -> Gate:
        """Return the saved gate and keep everybody else from moving it until the transaction ends.

        A scope that was never decided is written as UNKNOWN first.
        """
        query = select(gates).where(gates.c.scope == scope).with_for_update()
        row = (await self._connection.execute(query)).first()
        if row:
            return _gate(row._mapping)
        gate = new_gate(scope, at)
        await self._connection.execute(insert(gates), [_row(gate)])
        return gate

    async def move(self, before: Gate, after: Gate, *, session: date | None) -> int:
        """Write a transition and cancel every open order the new state does not permit.

        Args:
            before: The gate as `hold` returned it.
            after: The next gate.
            session: The session judged, or None for a person's command.

        Returns:
            How many orders were cancelled.
        """
        await self._connection.execute(update(gates).where(gates.c.scope == after.scope).values(_row(after)))
        row = {
            "scope": after.scope,
            "epoch": after.epoch,
            "at": after.since,
            "session": session,
            "before": before.state.value,
            "after": after.state.value,
            "rule": after.rule,
            "reason": after.reason,
            "actor": after.actor,
        }
        await self._connection.execute(insert(gate_transitions), [row])
        return await self._cancel(after)

    async def settle_lift(self, gate: Gate) -> None:
        """Write that a session has been settled since the lift."""
        await self._connection.execute(update(gates).where(gates.c.scope == gate.scope).values(lifted=False))

    async def _cancel(self, gate: Gate) -> int:
        refused = [flag for flag in (True, False) if not permits(gate.state, reducing=flag)]
        if not refused:
            return 0
        done = await self._connection.execute(
            update(orders)
            .where(orders.c.status == "open", orders.c.reducing.in_(refused))
            .values(status="cancelled", status_reason=f"the gate is {gate.state} (epoch {gate.epoch})")
        )
        return done.rowcount


def _gate(row: object) -> Gate:
    values = dict(row)  # type: ignore[call-overload]
    return Gate(**{**values, "state": GateState(values["state"]), "excused": tuple(values["excused"])})


def _row(gate: Gate) -> dict[str, object]:
    return {
        "scope": gate.scope,
        "state": gate.state.value,
        "latched": gate.latched,
        "epoch": gate.epoch,
        "lifted": gate.lifted,
        "since": gate.since,
        "rule": gate.rule,
        "reason": gate.reason,
        "actor": gate.actor,
        "excused": list(gate.excused),
    }
