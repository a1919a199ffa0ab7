"""What Slack refuses, and whom the channel asks."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from alerts.channels.channel import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.slack_bot import SlackBotChannel
from tests.alerts.slack_bot.bot import (
    CURVE,
    FIRST,
    SECOND,
    SOON_S,
    Bot,
)
from tests.alerts.test_channel_slack_webhook import closed_port
from tests.stand_ins.slack_api import Fault, SlackApiStandIn
from tests.stand_ins.slack_workspace import APP_TOKEN, BOT_TOKEN, CHANNEL


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
