"""Who is refused, and what is done once only."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.channels.slack_socket import read_presses
from alerts.group import Group
from alerts.message import Message, Trading
from daemon.storage.gates import GateStore
from daemon.storage.groups import GroupStore
from daemon.storage.silences import SilenceStore
from tests.daemon.slack_buttons.desk import BORIS, MESSAGE, NOW, SESSION, Desk
from tests.stand_ins.slack_workspace import CHANNEL
from trading.gate import GateState


class TestRefusals:
    @pytest.mark.parametrize("verb", ["acknowledge", "silence", "pause"])
    async def test_somebody_without_the_role_is_refused(self, desk: Desk, verb: str) -> None:
        edits = desk.slack.top()[0].edits
        answer = await desk.press(desk.press_of(verb, user=BORIS, username="boris"))
        role = "pause" if verb == "pause" else "ack"
        assert answer == f"Refused: this needs the role {role}, and you do not have it."
        assert desk.slack.whispers[-1]["user"] == BORIS
        assert await desk.actions() == ["slack.refused"]
        assert (await desk.gate()).epoch == 1
        assert desk.slack.top()[0].edits == edits
        assert desk.woken == 0

    async def test_a_handle_that_is_anothers_gives_no_role(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("pause", user=BORIS, username="anna"))
        assert answer.startswith("Refused: this needs the role pause")

    async def test_a_button_of_an_older_epoch_is_refused_and_drawn_anew(self, desk: Desk) -> None:
        old = desk.press_of("pause")
        async with desk.database.write() as connection:
            gates = GateStore(connection)
            gate = await gates.hold(NOW)
            await gates.move(gate, replace(gate, state=GateState.HALTED, latched=True, epoch=2), session=None)
        answer = await desk.press(old)
        assert answer.startswith(
            "Refused: Trading has moved since this was drawn: it is HALTED now (epoch 2)."
        )
        assert (await desk.gate()).epoch == 2
        assert json.loads(desk.button("resume")["value"])["epoch"] == 2

    async def test_a_button_older_than_a_quarter_of_an_hour_is_refused_and_drawn_anew(
        self, desk: Desk
    ) -> None:
        desk.clock.advance(NOW + timedelta(minutes=15, seconds=1))
        answer = await desk.press(desk.press_of("pause"))
        assert answer.startswith("Refused: The button is 15 minutes old; one is obeyed for 15 minutes.")
        assert (await desk.gate()).epoch == 1
        answer = await desk.press(desk.press_of("pause"))
        assert answer.startswith("Trading is REDUCE_ONLY (epoch 2)")

    async def test_a_button_of_a_quarter_of_an_hour_is_obeyed(self, desk: Desk) -> None:
        desk.clock.advance(NOW + timedelta(minutes=15))
        assert (await desk.press(desk.press_of("pause"))).startswith("Trading is REDUCE_ONLY")

    async def test_what_is_over_can_no_longer_be_acknowledged(self, desk: Desk) -> None:
        async with desk.database.write() as connection:
            await GroupStore(connection).save([Group("drift", began=SESSION, count=2, is_open=True)])
        answer = await desk.press(desk.press_of("acknowledge"))
        assert answer == "Refused: this alert is over, there is nothing left to do."
        assert (await desk.alert()).marks.acknowledged_by == ""

    async def test_a_message_that_forewarn_does_not_know_is_refused(self, desk: Desk) -> None:
        desk.reference = f"{CHANNEL}:1.000001"
        answer = await desk.press(desk.press_of("pause"))
        assert answer == "Refused: Forewarn does not know this message any more."
        assert (await desk.gate()).epoch == 1

    async def test_the_group_a_button_names_is_not_trusted(self, desk: Desk) -> None:
        payload = desk.press_of("silence")
        action = payload["actions"][0]
        action["value"] = json.dumps({**json.loads(action["value"]), "group": "*", "episode": "x"})
        assert (await desk.press(payload)).startswith("Silenced: drift,")
        async with desk.database.read() as connection:
            (silence,) = await SilenceStore(connection).all()
        assert silence.rule == "drift"

    async def test_a_forged_button_is_refused(self, desk: Desk) -> None:
        forgeries: tuple[dict[str, Any], ...] = (
            {"verb": "sell"},
            {"epoch": "1"},
            {"epoch": True},
            {"drawn_at": "yesterday"},
            {"drawn_at": "2026-03-12T21:30:00"},
        )
        for change in forgeries:
            payload = desk.press_of("pause")
            action = payload["actions"][0]
            action["value"] = json.dumps({**json.loads(action["value"]), **change})
            assert await desk.press(payload) == "Refused: the button carries nothing Forewarn wrote."
        assert await desk.actions() == []

    async def test_a_button_from_the_future_is_refused(self, desk: Desk) -> None:
        payload = desk.press_of("pause")
        action = payload["actions"][0]
        drawn_at = (NOW + timedelta(hours=1)).isoformat()
        action["value"] = json.dumps({**json.loads(action["value"]), "drawn_at": drawn_at})
        assert (await desk.press(payload)).startswith("Refused: The button was drawn in the future")

    async def test_lifting_what_is_not_latched_is_refused_with_the_gates_own_words(self, desk: Desk) -> None:
        payload = desk.press_of("pause")
        action = payload["actions"][0]
        action["value"] = json.dumps({**json.loads(action["value"]), "verb": "resume"})
        answer = await desk.press(payload)
        assert answer == "Refused: the gate is ACTIVE and not latched, there is nothing to lift."
        assert await desk.actions() == ["slack.refused"]


class TestOnce:
    async def test_a_press_that_slack_delivers_twice_acts_and_answers_once(self, desk: Desk) -> None:
        payload = desk.press_of("silence")
        await desk.press(payload)
        await desk.slack.socket.deliver(payload, retry=1)
        answer = await desk.press(desk.press_of("acknowledge"))  # handled after the second delivery
        assert answer.startswith("Acknowledged")
        assert len(desk.slack.whispers) == 2
        assert await desk.silences() == 1

    async def test_a_press_delivered_again_to_the_next_process_acts_and_answers_once(
        self, desk: Desk
    ) -> None:
        payload, other = desk.press_of("silence"), desk.press_of("acknowledge")
        await desk.press(payload)
        await desk.slack.socket.close_all()
        successor = desk.new_loop(desk.database)
        press = read_presses(payload)[0]
        await successor._buttons.press(press)
        await successor._buttons.press(read_presses(other)[0])
        assert len(desk.slack.whispers) == 2
        assert await desk.silences() == 1

    async def test_fresh_buttons_act_again(self, desk: Desk) -> None:
        await desk.press(desk.press_of("silence"))
        desk.clock.advance(NOW + timedelta(minutes=1))
        desk.channel._now = desk.clock.now
        await desk.press(desk.press_of("acknowledge"))
        await desk.press(desk.press_of("silence"))
        assert await desk.silences() == 2

    async def test_redrawing_shows_what_delivery_has_sent_meanwhile(self, desk: Desk) -> None:
        await desk.record(replace(MESSAGE, key="drift/2", title="Features have drifted further"))
        await desk.press(desk.press_of("acknowledge"))
        assert desk.slack.top()[0].blocks[0]["text"]["text"] == "🔴 Critical: Features have drifted further"

    async def test_redrawing_again_shows_what_delivery_sent_in_between(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        redraw, later = desk.channel.redraw, replace(MESSAGE, key="drift/2", title="Worse")

        async def overtaken(message: Message, living: str, trading: Trading | None) -> None:
            if message.title != later.title:
                await desk.record(later)
            await redraw(message, living, trading)

        monkeypatch.setattr(desk.channel, "redraw", overtaken)
        await desk.press(desk.press_of("acknowledge"))
        assert desk.slack.top()[0].blocks[0]["text"]["text"] == "🔴 Critical: Worse"

    async def test_a_refusal_that_slack_asks_for_twice_is_given_once(self, desk: Desk) -> None:
        payload = desk.press_of("pause", user=BORIS)
        await desk.press(payload)
        await desk.slack.socket.deliver(payload, retry=1)
        await desk.press(desk.press_of("acknowledge"))  # handled after the second delivery
        assert len(desk.slack.whispers) == 2
        assert (await desk.actions()).count("slack.refused") == 1
