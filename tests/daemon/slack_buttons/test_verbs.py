"""What each button does, and that it acts on the group as it now stands."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.channels.channel import Sighting
from alerts.group import Group
from daemon.live.slack_buttons_loop import listening
from daemon.storage.database import Database
from daemon.storage.groups import GroupStore
from daemon.storage.outbox import OutboxStore
from daemon.storage.schema import audit, outbox
from daemon.storage.silences import SilenceStore
from tests.daemon.slack_buttons.desk import MESSAGE, NOW, SESSION, Desk
from tests.stand_ins.slack_api import SlackApiStandIn
from tests.stand_ins.slack_socket import interaction
from tests.stand_ins.slack_workspace import CHANNEL
from trading.gate import GateState


class TestVerbs:
    @pytest.fixture
    def store(self, database: Database) -> Database:
        return database

    async def test_acknowledging_marks_the_group_and_says_so(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("acknowledge"))
        assert answer.startswith("Acknowledged: drift.")
        marks = (await desk.alert()).marks
        assert (marks.acknowledged_by, marks.acknowledged_at) == ("anna (Slack U0000ANNA)", NOW)
        assert await desk.actions() == ["alert.acknowledged", "slack.acknowledge"]
        assert desk.woken == 1

    async def test_silencing_lasts_one_hour(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("silence"))
        assert answer.startswith("Silenced: drift, until 22:30 UTC.")
        async with desk.database.read() as connection:
            (silence,) = await SilenceStore(connection).all()
        assert (silence.rule, silence.starts, silence.ends) == ("drift", NOW, NOW + timedelta(hours=1))
        assert (await desk.gate()).state is GateState.ACTIVE

    async def test_pausing_closes_the_gate_and_tells_the_others(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("pause"))
        assert answer == "Trading is REDUCE_ONLY (epoch 2) until a person resumes it."
        gate = await desk.gate()
        assert (gate.state, gate.latched, gate.epoch) == (GateState.REDUCE_ONLY, True, 2)
        assert (gate.actor, gate.reason) == ("anna (Slack U0000ANNA)", "pressed in Slack under drift")
        async with desk.database.read() as connection:
            told = (await connection.execute(select(outbox).where(outbox.c.group_ == "gate"))).one()
        assert told.message["title"] == "anna (Slack U0000ANNA) moved trading to REDUCE_ONLY"
        assert told.status == "pending"

    async def test_resuming_lifts_the_pause(self, desk: Desk) -> None:
        await desk.press(desk.press_of("pause"))
        answer = await desk.press(desk.press_of("resume"))
        assert answer.startswith("The pause is lifted: trading is UNKNOWN (epoch 3)")
        assert await desk.actions() == ["gate.REDUCE_ONLY", "slack.pause", "gate.UNKNOWN", "slack.resume"]

    async def test_the_message_is_drawn_anew_with_the_gate_as_it_is(self, desk: Desk) -> None:
        await desk.press(desk.press_of("pause"))
        resume = json.loads(desk.button("resume")["value"])
        assert resume["epoch"] == 2
        with pytest.raises(ValueError, match="not enough values"):
            desk.button("pause")

    async def test_the_thread_says_who_did_what(self, desk: Desk) -> None:
        await desk.press(desk.press_of("acknowledge"))
        thread = desk.reference.partition(":")[2]
        await desk.until(lambda: bool(desk.slack.replies(thread)))
        (line,) = desk.slack.replies(thread)
        assert line.metadata is None  # it is no revision of the message
        assert line.text.startswith("anna (Slack U0000ANNA): Acknowledged: drift.")

    async def test_the_audit_row_says_which_button_and_which_press(self, desk: Desk) -> None:
        payload = desk.press_of("acknowledge")
        await desk.press(payload)
        async with desk.database.read() as connection:
            query = select(audit).where(audit.c.action == "slack.acknowledge")
            row = (await connection.execute(query)).one()
        assert row.actor == "anna (Slack U0000ANNA)"
        assert row.detail["group"] == "drift"
        assert row.detail["button"].startswith(f"{desk.reference}/acknowledge/2026-03-12T21:30")
        assert payload["trigger_id"] in row.detail["interaction"]

    @pytest.mark.parametrize("verb", ["acknowledge", "silence", "pause"])
    async def test_a_double_click_acts_once(self, desk: Desk, verb: str) -> None:
        first, second = desk.press_of(verb), desk.press_of(verb)
        await desk.press(first)
        answer = await desk.press(second)
        assert answer == "Done already, by anna (Slack U0000ANNA) at 21:30 UTC."
        actions = await desk.actions()
        assert actions.count(f"slack.{verb}") == 1
        assert actions.count("slack.refused") == 1
        assert await desk.silences() == (verb == "silence")
        assert await desk.transitions() == 1 + (verb == "pause")

    async def test_two_clicks_at_the_same_instant_act_once(self, desk: Desk) -> None:
        payloads = [desk.press_of("silence") for _ in range(5)]
        await asyncio.gather(*(desk.slack.socket.press(payload) for payload in payloads))
        await desk.until(lambda: len(desk.slack.whispers) == 5)
        assert await desk.silences() == 1


class TestNewerWord:
    async def test_a_button_drawn_for_an_older_revision_is_refused_for_acknowledge_and_silence(
        self, desk: Desk
    ) -> None:
        presses = [desk.press_of("acknowledge"), desk.press_of("silence")]
        async with desk.database.write() as connection:
            store = OutboxStore(connection)
            await store.add("drift", 2, asdict(MESSAGE), MESSAGE.severity, ("slack",), at=NOW, wall=NOW)
        for press in presses:
            answer = await desk.press(press)
            assert answer.startswith("Refused: There is newer word about drift than this was drawn for.")
        assert (await desk.alert()).marks.acknowledged_by == ""
        assert await desk.silences() == 0

    async def test_a_button_that_names_no_message_is_refused(self, desk: Desk) -> None:
        press = desk.press_of("acknowledge")
        value = json.loads(press["actions"][0]["value"])
        del value["key"]
        press["actions"][0]["value"] = json.dumps(value)
        assert (await desk.press(press)).startswith("Refused: There is newer word")

    async def test_a_message_drawn_anew_is_still_known_as_ones_own(
        self, slack: SlackApiStandIn, store: Database
    ) -> None:
        desk = Desk(slack, store)
        await desk.tell()
        desk.loop._buttons._store = "aaa"
        own = replace(MESSAGE, store="aaa")
        async with listening(desk.loop):
            await desk.press(desk.press_of("acknowledge"))
            await desk.until(lambda: "takes care of it" in json.dumps(desk.slack.top()[0].blocks))
        assert (await desk.channel.find(own)).sighting is Sighting.ARRIVED
        await desk.channel.aclose()

    async def test_who_acknowledged_stands_in_the_message_drawn_anew(self, desk: Desk) -> None:
        await desk.press(desk.press_of("acknowledge"))
        await desk.until(lambda: "takes care of it" in json.dumps(desk.slack.top()[0].blocks))


async def test_silencing_a_group_whose_name_looks_like_a_glob_silences_that_group_only(
    slack: SlackApiStandIn, store: Database
) -> None:
    desk = Desk(slack, store)
    await desk.tell()
    odd = replace(MESSAGE, key="psi_[ab]*/1", group="psi_[ab]*")
    async with store.write() as connection:
        await GroupStore(connection).save([Group(odd.group, began=SESSION, count=1, is_open=True)])
    desk.reference = await desk.channel.send(odd)
    await desk.record(odd)
    press = next(
        interaction(one, channel=CHANNEL, message_ts=desk.reference.partition(":")[2])
        for post in slack.top()
        for block in post.blocks
        if block["type"] == "actions"
        for one in block["elements"]
        if json.loads(one["value"])["verb"] == "silence" and json.loads(one["value"])["group"] == odd.group
    )
    async with listening(desk.loop):
        assert (await desk.press(press)).startswith("Silenced: psi_[ab]*,")
    async with store.read() as connection:
        (made,) = await SilenceStore(connection).all()
    assert made.covers(odd.group, odd.group, "x", NOW)
    assert not made.covers("psi_about", "psi_about", "x", NOW)
    await desk.channel.aclose()
