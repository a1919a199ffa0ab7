"""A person's word against the rules': what a lift holds against, in the store and on both databases."""

from __future__ import annotations

from alerts.message import Severity
from alerts.rule import Action
from daemon.person import lift, pause
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from tests.alerts.cases import BAD, GOOD, rule
from tests.daemon.judged import Court
from trading.gate import Gate, GateState

CLOSE = rule("close", severity=Severity.CRITICAL, action=Action.CLOSE_ONLY)
ANNA = "anna"


async def lifted(court: Court) -> Gate:
    """Let a person lift the gate."""
    async with court.database.write() as connection:
        return await lift(connection, epoch=None, at=court.now, reason="understood", actor=ANNA)


async def settled(court: Court) -> None:
    """Settle a session, as the pipeline does before it judges one."""
    async with court.database.write() as connection:
        store = GateStore(connection)
        gate = await store.hold(court.now)
        if gate.lifted:
            await store.settle_lift(gate)


async def test_what_a_person_halted_and_lifted_is_not_latched_again_by_the_alert_that_began_it(
    database: Database,
) -> None:
    court = Court(database, (CLOSE,))
    await court.hear(a=GOOD)
    await court.hear(a=BAD)
    async with database.write() as connection:
        await pause(connection, GateState.HALTED, epoch=None, at=court.now, reason="wait", actor=ANNA)
    gate = await lifted(court)
    assert (gate.lifted, gate.excused) == (True, ("close/a#1",))
    await court.part(a=BAD)
    assert (await court.gate()).state is GateState.UNKNOWN
    await settled(court)
    assert (await court.hear(a=BAD)).gate.state is GateState.ACTIVE
    await court.hear(a=GOOD)
    again = await court.hear(a=BAD)
    assert (again.gate.state, again.gate.latched) == (GateState.REDUCE_ONLY, True)


async def test_another_alert_closes_a_gate_whose_lift_is_not_settled_yet(database: Database) -> None:
    court = Court(database, (CLOSE,))
    await court.hear(a=BAD)
    await lifted(court)
    verdict = await court.part(b=BAD)
    assert (verdict.gate.state, verdict.gate.latched) == (GateState.REDUCE_ONLY, True)
    assert verdict.gate.lifted, "the next settlement starts anew all the same"


async def test_a_rule_whose_action_is_raised_closes_the_gate_and_is_told(database: Database) -> None:
    court = Court(database, (rule("close", severity=Severity.WARNING),))
    await court.hear(a=BAD)
    before = len(await court.messages())
    court.rules = (rule("close", severity=Severity.CRITICAL, action=Action.HALT),)
    verdict = await court.hear(a=BAD)
    assert verdict.gate.state is GateState.HALTED
    assert verdict.messages[0].reason == "raised"
    assert "Trading went from ACTIVE to HALTED" in verdict.messages[0].done
    assert len(await court.messages()) > before
    gate = await lifted(court)
    assert gate.excused == ("close/a#1",)


async def test_a_rule_whose_action_alone_is_raised_is_told_by_the_gate(database: Database) -> None:
    court = Court(database, (rule("close", severity=Severity.CRITICAL),))
    await court.hear(a=BAD)
    court.rules = (rule("close", severity=Severity.CRITICAL, action=Action.HALT),)
    verdict = await court.hear(a=BAD)
    assert [one.group for one in verdict.messages] == ["gate"]
    assert verdict.messages[0].severity is Severity.WARNING


async def test_each_new_decision_is_named_once(database: Database) -> None:
    court = Court(database, (rule("psi"),))
    first = await court.hear(a=BAD)
    assert [(one.alert, one.group, one.reason) for one in first.decisions] == [("psi/a", "psi", "first")]
    assert (await court.hear(a=BAD)).decisions == ()
    over = await court.hear(a=GOOD)
    assert [(one.state, one.reason) for one in over.decisions] == [("resolved", "resolved")]


async def test_many_deeds_of_one_judgement_are_numbered_without_a_gap(database: Database) -> None:
    court = Court(database, (rule("psi"),))
    await court.hear(**{f"f{number}": BAD for number in range(20)})
    await court.hear(**{f"f{number}": GOOD for number in range(20)})
    async with database.read() as connection:
        found = await connection.exec_driver_sql("SELECT seq FROM audit ORDER BY seq")
        numbers = [row[0] for row in found]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 40
