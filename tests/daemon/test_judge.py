"""The judgement and what is told, in the store: on both databases."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from alerts.message import Event, Severity
from alerts.reason import Reason
from alerts.route import Digest, Route
from alerts.rule import Action
from daemon.person import lift
from daemon.storage.database import Database
from daemon.storage.groups import GroupStore
from daemon.storage.schema import outbox
from daemon.verbs import VerbError, acknowledge, end_silence, silence
from tests.alerts.cases import BAD, GOOD, UNKNOWN, reading, rule
from tests.daemon.judged import Court
from trading.gate import GateState

HALT = rule("halt", severity=Severity.CRITICAL, action=Action.HALT)


async def test_what_fires_is_told_on_every_channel_in_the_transaction_that_closes_the_gate(
    database: Database,
) -> None:
    court = Court(database, (HALT,))
    await court.hear(a=GOOD)
    await court.hear(a=BAD)
    assert (await court.gate()).state is GateState.HALTED
    told = [(name, one) for name, one in await court.messages() if one.group == "halt"]
    assert [name for name, _ in told] == ["email", "slack"]
    message = told[0][1]
    assert (message.key, message.episode, message.reason) == ("halt/1", "2024-01-04", "first")
    assert message.at == court.now.isoformat()
    assert message.trading is not None
    assert (message.trading.state, message.trading.latched) == ("HALTED", True)
    assert message.curve is not None
    assert (message.curve.sessions, message.curve.values) == (("2024-01-03", "2024-01-04"), (GOOD, BAD))
    assert message.curve.limit == 0.2


async def test_the_fallback_reaches_the_outbox_with_what_is_critical(database: Database) -> None:
    route = Route("all", channels=("slack",), fallback=("email",))
    await Court(database, (HALT, rule("calm")), routes=(route,)).hear(a=BAD)
    rows = await Court(database, ()).rows(select(outbox))
    assert {row.group_: row.fallback for row in rows} == {"halt": ["email"], "calm": []}


async def test_each_transition_says_why_it_was_told_or_not(database: Database) -> None:
    court = Court(
        database, (rule(), rule("calm", severity=Severity.INFO)), channels=(("slack", Severity.WARNING),)
    )
    await court.hear(a=BAD)
    await court.hear(a=GOOD)
    assert await court.transitions() == [
        ("calm/a", "firing", "below_severity"),
        ("rule/a", "firing", "first"),
        ("calm/a", "resolved", "below_severity"),
        ("rule/a", "resolved", "resolved"),
    ]


async def test_alerts_come_back_from_the_store_as_they_were(database: Database) -> None:
    court = Court(database, (rule(flap_moves=1), rule("b", no_data_sessions=1)))
    for value in (BAD, GOOD, BAD, UNKNOWN):
        verdict = await court.hear(a=value)
    found = await court.alerts()
    assert found["rule/a"].flapping
    assert found["rule/a"].flips == (3, 2, 1)
    assert found["rule/a"].blind == 1
    assert found["b/a"].marks.reason is Reason.NO_DATA
    assert verdict.transitions == 0
    assert await court.alerts() == found


class TestTicks:
    async def test_nothing_is_told_before_a_session_was_judged(self, database: Database) -> None:
        assert await Court(database, (rule(),)).tick() is None

    async def test_a_silence_holds_back_and_its_end_tells(self, database: Database) -> None:
        court = Court(database, (rule(),))
        async with database.write() as connection:
            ends = court.now + timedelta(days=1, hours=1)
            await silence(connection, "rule", starts=court.now, ends=ends, reason="quiet", actor="anna")
        await court.hear(a=BAD)
        assert [one for _, one in await court.messages() if one.group == "rule"] == []
        assert (await court.transitions())[0] == ("rule/a", "firing", "silenced")
        await court.tick(minutes=59)
        assert [one for _, one in await court.messages() if one.group == "rule"] == []
        verdict = await court.tick(minutes=1)
        assert verdict is not None
        assert [one.reason for one in verdict.messages] == ["silence_ended"]
        assert await court.tick(seconds=0) is not None
        assert len([one for _, one in await court.messages() if one.group == "rule"]) == 2

    async def test_a_silence_that_a_person_ends_tells_at_the_next_tick(self, database: Database) -> None:
        court = Court(database, (rule(),))
        async with database.write() as connection:
            ends = court.now + timedelta(days=9)
            made = await silence(connection, "*", starts=court.now, ends=ends, reason="quiet", actor="anna")
        await court.hear(a=BAD)
        async with database.write() as connection:
            await end_silence(connection, made.number, actor="bert", at=court.now)
        verdict = await court.tick(seconds=15)
        assert verdict is not None
        assert [one.reason for one in verdict.messages] == ["silence_ended"]
        assert await court.deeds() == [
            ("anna", "silence.made"),
            ("forewarn", "alert.firing"),
            ("forewarn", "gate.ACTIVE"),
            ("bert", "silence.ended"),
        ]

    async def test_the_gate_hears_neither_silence_nor_acknowledgement(self, database: Database) -> None:
        court = Court(database, (HALT,))
        async with database.write() as connection:
            ends = court.now + timedelta(days=9)
            await silence(connection, "*", starts=court.now, ends=ends, reason="quiet", actor="anna")
        await court.hear(a=BAD)
        assert (await court.gate()).state is GateState.HALTED
        told = [one for _, one in await court.messages()]
        assert {(one.group, one.event) for one in told} == {("gate", Event.GATE)}  # nobody is left unaware
        async with database.write() as connection:
            await acknowledge(connection, "halt", actor="anna", at=court.now)
        await court.hear(a=BAD)
        assert (await court.gate()).state is GateState.HALTED

    async def test_nobody_reacts_and_then_somebody_does(self, database: Database) -> None:
        route = Route(
            "all",
            channels=("slack",),
            repeat=timedelta(hours=4),
            escalate_after=timedelta(minutes=15),
            escalate_to=("email",),
        )
        court = Court(database, (rule(),), routes=(route,))
        await court.hear(a=BAD)
        await court.tick(minutes=15)
        await court.tick(hours=4)
        async with database.write() as connection:
            found = await acknowledge(connection, "rule", actor="anna", at=court.now)
            assert [alert.fingerprint for alert in found] == ["rule/a"]
            assert await acknowledge(connection, "rule/a", actor="bert", at=court.now) == ()
        for _ in range(5):
            await court.tick(hours=4)
        told = [(name, one.reason, one.event) for name, one in await court.messages() if one.group == "rule"]
        assert told == [
            ("slack", "first", Event.FIRING),
            ("email", "escalated", Event.REMINDER),
            ("slack", "repeat", Event.REMINDER),
        ]
        async with database.read() as connection:
            assert (await GroupStore(connection).all())["rule"].reason is Reason.ACKNOWLEDGED

    async def test_the_digest_comes_once_a_day_and_tells_what_was_collected(self, database: Database) -> None:
        route = Route("quiet", channels=("email",), digest=Digest(6, ZoneInfo("UTC")))
        court = Court(
            database,
            (rule("one", severity=Severity.INFO), rule("two", severity=Severity.INFO)),
            routes=(route,),
        )
        await court.hear(a=BAD, b=BAD)
        await court.tick(hours=8)
        assert {one.group for _, one in await court.messages()} == {"gate"}
        verdict = await court.tick(minutes=30)
        assert verdict is not None
        (message,) = verdict.messages
        assert (message.event, message.group, message.reason) == (Event.DIGEST, "digest-quiet", "digest")
        assert sorted((one.subject, one.about) for one in message.findings) == [
            ("a", "About one (firing)"),
            ("a", "About two (firing)"),
            ("b", "About one (firing)"),
            ("b", "About two (firing)"),
        ]
        told = [(name, one.group) for name, one in await court.messages()]
        assert ("email", "digest-quiet") in told
        again = await court.tick(days=1)
        assert again is not None
        assert again.messages == ()


class TestParts:
    async def test_a_part_closes_the_gate_at_once_and_never_opens_it(self, database: Database) -> None:
        pause = rule("pause", severity=Severity.CRITICAL, action=Action.REDUCE_ONLY)
        court = Court(database, (pause,))
        await court.hear(a=GOOD)
        assert (await court.gate()).state is GateState.ACTIVE
        await court.part(a=BAD)
        assert (await court.gate()).state is GateState.REDUCE_ONLY
        await court.part(a=GOOD)
        assert (await court.gate()).state is GateState.REDUCE_ONLY
        assert [state for _, state, _ in await court.transitions()] == ["firing", "resolved"]
        await court.hear(a=GOOD)
        assert (await court.gate()).state is GateState.ACTIVE

    async def test_what_a_part_leaves_out_keeps_its_demand(self, database: Database) -> None:
        court = Court(database, (HALT, rule("other", metric="ks")))
        await court.hear(a=BAD)
        await court.part(b=GOOD)
        assert (await court.gate()).state is GateState.HALTED
        assert (await court.alerts())["halt/a"].state == "firing"

    async def test_readings_of_two_sessions_are_refused(self, database: Database) -> None:
        court = Court(database, (HALT,))
        made = (reading(BAD, court.session), reading(BAD, court.session + timedelta(days=1)))
        async with database.write() as connection:
            with pytest.raises(ValueError, match="readings of 2 sessions"):
                await court.judge.readings(connection, made, court.now, court.now)


class TestReload:
    async def test_the_alert_of_a_rule_taken_out_is_resolved_and_told(self, database: Database) -> None:
        court = Court(database, (rule(), rule("other", metric="ks")))
        await court.hear(a=BAD)
        court.rules = court.rules[1:]
        verdict = await court.tick(seconds=15)
        assert verdict is not None
        assert [(one.event, one.reason) for one in verdict.messages] == [(Event.RESOLVED, "rule_removed")]
        assert (await court.transitions())[-1] == ("rule/a", "resolved", "rule_removed")

    async def test_one_that_latched_the_gate_stays_until_a_person_lifts_it(self, database: Database) -> None:
        court = Court(database, (HALT, rule("other", metric="ks")))
        await court.hear(a=BAD)
        court.rules = court.rules[1:]
        await court.hear()
        assert (await court.alerts())["halt/a"].state == "firing"
        gate = await court.gate()
        assert gate.state is GateState.HALTED
        async with database.write() as connection:
            await lift(connection, epoch=gate.epoch, at=court.now, reason="looked", actor="anna")
        await court.hear()
        assert (await court.alerts())["halt/a"].state == "resolved"

    async def test_a_rule_keeps_its_alert_and_is_not_told_again(self, database: Database) -> None:
        court = Court(database, (rule(),))
        await court.hear(a=BAD)
        before = len(await court.messages())
        court.rules = (rule(threshold=0.3, summary="Said otherwise"),)
        await court.hear(a=BAD)
        await court.tick(seconds=15)
        assert len(await court.messages()) == before


class TestVerbs:
    async def test_nothing_that_is_not_open_can_be_acknowledged(self, database: Database) -> None:
        court = Court(database, (rule(),))
        await court.hear(a=GOOD)
        async with database.write() as connection:
            with pytest.raises(VerbError, match="nothing called 'rule' is open"):
                await acknowledge(connection, "rule", actor="anna", at=court.now)

    async def test_silences_are_numbered_and_need_reason_and_length(self, database: Database) -> None:
        court = Court(database, ())
        now, hour = court.now, timedelta(hours=1)
        async with database.write() as connection:
            made = [
                await silence(connection, "*", starts=now, ends=now + hour, reason="x", actor="anna")
                for _ in range(2)
            ]
            assert [one.number for one in made] == [1, 2]
            with pytest.raises(VerbError, match="needs a reason"):
                await silence(connection, "*", starts=now, ends=now + hour, reason=" ", actor="anna")
            with pytest.raises(VerbError, match="over before it starts"):
                await silence(connection, "*", starts=now, ends=now, reason="x", actor="anna")
            with pytest.raises(VerbError, match="no silence 7"):
                await end_silence(connection, 7, actor="anna", at=now)
            await end_silence(connection, 1, actor="anna", at=now)
            with pytest.raises(VerbError, match="silence 1 ended"):
                await end_silence(connection, 1, actor="anna", at=now + hour)


async def test_what_has_no_data_is_told_with_its_last_known_value(database: Database) -> None:
    court = Court(database, (rule(no_data_sessions=2),))
    await court.hear(a=0.04)
    await court.hear(a=0.07)
    await court.hear(a=UNKNOWN)
    verdict = await court.hear(a=UNKNOWN)
    (message,) = verdict.messages
    assert (message.event, message.severity) == (Event.NO_DATA, Severity.WARNING)
    assert (message.findings[0].value, message.findings[0].samples) == ("0.07", 100)
    assert message.curve is not None
    assert message.curve.values == (0.04, 0.07, None, None)
