"""The gate: whether orders may pass, remembered across restarts and numbered by epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

GLOBAL: Final = "global"
"""The widest scope; no narrower one can lift it."""


class GateState(StrEnum):
    """What may pass. Listed from free to strict."""

    ACTIVE = "ACTIVE"
    UNKNOWN = "UNKNOWN"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"

    @property
    def strictness(self) -> int:
        """0 for ACTIVE up to 3 for HALTED."""
        return _STRICTNESS[self]


_STRICTNESS: Final = {state: i for i, state in enumerate(GateState)}


class GateError(Exception):
    """A gate command was refused; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The state of one scope.

    Attributes:
        scope: `global`, later a strategy or a ticker.
        state: What may pass.
        latched: True where only a person may relax it.
        epoch: Grows by one with every transition; a command that names an older one is refused.
        since: When it entered the state, aware UTC.
        rule: The rule that caused the state, or "" where a person or the start did.
        reason: Why, in words.
        actor: Who moved it: `forewarn`, a person's name, or `simulated-operator` in a replay.
        lifted: A person has lifted what a rule latched, and no session has been settled since. Until one is,
            the gate is never ACTIVE: the readings still speak of the time before.
        excused: The spells of alerts that a person has lifted the gate from. They latch it no second time;
            the next spell of the same alert does.
    """

    scope: str
    state: GateState
    latched: bool
    epoch: int
    since: datetime
    rule: str
    reason: str
    actor: str
    lifted: bool = False
    excused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """What one firing rule asks of the gate.

    Attributes:
        state: How strict it wants the gate.
        latched: Whether only a person may relax it afterwards.
        rule: Who asks.
        reason: Why, in words.
        spell: The spell of the alert that asks: another one each time the alert begins to fire.
    """

    state: GateState
    latched: bool
    rule: str
    reason: str
    spell: str = ""


def new_gate(scope: str, at: datetime) -> Gate:
    """Return the gate of a scope that was never decided: UNKNOWN, epoch 0."""
    return Gate(scope, GateState.UNKNOWN, False, 0, at, "", "no session has been judged yet", "forewarn")


def permits(state: GateState, *, reducing: bool) -> bool:
    """Tell whether an order may pass. Cancels always may.

    Args:
        state: The effective state (`strictest` over the scopes that apply).
        reducing: True where the order can only make the exposure smaller.
    """
    if state is GateState.ACTIVE:
        return True
    return reducing and state is not GateState.HALTED


def strictest(*states: GateState) -> GateState:
    """Return the strictest of the given states; UNKNOWN of none."""
    return max(states, key=lambda state: state.strictness, default=GateState.UNKNOWN)


def judge(gate: Gate, demands: tuple[Demand, ...], *, fresh: bool, at: datetime, actor: str) -> Gate:
    """Decide the gate from what the firing rules demand. Level-triggered: equal inputs, equal result.

    Args:
        gate: The saved gate.
        demands: One per firing rule with an action.
        fresh: Whether this session's data and forecasts arrived; without them nothing is ACTIVE.
        at: The instant of the decision, aware UTC.
        actor: Who decides.

    Returns:
        The gate unchanged, or the next one with its epoch raised. A latched gate only ever gets stricter.
        What a person lifted latches it no second time while the same spell lasts; anything new closes it at
        once. One just lifted is not ACTIVE until a session has been settled.
    """
    asked = [demand for demand in demands if not (demand.latched and demand.spell in gate.excused)]
    wanted = max(asked, key=lambda demand: (demand.state.strictness, demand.latched), default=None)
    floor = GateState.ACTIVE if fresh and not gate.lifted else GateState.UNKNOWN
    if wanted is not None and wanted.state.strictness > floor.strictness:
        state, latched, rule, reason = wanted.state, wanted.latched, wanted.rule, wanted.reason
    else:
        state, latched, rule = floor, False, ""
        reason = "every demand has cleared" if fresh else "no fresh data or forecast for the session"
        reason = "a pause was lifted, the next session decides" if gate.lifted else reason
    stricter = state.strictness > gate.state.strictness
    if (state is gate.state and latched == gate.latched) or (gate.latched and not stricter):
        return gate
    return Gate(
        scope=gate.scope,
        state=state,
        latched=latched or gate.latched,
        epoch=gate.epoch + 1,
        since=at,
        rule=rule,
        reason=reason,
        actor=actor,
        lifted=gate.lifted,
        excused=_still(gate.excused, demands),
    )


def _still(excused: tuple[str, ...], demands: tuple[Demand, ...]) -> tuple[str, ...]:
    """Return the excused spells that still ask for something; one that is over never comes back."""
    asking = {demand.spell for demand in demands}
    return tuple(spell for spell in excused if spell in asking)


def distrust(gate: Gate, reason: str, *, at: datetime, actor: str) -> Gate:
    """Fall back from ACTIVE to UNKNOWN, as at a start that finds sessions nobody has judged.

    Any other state is at least as strict and stays.
    """
    if gate.state is not GateState.ACTIVE:
        return gate
    return replace(
        gate,
        state=GateState.UNKNOWN,
        epoch=gate.epoch + 1,
        since=at,
        rule="",
        reason=reason,
        actor=actor,
    )


def command(
    gate: Gate,
    state: GateState,
    *,
    epoch: int | None,
    at: datetime,
    reason: str,
    actor: str,
    spells: tuple[str, ...] = (),
) -> Gate:
    """Move the gate because a person says so.

    A person's pause is latched: only a person lifts it. A lift goes to UNKNOWN, never straight to ACTIVE: the
    rules judge the next session before any order passes. It holds against every latching alert that fires
    now, whoever closed the gate last, until that alert is over and fires anew.

    Args:
        gate: The saved gate.
        state: REDUCE_ONLY or HALTED to close it, UNKNOWN to lift.
        epoch: The epoch the person was looking at, or None to act on whatever is saved.
        at: The instant, aware UTC.
        reason: Why; it may not be blank.
        actor: Who.
        spells: For a lift: the spells of the alerts that fire now and would latch it.

    Raises:
        GateError: The epoch is stale, the reason blank, or the move makes no sense.
    """
    if epoch is not None and epoch != gate.epoch:
        raise GateError(
            f"refused: epoch {epoch} is stale, the gate is at {gate.epoch} ({gate.state}); look again"
        )
    if not reason.strip():
        raise GateError("refused: a reason is needed; give one with --reason")
    if state is GateState.ACTIVE:
        raise GateError(
            "refused: nobody sets ACTIVE; lift the pause and the next judged session opens the gate"
        )
    if state is GateState.UNKNOWN:
        if not gate.latched:
            raise GateError(f"refused: the gate is {gate.state} and not latched, there is nothing to lift")
    elif state.strictness <= gate.state.strictness and gate.latched:
        raise GateError(f"refused: the gate is already {gate.state} (epoch {gate.epoch})")
    lifts = state is GateState.UNKNOWN
    return replace(
        gate,
        state=state,
        latched=not lifts,
        lifted=gate.lifted or (lifts and bool(gate.rule or spells)),
        excused=tuple(dict.fromkeys((*gate.excused, *spells))) if lifts else gate.excused,
        epoch=gate.epoch + 1,
        since=at,
        rule="",
        reason=reason.strip(),
        actor=actor,
    )
