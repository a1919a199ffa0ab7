"""One living message for each group, its thread the timeline."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from pydantic import SecretStr

from alerts.channels.channel import (
    Channel,
    UnknownOutcomeError,
)
from alerts.channels.slack import SLACK_PACE
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_search import LIVING, TIMELINE
from alerts.message import Event, Message, Severity, Trading
from alerts.reason import Reason
from alerts.render_slack import render_blocks, render_reply
from tests.alerts.slack_bot.bot import (
    CURVE,
    DRAWN,
    FIRST,
    SECOND,
    SOON_S,
    THIRD,
    Bot,
    title,
    verbs,
)
from tests.stand_ins.golden import assert_golden
from tests.stand_ins.messages import storm
from tests.stand_ins.slack_api import Fault, SlackApiStandIn
from tests.stand_ins.slack_rules import faults
from tests.stand_ins.slack_workspace import CHANNEL


class TestSend:
    def test_it_is_a_channel(self) -> None:
        channel: Channel = SlackBotChannel(token=SecretStr("xoxb-1"), channel=CHANNEL)
        assert (channel.name, channel.pace) == ("slack", SLACK_PACE)

    async def test_the_first_message_becomes_the_living_one(self, slack: SlackApiStandIn, bot: Bot) -> None:
        reference = await bot().send(FIRST)
        (post,) = slack.posts
        assert reference == f"{CHANNEL}:{post.ts}"
        assert (post.kind, post.key) == (LIVING, "feature_drift/1")
        assert post.metadata == {
            "event_type": LIVING,
            "event_payload": {"key": "feature_drift/1", "group": "feature_drift", "episode": "2026-03-10"},
        }

    async def test_a_revision_edits_the_living_message_and_adds_one_line(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        assert await channel.send(SECOND, living=living) == living
        (post,) = slack.top()
        (line,) = slack.replies(post.ts)
        assert (post.edits, post.key, title(post)) == (
            1,
            "feature_drift/2",
            "🟠 Warning: Feature drift in 4 of 42 features · 3 firing",
        )
        assert (line.kind, line.key) == (TIMELINE, "feature_drift/2")
        assert line.text.startswith("🟠 *3 firing* · another alert of the group began to fire")

    async def test_the_end_of_the_episode_is_shown_in_place(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        await channel.send(THIRD, living=living)
        (post,) = slack.top()
        assert title(post) == "🟢 Resolved: Feature drift is over"
        assert verbs(post) == []

    @pytest.mark.parametrize(
        "message",
        [
            *(replace(FIRST, event=event) for event in Event),
            replace(FIRST, curve=CURVE),
            replace(storm(60), episode="e", reason="nonsense", at="yesterday"),
            replace(FIRST, findings=(), done="", runbook="", others=57),
        ],
        ids=[*Event, "curve", "storm", "empty"],
    )
    async def test_slack_takes_every_kind_of_message(
        self, slack: SlackApiStandIn, bot: Bot, message: Message
    ) -> None:
        channel = bot()
        living = await channel.send(message)
        await channel.send(replace(message, key="again"), living=living)
        assert slack.refusals == []
        assert len(slack.posts) == 2

    async def test_a_deleted_message_is_posted_anew(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.delete(living.partition(":")[2])
        renewed = await channel.send(SECOND, living=living)
        (post,) = slack.posts
        assert renewed == f"{CHANNEL}:{post.ts}" != living
        assert post.key == "feature_drift/2"

    async def test_a_reference_of_another_channel_is_no_living_message(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        await bot().send(SECOND, living="C0ELSEWHERE:1.000001")
        assert [call.method for call in slack.calls] == ["chat.postMessage"]

    @pytest.mark.parametrize(
        ("message", "noticed"),
        [
            (SECOND, False),
            (replace(SECOND, severity=Severity.CRITICAL), True),
            (replace(SECOND, reason=Reason.ESCALATED), True),
            (replace(SECOND, reason=Reason.REPEAT), True),
            (replace(THIRD, severity=Severity.CRITICAL), False),
        ],
    )
    async def test_only_a_line_that_must_be_noticed_is_shown_in_the_channel_too(
        self, slack: SlackApiStandIn, bot: Bot, message: Message, noticed: bool
    ) -> None:
        channel = bot()
        await channel.send(message, living=await channel.send(FIRST))
        assert slack.posts[-1].broadcast is noticed

    async def test_a_send_takes_no_longer_than_its_time(self, slack: SlackApiStandIn, bot: Bot) -> None:
        living = await bot().send(FIRST)
        slack.break_next("chat.postMessage", Fault.HANG)
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnknownOutcomeError, match=r"chat\.postMessage: no reply in time"):
            await bot(timeout_s=SOON_S).send(SECOND, living=living)
        assert asyncio.get_running_loop().time() - began < 2 * SOON_S

    async def test_cancellation_passes_through(self, slack: SlackApiStandIn, bot: Bot) -> None:
        slack.break_next("chat.postMessage", Fault.HANG)
        sending = asyncio.create_task(bot().send(FIRST))
        await slack.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


class TestButtons:
    @pytest.mark.parametrize(
        ("event", "trading", "drawn"),
        [
            (Event.FIRING, Trading("ACTIVE", 7, latched=False), ["acknowledge", "silence", "pause"]),
            (Event.FIRING, Trading("REDUCE_ONLY", 7, latched=False), ["acknowledge", "silence", "pause"]),
            (Event.FIRING, Trading("REDUCE_ONLY", 7, latched=True), ["acknowledge", "silence", "resume"]),
            (Event.REMINDER, Trading("HALTED", 7, latched=True), ["acknowledge", "silence", "resume"]),
            (Event.NO_DATA, None, ["acknowledge", "silence"]),
            (Event.RESOLVED, Trading("HALTED", 7, latched=True), ["resume"]),
            (Event.RESOLVED, Trading("ACTIVE", 7, latched=False), []),
            (Event.GATE, Trading("UNKNOWN", 7, latched=False), ["pause"]),
            (Event.DIGEST, Trading("HALTED", 7, latched=True), []),
            (Event.TEST, Trading("HALTED", 7, latched=True), []),
        ],
    )
    async def test_only_what_makes_sense_can_be_pressed(
        self, slack: SlackApiStandIn, bot: Bot, event: Event, trading: Trading | None, drawn: list[str]
    ) -> None:
        await bot().send(replace(FIRST, event=event, trading=trading))
        assert verbs(slack.posts[0]) == drawn

    async def test_without_socket_mode_none_is_drawn(self, slack: SlackApiStandIn, bot: Bot) -> None:
        await bot(app_token=None).send(FIRST)
        assert verbs(slack.posts[0]) == []

    async def test_moving_trading_asks_back(self, slack: SlackApiStandIn, bot: Bot) -> None:
        await bot().send(replace(FIRST, trading=Trading("REDUCE_ONLY", 7, latched=True)))
        (actions,) = [block for block in slack.posts[0].blocks if block["type"] == "actions"]
        asked = {button["action_id"]: "confirm" in button for button in actions["elements"]}
        assert asked == {"forewarn_acknowledge": False, "forewarn_silence": False, "forewarn_resume": True}

    async def test_a_button_says_for_what_and_when_it_was_drawn(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        await bot().send(FIRST)
        (actions,) = [block for block in slack.posts[0].blocks if block["type"] == "actions"]
        assert json.loads(actions["elements"][0]["value"]) == {
            "verb": "acknowledge",
            "group": "feature_drift",
            "episode": "2026-03-10",
            "epoch": 7,
            "key": "feature_drift/1",
            "drawn_at": "2026-03-12T21:30:00.000+00:00",
        }

    async def test_redrawing_shows_the_gate_as_it_is_and_adds_no_line(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        await channel.redraw(FIRST, living, Trading("HALTED", 9, latched=True))
        (post,) = slack.posts
        assert verbs(post) == ["acknowledge", "silence", "resume"]
        assert "Trading is HALTED (epoch 9)" in post.blocks[1]["text"]["text"]

    async def test_a_whisper_reaches_one_person_and_pings_nobody(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        await bot().whisper("U0ANNA", "refused: <!channel> is not & never was")
        (whisper,) = slack.whispers
        assert (whisper["user"], whisper["channel"]) == ("U0ANNA", CHANNEL)
        assert whisper["text"] == "refused: &lt;!channel&gt; is not &amp; never was"


LATCHED = replace(
    FIRST,
    severity=Severity.CRITICAL,
    at="2026-03-12T21:05:00+00:00",
    trading=Trading("HALTED", 7, latched=True),
    done="Trading went from ACTIVE to HALTED (epoch 7). 3 open orders were cancelled.",
    reason=Reason.ESCALATED,
    others=4,
)


class TestLook:
    @pytest.mark.parametrize(
        ("name", "message"),
        [("firing", FIRST), ("latched", LATCHED), ("resolved", THIRD)],
    )
    def test_it_reads_as_when_it_was_last_read(self, name: str, message: Message) -> None:
        blocks = render_blocks(message, drawn_at=DRAWN)
        assert faults({"text": "x", "blocks": blocks}) == []
        text = json.dumps(blocks, indent=1, ensure_ascii=False) + "\n\n" + render_reply(message) + "\n"
        assert_golden(f"slack_bot_{name}", text)
