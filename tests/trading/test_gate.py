from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trading.gate import (
    GLOBAL,
    Demand,
    Gate,
    GateError,
    GateState,
    command,
    judge,
    new_gate,
    permits,
    strictest,
)

START = datetime(2024, 1, 2, 21, 30, tzinfo=UTC)
ACTIVE, UNKNOWN, REDUCE_ONLY, HALTED = GateState
CLOSING = (REDUCE_ONLY, HALTED)
ASKS = ((REDUCE_ONLY, False), (REDUCE_ONLY, True), (HALTED, True))
BLANK = st.text(" \t\n", max_size=4)


def gate_in(state: GateState, *, latched: bool = False, epoch: int = 7) -> Gate:
    return Gate(GLOBAL, state, latched, epoch, START, "some_rule", "some reason", "forewarn")


def judged(gate: Gate, *demands: GateState, fresh: bool = True, latches: bool = False) -> Gate:
    asked = tuple(
        Demand(state, latches or state is HALTED, f"rule_{i}", f"reason {i}")
        for i, state in enumerate(demands)
    )
    return judge(gate, asked, fresh=fresh, at=START + timedelta(days=1), actor="forewarn")


def told(gate: Gate, state: GateState, *, epoch: int | None = None, reason: str = "I looked") -> Gate:
    return command(gate, state, epoch=epoch, at=START + timedelta(days=1), reason=reason, actor="ada")


def settled(gate: Gate) -> Gate:
    """The gate after a session has been settled: a lift has done its work."""
    return replace(gate, lifted=False)


class GateLife(RuleBasedStateMachine):
    """A gate's life: alerts that begin and end, sessions that are judged and people who command."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = new_gate(GLOBAL, START)
        self.now = START
        self.transitions = 0
        self.firing: dict[int, Demand] = {}
        self.spells = 0
        self.lifted_spells: set[str] = set()

    def moved(self, after: Gate) -> None:
        assert after.epoch == self.gate.epoch + 1
        assert after.since == self.now
        assert after.scope == self.gate.scope
        assert after.reason.strip()
        self.transitions += 1
        self.gate = after

    @rule(alert=st.integers(0, 3), ask=st.sampled_from(ASKS))
    def an_alert_begins(self, alert: int, ask: tuple[GateState, bool]) -> None:
        if alert not in self.firing:
            self.spells += 1
            self.firing[alert] = Demand(
                *ask, f"rule_{alert}", f"because of {alert}", f"{alert}#{self.spells}"
            )

    @rule(alert=st.integers(0, 3))
    def an_alert_ends(self, alert: int) -> None:
        self.firing.pop(alert, None)

    @rule(fresh=st.booleans())
    def a_session_is_judged(self, fresh: bool) -> None:
        self.now += timedelta(days=1)
        before, demands = self.gate, tuple(self.firing.values())
        after = judge(before, demands, fresh=fresh, at=self.now, actor="forewarn")
        heard = [one for one in demands if not (one.latched and one.spell in self.lifted_spells)]
        floor = ACTIVE if fresh and not before.lifted else UNKNOWN
        asked = strictest(floor, *(demand.state for demand in heard))
        latches = any(demand.latched for demand in heard if demand.state is asked)
        if before.latched:
            assert after.latched
            assert after.state is strictest(before.state, asked)
        else:
            assert (after.state, after.latched) == (asked, latches)
        assert (after is before) == ((after.state, after.latched) == (before.state, before.latched))
        for demand in heard:  # a new spell closes the gate, whatever was lifted before
            assert after.state.strictness >= demand.state.strictness
        if after.state is ACTIVE:
            assert fresh
            assert not heard
            assert not before.lifted
        if after is not before and after.state.strictness > before.state.strictness and after.rule:
            assert after.rule in {demand.rule for demand in heard}, "never what a person has lifted"
        again = judge(after, demands, fresh=fresh, at=self.now + timedelta(hours=1), actor="forewarn")
        assert again is after
        if after is not before:
            assert after.actor == "forewarn"
            self.moved(after)

    @rule()
    def a_session_is_settled(self) -> None:
        self.gate = settled(self.gate)

    @rule(state=st.sampled_from(CLOSING), names_epoch=st.booleans())
    def a_person_pauses(self, state: GateState, names_epoch: bool) -> None:
        self.now += timedelta(minutes=1)
        epoch = self.gate.epoch if names_epoch else None
        if self.gate.latched and state.strictness <= self.gate.state.strictness:
            with pytest.raises(GateError, match="already"):
                command(self.gate, state, epoch=epoch, at=self.now, reason="enough", actor="ada")
            return
        self.moved(command(self.gate, state, epoch=epoch, at=self.now, reason=" enough ", actor="ada"))
        assert (self.gate.state, self.gate.latched) == (state, True)
        assert (self.gate.rule, self.gate.reason, self.gate.actor) == ("", "enough", "ada")

    @precondition(lambda self: self.gate.latched)
    @rule()
    def a_person_lifts(self) -> None:
        self.now += timedelta(minutes=1)
        spells = tuple(one.spell for one in self.firing.values() if one.latched)
        lifted = command(
            self.gate,
            UNKNOWN,
            epoch=self.gate.epoch,
            at=self.now,
            reason="understood",
            actor="ada",
            spells=spells,
        )
        assert lifted.lifted == (self.gate.lifted or bool(self.gate.rule) or bool(spells))
        self.moved(lifted)
        self.lifted_spells |= set(spells)
        assert (self.gate.state, self.gate.latched) == (UNKNOWN, False)

    @precondition(lambda self: not self.gate.latched)
    @rule()
    def a_lift_of_nothing_is_refused(self) -> None:
        with pytest.raises(GateError, match="nothing to lift"):
            command(self.gate, UNKNOWN, epoch=None, at=self.now, reason="understood", actor="ada")

    @rule(off=st.integers(-3, 3).filter(bool), state=st.sampled_from(GateState))
    def a_stale_epoch_is_refused(self, off: int, state: GateState) -> None:
        with pytest.raises(GateError, match="stale"):
            command(self.gate, state, epoch=self.gate.epoch + off, at=self.now, reason="go", actor="ada")

    @rule(state=st.sampled_from(GateState), reason=BLANK)
    def a_blank_reason_is_refused(self, state: GateState, reason: str) -> None:
        with pytest.raises(GateError, match="reason"):
            command(self.gate, state, epoch=self.gate.epoch, at=self.now, reason=reason, actor="ada")

    @rule(names_epoch=st.booleans())
    def nobody_sets_active(self, names_epoch: bool) -> None:
        epoch = self.gate.epoch if names_epoch else None
        with pytest.raises(GateError, match="nobody sets ACTIVE"):
            command(self.gate, ACTIVE, epoch=epoch, at=self.now, reason="please", actor="ada")

    @invariant()
    def the_epoch_counts_the_transitions(self) -> None:
        assert self.gate.epoch == self.transitions

    @invariant()
    def what_is_excused_was_lifted(self) -> None:
        assert set(self.gate.excused) <= self.lifted_spells

    @invariant()
    def a_halt_is_always_latched_and_a_free_gate_never(self) -> None:
        assert self.gate.latched or self.gate.state is not HALTED
        assert not (self.gate.latched and self.gate.state in (ACTIVE, UNKNOWN))


TestGateLife = GateLife.TestCase
TestGateLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    ("state", "opening", "reducing"),
    [(ACTIVE, True, True), (UNKNOWN, False, True), (REDUCE_ONLY, False, True), (HALTED, False, False)],
)
def test_each_state_permits_what_its_name_says(state: GateState, opening: bool, reducing: bool) -> None:
    assert permits(state, reducing=False) is opening
    assert permits(state, reducing=True) is reducing


def test_a_stricter_state_never_permits_more() -> None:
    ordered = sorted(GateState, key=lambda state: state.strictness)
    assert ordered == [ACTIVE, UNKNOWN, REDUCE_ONLY, HALTED]
    for reducing in (True, False):
        allowed = [permits(state, reducing=reducing) for state in ordered]
        assert allowed == sorted(allowed, reverse=True)


@given(st.lists(st.sampled_from(GateState)))
def test_the_strictest_scope_wins_and_no_scope_at_all_is_unknown(states: list[GateState]) -> None:
    found = strictest(*states)
    if not states:
        assert found is UNKNOWN
    else:
        assert found in states
        assert all(found.strictness >= state.strictness for state in states)


def test_a_gate_that_was_never_judged_is_unknown_at_epoch_0() -> None:
    gate = new_gate(GLOBAL, START)
    assert (gate.scope, gate.state, gate.latched, gate.epoch) == (GLOBAL, UNKNOWN, False, 0)
    assert (gate.since, gate.rule, gate.actor) == (START, "", "forewarn")
    assert not permits(gate.state, reducing=False)


def test_the_first_fresh_session_without_demands_opens_the_gate() -> None:
    gate = judged(new_gate(GLOBAL, START))
    assert (gate.state, gate.latched, gate.epoch, gate.rule) == (ACTIVE, False, 1, "")
    assert gate.reason == "every demand has cleared"


def test_a_session_without_fresh_data_closes_an_open_gate_to_unknown() -> None:
    gate = judged(gate_in(ACTIVE), fresh=False)
    assert (gate.state, gate.latched, gate.epoch) == (UNKNOWN, False, 8)
    assert "no fresh data" in gate.reason


@pytest.mark.parametrize("fresh", [True, False])
def test_a_rule_that_reduces_opens_again_by_itself_and_only_on_fresh_data(fresh: bool) -> None:
    closed = judged(gate_in(ACTIVE), REDUCE_ONLY)
    assert (closed.state, closed.latched, closed.rule, closed.reason) == (
        REDUCE_ONLY,
        False,
        "rule_0",
        "reason 0",
    )
    after = judged(closed, fresh=fresh)
    assert after.state is (ACTIVE if fresh else UNKNOWN)


def test_the_strictest_demand_is_the_one_that_is_named() -> None:
    gate = judged(gate_in(ACTIVE), REDUCE_ONLY, HALTED, REDUCE_ONLY, fresh=False)
    assert (gate.state, gate.latched, gate.rule) == (HALTED, True, "rule_1")


def test_a_halt_outlasts_every_quiet_session_until_a_person_lifts_it() -> None:
    halted = judged(gate_in(ACTIVE), HALTED)
    gate = halted
    for _ in range(50):
        gate = judged(gate)
    assert gate is halted
    lifted = told(gate, UNKNOWN, epoch=halted.epoch)
    assert (lifted.state, lifted.epoch) == (UNKNOWN, halted.epoch + 1)
    assert judged(lifted) is lifted, "its readings speak of the time before the lift"
    assert judged(settled(lifted)).state is ACTIVE


def asks(spell: str, state: GateState = HALTED, *, latched: bool = True) -> Demand:
    return Demand(state, latched, "drawdown", "the account is down", spell)


def heard(gate: Gate, *demands: Demand, fresh: bool = True) -> Gate:
    return judge(gate, demands, fresh=fresh, at=START + timedelta(days=1), actor="forewarn")


def lifted(gate: Gate, *spells: str) -> Gate:
    at = START + timedelta(days=1)
    return command(gate, UNKNOWN, epoch=gate.epoch, at=at, reason="I looked", actor="ada", spells=spells)


def test_a_lift_holds_against_the_spell_it_lifted_and_not_against_the_next() -> None:
    gate = lifted(heard(gate_in(ACTIVE), asks("a#1")), "a#1")
    assert heard(gate, asks("a#1")) is gate
    opened = heard(settled(gate), asks("a#1"))
    assert (opened.state, opened.excused) == (ACTIVE, ("a#1",))
    assert heard(opened, asks("a#1")) is opened
    assert heard(opened, asks("a#3")).state is HALTED


def test_a_new_halt_closes_a_gate_whose_lift_is_not_settled_yet() -> None:
    gate = lifted(heard(gate_in(ACTIVE), asks("a#1")), "a#1")
    assert gate.lifted
    again = heard(gate, asks("a#1"), asks("b#1"))
    assert (again.state, again.latched, again.lifted) == (HALTED, True, True)


def test_what_a_rule_latched_and_a_person_halted_and_lifted_stays_lifted() -> None:
    latched = heard(gate_in(ACTIVE), asks("a#1", REDUCE_ONLY))
    gate = lifted(told(latched, HALTED), "a#1")
    assert gate.lifted, "the drawdown starts anew although a person had the last word"
    assert heard(gate, asks("a#1", REDUCE_ONLY)) is gate
    assert heard(settled(gate), asks("a#1", REDUCE_ONLY)).state is ACTIVE


def test_a_lift_says_nothing_about_what_clears_by_itself() -> None:
    gate = lifted(heard(gate_in(ACTIVE), asks("a#1"), asks("b#1", REDUCE_ONLY, latched=False)), "a#1")
    after = heard(settled(gate), asks("a#1"), asks("b#1", REDUCE_ONLY, latched=False))
    assert (after.state, after.latched) == (REDUCE_ONLY, False)


def test_a_spell_that_is_over_is_forgotten() -> None:
    gate = heard(settled(lifted(heard(gate_in(ACTIVE), asks("a#1")), "a#1")), asks("a#1"))
    assert heard(gate, fresh=False).excused == ()


def test_a_rule_that_closes_for_good_stays_reduced_until_a_person_lifts_it() -> None:
    closed = judged(gate_in(ACTIVE), REDUCE_ONLY, latches=True)
    assert (closed.state, closed.latched, closed.rule) == (REDUCE_ONLY, True, "rule_0")
    assert judged(judged(closed), REDUCE_ONLY) is closed
    assert judged(settled(told(closed, UNKNOWN))).state is ACTIVE


def test_a_latching_rule_takes_over_a_reduction_that_would_have_cleared_by_itself() -> None:
    reduced = judged(gate_in(ACTIVE), REDUCE_ONLY)
    latched = judged(reduced, REDUCE_ONLY, latches=True)
    assert (latched.state, latched.latched, latched.epoch) == (REDUCE_ONLY, True, reduced.epoch + 1)
    assert judged(latched) is latched


def test_a_person_may_latch_what_a_rule_has_reduced() -> None:
    latched = told(judged(gate_in(ACTIVE), REDUCE_ONLY), REDUCE_ONLY)
    assert (latched.state, latched.latched, latched.rule, latched.actor) == (REDUCE_ONLY, True, "", "ada")
    assert judged(latched) is latched


def test_a_rule_may_halt_what_a_person_has_reduced() -> None:
    reduced = told(gate_in(ACTIVE), REDUCE_ONLY)
    halted = judged(reduced, HALTED)
    assert (halted.state, halted.latched, halted.rule) == (HALTED, True, "rule_0")


def test_a_stricter_demand_that_would_clear_by_itself_keeps_the_latch() -> None:
    reduced = told(gate_in(ACTIVE), REDUCE_ONLY)
    halt = Demand(HALTED, False, "some_rule", "for now")
    halted = judge(reduced, (halt,), fresh=True, at=START, actor="forewarn")
    assert (halted.state, halted.latched) == (HALTED, True)
    assert judged(halted) is halted


def test_a_pause_never_weakens_a_halt() -> None:
    with pytest.raises(GateError, match=r"already HALTED \(epoch 7\)"):
        told(gate_in(HALTED, latched=True), REDUCE_ONLY)


def test_a_button_from_before_the_last_transition_is_refused_and_names_both_epochs() -> None:
    gate = gate_in(HALTED, latched=True, epoch=9)
    with pytest.raises(GateError, match=r"epoch 8 is stale, the gate is at 9 \(HALTED\)"):
        told(gate, UNKNOWN, epoch=8)


def test_a_stale_button_is_refused_before_its_reason_is_read() -> None:
    with pytest.raises(GateError, match="stale"):
        told(gate_in(ACTIVE), HALTED, epoch=6, reason="")


def test_judging_and_commanding_never_alter_the_gate_they_were_given() -> None:
    gate = gate_in(ACTIVE)
    copy = replace(gate)
    judged(gate, HALTED)
    told(gate, HALTED)
    assert gate == copy
