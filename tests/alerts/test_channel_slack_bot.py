from __future__ import annotations

import asyncio
import json
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from alerts.channels.channel import (
    Channel,
    DeliveryError,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.slack import SLACK_PACE
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_search import LIVING, PAGE, PAGES, TIMELINE
from alerts.message import Curve, Event, Message, Severity, Trading
from alerts.reason import Reason
from alerts.render_slack import render_blocks, render_reply
from tests.alerts.test_channel_slack_webhook import closed_port
from tests.stand_ins.golden import assert_golden
from tests.stand_ins.messages import FIRING, RESOLVED, storm
from tests.stand_ins.slack_api import APP_TOKEN, BOT_TOKEN, CHANNEL, Fault, Post, SlackApiStandIn
from tests.stand_ins.slack_rules import faults

SOON_S = 0.5  # a time-out that a test waits for
DRAWN = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
CURVE = Curve("psi of momentum_21", ("2026-03-11", "2026-03-12"), (0.1, 0.31), 0.2)

FIRST = replace(
    FIRING,
    key="feature_drift/1",
    episode="2026-03-10",
    reason=Reason.FIRST,
    trading=Trading("REDUCE_ONLY", 7, latched=False),
    severity=Severity.WARNING,
    curve=None,
)
SECOND = replace(
    FIRST, key="feature_drift/2", reason=Reason.NEW_IN_GROUP, title="Feature drift in 4 of 42 features"
)
THIRD = replace(
    RESOLVED,
    key="feature_drift/3",
    episode="2026-03-10",
    reason=Reason.RESOLVED,
    trading=Trading("ACTIVE", 8, latched=False),
)


@pytest.fixture
async def slack() -> AsyncIterator[SlackApiStandIn]:
    async with SlackApiStandIn(paced=False) as stand_in:
        yield stand_in


class Bot:
    """Makes channels to the stand-in and closes them in the end."""

    def __init__(self, slack: SlackApiStandIn) -> None:
        self.slack = slack
        self.made: list[SlackBotChannel] = []

    def __call__(
        self,
        *,
        timeout_s: float = 10.0,
        token: str = BOT_TOKEN,
        app_token: str | None = APP_TOKEN,
        url: str | None = None,
        channel: str = CHANNEL,
        draw: Callable[[Curve], bytes] = lambda _: b"PNG",
    ) -> SlackBotChannel:
        made = SlackBotChannel(
            token=SecretStr(token),
            channel=channel,
            timeout_s=timeout_s,
            app_token=SecretStr(app_token) if app_token else None,
            api_url=url or self.slack.url,
            now=lambda: DRAWN,
            draw=draw,
        )
        self.made.append(made)
        return made


@pytest.fixture
async def bot(slack: SlackApiStandIn) -> AsyncIterator[Bot]:
    factory = Bot(slack)
    yield factory
    for channel in factory.made:
        await channel.aclose()


def verbs(post: Post) -> list[str]:
    actions = [block for block in post.blocks if block["type"] == "actions"]
    return [json.loads(button["value"])["verb"] for block in actions for button in block["elements"]]


def title(post: Post) -> str:
    text: str = post.blocks[0]["text"]["text"]
    return text


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


class TestErrors:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault.ACT_THEN_DROP, UnknownOutcomeError),
            (Fault.ACT_THEN_HANG, UnknownOutcomeError),
            (Fault.HANG, UnknownOutcomeError),
            (Fault.DRIP, UnknownOutcomeError),
            (Fault.RESET, UnknownOutcomeError),
            (Fault.BAD_GATEWAY, UnknownOutcomeError),
            (Fault.INTERNAL_ERROR, UnknownOutcomeError),
            (Fault.PORTAL, UnknownOutcomeError),
            (Fault.PLAIN_TEXT, UnknownOutcomeError),
            (Fault.LIST, UnknownOutcomeError),
            (Fault.ERROR_500, TransientError),
            (Fault.ERROR_503, TransientError),
            (Fault.RATE_LIMITED, TransientError),
            (Fault.REDIRECT, PermanentError),
        ],
    )
    async def test_a_post_that_goes_wrong(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault, error: type[DeliveryError]
    ) -> None:
        slack.break_next("chat.postMessage", fault)
        with pytest.raises(error):
            await bot(timeout_s=SOON_S).send(FIRST)
        assert slack.count("chat.postMessage") == 1
        assert slack.count("elsewhere") == 0

    @pytest.mark.parametrize(
        "fault", [Fault.ACT_THEN_DROP, Fault.HANG, Fault.INTERNAL_ERROR, Fault.BAD_GATEWAY, Fault.PORTAL]
    )
    async def test_a_lost_reply_to_an_edit_is_transient_since_an_edit_may_be_repeated(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault
    ) -> None:
        living = await bot().send(FIRST)
        slack.break_next("chat.update", fault)
        channel = bot(timeout_s=SOON_S)
        with pytest.raises(TransientError):
            await channel.send(SECOND, living=living)
        await channel.send(SECOND, living=living)
        assert len(slack.top()) == 1
        assert len(slack.replies(slack.top()[0].ts)) == 1

    async def test_a_rate_limit_passes_on_the_wish(self, slack: SlackApiStandIn, bot: Bot) -> None:
        slack.break_next("chat.postMessage", Fault.RATE_LIMITED)
        with pytest.raises(TransientError, match="ratelimited") as caught:
            await bot().send(FIRST)
        assert caught.value.retry_after_s == 7.0

    async def test_two_posts_in_one_second_are_limited_by_slack(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        slack.paced = True
        channel = bot()
        await channel.send(FIRST)
        with pytest.raises(TransientError) as caught:
            await channel.send(replace(FIRST, group="other"))
        assert caught.value.retry_after_s == 1.0

    async def test_a_refused_connection_is_transient(self, bot: Bot) -> None:
        with pytest.raises(TransientError, match="before the request was written"):
            await bot(url=f"http://127.0.0.1:{closed_port()}/api/").send(FIRST)

    async def test_a_name_that_does_not_resolve_is_transient(self, bot: Bot) -> None:
        with pytest.raises(TransientError, match="before the request was written"):
            await bot(url="https://slack.invalid/api/", timeout_s=2.0).send(FIRST)

    async def test_a_bad_token_is_permanent_and_says_what_to_do(self, bot: Bot) -> None:
        with pytest.raises(PermanentError, match=r"invalid_auth; make a new bot token"):
            await bot(token="xoxb-wrong").send(FIRST)

    @pytest.mark.parametrize(
        ("channel", "words"),
        [
            ({"is_member": False, "is_archived": False}, r"not_in_channel; invite the bot"),
            ({"is_member": True, "is_archived": True}, r"is_archived; unarchive the channel"),
            (None, r"channel_not_found; set channels\.slack\.channel"),
        ],
    )
    async def test_a_closed_channel_is_permanent_and_says_what_to_do(
        self, slack: SlackApiStandIn, bot: Bot, channel: dict[str, Any] | None, words: str
    ) -> None:
        slack.channels = {CHANNEL: channel} if channel else {}
        with pytest.raises(PermanentError, match=words):
            await bot().send(FIRST)

    async def test_a_missing_scope_is_named(self, slack: SlackApiStandIn, bot: Bot) -> None:
        slack.scopes = "channels:read"
        with pytest.raises(PermanentError, match=r"missing_scope \(needs chat:write\); add the scope"):
            await bot().send(FIRST)

    async def test_a_refused_payload_is_permanent(
        self, slack: SlackApiStandIn, bot: Bot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.channels.slack_bot.render_blocks", lambda *_, **__: [{"type": "header"}])
        with pytest.raises(PermanentError, match="invalid_blocks"):
            await bot().send(FIRST)
        assert slack.posts == []

    async def test_a_proxy_of_the_environment_is_not_used(
        self, slack: SlackApiStandIn, bot: Bot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port()}")
        await bot().send(FIRST)
        assert len(slack.posts) == 1

    @pytest.mark.parametrize(
        "fault", [fault for fault in Fault if "hang" not in fault and fault != Fault.DRIP]
    )
    async def test_no_token_is_in_a_log_an_error_or_a_repr(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("slack_sdk").setLevel(logging.DEBUG)
        slack.break_next("chat.postMessage", fault)
        slack.break_next("files.getUploadURLExternal", fault)
        channel = bot()
        said = repr(channel) + str(vars(channel))
        try:
            await channel.send(replace(FIRST, curve=CURVE))
        except DeliveryError as error:
            said += "".join(traceback.format_exception(error))
        await channel.aclose()
        logging.getLogger("slack_sdk").setLevel(logging.NOTSET)
        said += caplog.text
        assert "botsecret" not in said
        assert "appsecret" not in said

    @pytest.mark.parametrize("url", ["", "slack.com/api", "http://slack.com/api/", "https://[x"])
    def test_an_address_that_would_show_the_token_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="must be https"):
            SlackBotChannel(token=SecretStr("xoxb-1"), channel=CHANNEL, api_url=url)

    def test_a_time_out_of_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="timeout_s is 0"):
            SlackBotChannel(token=SecretStr("xoxb-1"), channel=CHANNEL, timeout_s=0)


async def deliver(channel: SlackBotChannel, message: Message, *, living: str = "") -> str:
    """Do what delivery does when an outcome is unknown: ask first, and send again only what is absent."""
    try:
        return await channel.send(message, living=living)
    except TransientError:
        return await channel.send(message, living=living)
    except UnknownOutcomeError:
        found = await channel.find(message, living=living)
        if found.sighting is Sighting.ARRIVED:
            return found.reference
        return await channel.send(message, living=found.reference or living)


class TestFind:
    @pytest.mark.parametrize("fault", [Fault.ACT_THEN_DROP, Fault.INTERNAL_ERROR, Fault.BAD_GATEWAY])
    async def test_a_first_message_whose_reply_was_lost_is_not_repeated(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault
    ) -> None:
        slack.break_next("chat.postMessage", fault)
        reference = await deliver(bot(), FIRST)
        (post,) = slack.posts
        assert reference == f"{CHANNEL}:{post.ts}"

    async def test_a_first_message_that_never_arrived_is_sent_again(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        slack.break_next("chat.postMessage", Fault.RESET)
        await deliver(bot(), FIRST)
        assert [post.key for post in slack.posts] == ["feature_drift/1"]

    @pytest.mark.parametrize("fault", [Fault.ACT_THEN_DROP, Fault.RESET, Fault.INTERNAL_ERROR])
    @pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
    async def test_a_revision_whose_reply_was_lost_is_shown_once(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault, method: str
    ) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.break_next(method, fault)
        assert await deliver(channel, SECOND, living=living) == living
        (post,) = slack.top()
        assert post.key == "feature_drift/2"
        assert [line.key for line in slack.replies(post.ts)] == ["feature_drift/2"]

    async def test_a_death_between_the_edit_and_the_line_leaves_one_of_each(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        dying = bot()
        living = await dying.send(FIRST)
        slack.break_next("chat.postMessage", Fault.HANG)
        sending = asyncio.create_task(dying.send(SECOND, living=living))
        while slack.count("chat.postMessage") < 2:
            slack.asked.clear()
            await slack.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

        successor = bot()
        found = await successor.find(SECOND, living=living)
        assert (found.sighting, found.reference) == (Sighting.ABSENT, living)
        assert await successor.send(SECOND, living=living) == living
        (post,) = slack.top()
        assert (post.key, [line.key for line in slack.replies(post.ts)]) == (
            "feature_drift/2",
            ["feature_drift/2"],
        )
        assert (await successor.find(SECOND, living=living)).sighting is Sighting.ARRIVED

    async def test_a_revision_posted_anew_is_found_by_its_key(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.delete(living.partition(":")[2])
        slack.break_next("chat.postMessage", Fault.ACT_THEN_DROP)
        renewed = await deliver(channel, SECOND, living=living)
        (post,) = slack.posts
        assert renewed == f"{CHANNEL}:{post.ts}"

    async def test_the_edit_alone_does_not_count_as_arrived(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        slack.break_next("chat.postMessage", Fault.ERROR_500)
        with pytest.raises(TransientError):
            await channel.send(SECOND, living=living)
        assert slack.top()[0].key == "feature_drift/2"
        assert (await channel.find(SECOND, living=living)).sighting is Sighting.ABSENT

    async def test_an_absent_message_names_the_living_one_of_its_episode(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        living = await channel.send(FIRST)
        await channel.send(replace(FIRST, key="other/1", group="other"))
        await channel.send(replace(FIRST, key="feature_drift/9", episode="2026-05-01"))
        found = await channel.find(SECOND)
        assert (found.sighting, found.reference) == (Sighting.ABSENT, living)

    async def test_it_is_found_behind_a_page_of_other_people(self, slack: SlackApiStandIn, bot: Bot) -> None:
        channel = bot()
        reference = await channel.send(replace(FIRST, at="2026-03-12T21:00:00+00:00"))
        chatter = slack.posts[0]
        for number in range(PAGE + 50):
            ts = f"{float(chatter.ts) + 1 + number:.6f}"
            slack.posts.append(replace_post(chatter, ts))
        found = await channel.find(FIRST)
        assert (found.sighting, found.reference) == (Sighting.ARRIVED, reference)
        assert slack.count("conversations.history") == 2

    async def test_a_search_that_would_read_too_much_is_unknowable(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        await channel.send(FIRST)
        chatter = slack.posts[0]
        slack.posts += [
            replace_post(chatter, f"{float(chatter.ts) + 1 + number:.6f}") for number in range(PAGE * PAGES)
        ]
        assert (await channel.find(FIRST)).sighting is Sighting.UNKNOWABLE
        assert slack.count("conversations.history") == PAGES

    async def test_what_is_older_than_the_decision_is_not_read(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        await channel.send(FIRST)
        decided = datetime.now(UTC) + timedelta(days=2)
        found = await channel.find(replace(FIRST, at=decided.isoformat()))
        assert found.sighting is Sighting.ABSENT

    async def test_without_the_right_to_read_it_says_so(self, slack: SlackApiStandIn, bot: Bot) -> None:
        slack.scopes = "chat:write"
        with pytest.raises(PermanentError, match=r"missing_scope \(needs channels:history\)"):
            await bot().find(FIRST)

    @pytest.mark.parametrize("fault", [Fault.HANG, Fault.ACT_THEN_DROP, Fault.ERROR_500, Fault.RATE_LIMITED])
    async def test_a_question_that_goes_wrong_is_transient(
        self, slack: SlackApiStandIn, bot: Bot, fault: Fault
    ) -> None:
        slack.break_next("conversations.history", fault, fault)  # the HTTP library repeats a lost read once
        with pytest.raises(TransientError):
            await bot(timeout_s=SOON_S).find(FIRST)

    async def test_replies_are_lost_at_random_and_nothing_is_doubled(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        slack.reply_loss = 0.3
        channel, living = bot(), ""
        for number in range(1, 61):
            message = replace(SECOND, key=f"feature_drift/{number}")
            for _ in range(50):
                try:
                    living = await deliver(channel, message, living=living)
                    break
                except (TransientError, UnknownOutcomeError):
                    found = await channel.find(message, living=living)
                    if found.sighting is Sighting.ARRIVED:
                        break
        (post,) = slack.top()
        assert [line.key for line in slack.replies(post.ts)] == [
            f"feature_drift/{number}" for number in range(2, 61)
        ]


def replace_post(post: Post, ts: str) -> Post:
    return Post(ts, post.channel, "lunch?", [], None)


class TestChart:
    async def test_it_goes_into_the_thread_with_the_first_message_and_the_last(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        living = await channel.send(replace(FIRST, curve=CURVE))
        await channel.send(replace(SECOND, curve=CURVE), living=living)
        await channel.send(replace(THIRD, curve=CURVE), living=living)
        await channel.aclose()
        ts = living.partition(":")[2]
        assert [(file.thread_ts, file.body, file.title) for file in slack.uploads] == [
            (ts, b"PNG", "psi of momentum_21")
        ] * 2

    async def test_it_is_drawn_off_the_loop(self, slack: SlackApiStandIn, bot: Bot) -> None:
        drawn_in: list[int] = []

        def draw(_: Curve) -> bytes:
            drawn_in.append(threading.get_ident())
            return b"PNG"

        channel = bot(draw=draw)
        await channel.send(replace(FIRST, curve=CURVE))
        await channel.aclose()
        assert drawn_in != [threading.get_ident()]
        assert len(slack.uploads) == 1

    @pytest.mark.parametrize("step", ["files.getUploadURLExternal", "files.completeUploadExternal"])
    @pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.ACT_THEN_DROP, Fault.HANG, Fault.LIST])
    async def test_one_that_cannot_be_uploaded_never_fails_the_alert(
        self, slack: SlackApiStandIn, bot: Bot, step: str, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        slack.break_next(step, fault)
        channel = bot(timeout_s=SOON_S)
        assert await channel.send(replace(FIRST, curve=CURVE))
        await channel.aclose()
        assert "a chart was left out" in caplog.text

    async def test_one_that_cannot_be_drawn_never_fails_the_alert(
        self, slack: SlackApiStandIn, bot: Bot, caplog: pytest.LogCaptureFixture
    ) -> None:
        def draw(_: Curve) -> bytes:
            raise RuntimeError("no fonts in the secret folder")

        channel = bot(draw=draw)
        assert await channel.send(replace(FIRST, curve=CURVE))
        await channel.aclose()
        assert "a chart was left out: RuntimeError" in caplog.text
        assert "secret" not in caplog.text
        assert slack.uploads == []

    async def test_one_that_hangs_does_not_keep_the_channel_from_closing(
        self, slack: SlackApiStandIn, bot: Bot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.channels.slack_bot.CHART_GRACE_S", 0.05)
        slack.break_next("files.getUploadURLExternal", Fault.HANG)
        channel = bot()
        await channel.send(replace(FIRST, curve=CURVE))
        async with asyncio.timeout(2):
            await channel.aclose()


class TestCheck:
    async def test_a_good_app_passes_without_posting(self, slack: SlackApiStandIn, bot: Bot) -> None:
        await bot().check()
        assert slack.posts == []
        assert {call.method for call in slack.calls} == {
            "auth.test",
            "conversations.info",
            "apps.connections.open",
        }

    async def test_without_buttons_no_app_token_is_asked_for(self, slack: SlackApiStandIn, bot: Bot) -> None:
        await bot(app_token=None).check()
        assert slack.count("apps.connections.open") == 0

    async def test_every_missing_scope_is_named_with_its_use(self, slack: SlackApiStandIn, bot: Bot) -> None:
        slack.scopes = "chat:write,groups:read"
        with pytest.raises(PermanentError) as caught:
            await bot().check()
        assert "files:write (to upload charts)" in str(caught.value)
        assert "channels:history or groups:history (to find" in str(caught.value)
        assert "chat:write" not in str(caught.value)
        assert "groups:read" not in str(caught.value)

    @pytest.mark.parametrize(
        ("channel", "words"),
        [
            ({"is_member": False, "is_archived": False}, "the bot is not in it; invite it"),
            ({"is_member": True, "is_archived": True}, "is archived"),
            (None, "channel_not_found"),
        ],
    )
    async def test_a_closed_channel_is_found(
        self, slack: SlackApiStandIn, bot: Bot, channel: dict[str, Any] | None, words: str
    ) -> None:
        slack.channels = {CHANNEL: channel} if channel else {}
        with pytest.raises(PermanentError, match=words):
            await bot().check()

    @pytest.mark.parametrize(("tokens"), [("xoxb-wrong", APP_TOKEN), (BOT_TOKEN, "xapp-wrong")])
    async def test_a_bad_token_is_found(self, bot: Bot, tokens: tuple[str, str]) -> None:
        with pytest.raises(PermanentError, match="invalid_auth"):
            await bot(token=tokens[0], app_token=tokens[1]).check()

    async def test_the_two_tokens_confused_are_told_apart(self, bot: Bot) -> None:
        with pytest.raises(PermanentError, match="the bot's token starts with xoxb-"):
            await bot(token=APP_TOKEN, app_token=BOT_TOKEN).check()


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
