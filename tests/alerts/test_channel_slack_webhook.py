from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from alerts.channels.channel import (
    Channel,
    DeliveryError,
    Found,
    Pace,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.slack_webhook import SlackWebhookChannel
from alerts.message import Message
from tests.stand_ins.messages import EVENTS, FIRING, storm
from tests.stand_ins.slack import PATH, SlackMode, SlackStandIn

SOON_S = 1.0  # a time-out that a test waits for


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn() as stand_in:
        yield stand_in


def channel_to(url: str, *, timeout_s: float = 10.0) -> SlackWebhookChannel:
    return SlackWebhookChannel(url=SecretStr(url), timeout_s=timeout_s)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_it_is_a_channel() -> None:
    channel: Channel = channel_to("https://hooks.slack.com/services/T/B/X")
    assert channel.name == "slack"


@pytest.mark.parametrize("message", [*EVENTS.values(), storm(60)], ids=lambda message: message.key)
async def test_slack_takes_every_kind_of_message(slack: SlackStandIn, message: Message) -> None:
    assert await channel_to(slack.url).send(message) == ""
    assert slack.faults == []
    assert len(slack.posts) == 1


async def test_the_key_travels_in_the_metadata(slack: SlackStandIn) -> None:
    await channel_to(slack.url).send(FIRING)
    assert slack.posts[0]["metadata"]["event_payload"] == {
        "key": "feature_drift/17",
        "group": "feature_drift",
    }
    assert "to REDUCE_ONLY (epoch 7)" in slack.posts[0]["text"]


async def test_a_rate_limit_is_transient_and_passes_on_the_wish(slack: SlackStandIn) -> None:
    slack.mode = SlackMode.RATE_LIMITED
    with pytest.raises(TransientError, match="429") as caught:
        await channel_to(slack.url).send(FIRING)
    assert caught.value.retry_after_s == 7.0
    assert slack.requests == 1


@pytest.mark.parametrize("wish", [None, "", "-3", "soon", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_an_unreadable_wish_is_no_wish(slack: SlackStandIn, wish: str | None) -> None:
    slack.mode, slack.retry_after = SlackMode.RATE_LIMITED, wish
    with pytest.raises(TransientError) as caught:
        await channel_to(slack.url).send(FIRING)
    assert caught.value.retry_after_s is None


async def test_a_server_error_is_transient_and_not_retried_here(slack: SlackStandIn) -> None:
    slack.mode = SlackMode.SERVER_ERROR
    with pytest.raises(TransientError, match=r"500 \(rollup_error\)"):
        await channel_to(slack.url).send(FIRING)
    assert slack.requests == 1


@pytest.mark.parametrize(
    ("mode", "words"),
    [(SlackMode.INVALID_TOKEN, r"403 \(invalid_token\)"), (SlackMode.NO_SERVICE, r"404 \(no_service\)")],
)
async def test_a_revoked_webhook_is_permanent(slack: SlackStandIn, mode: SlackMode, words: str) -> None:
    slack.mode = mode
    with pytest.raises(PermanentError, match=words):
        await channel_to(slack.url).send(FIRING)


async def test_a_refused_payload_is_permanent(slack: SlackStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.channels.slack_webhook.render_blocks", lambda _: [{"type": "header"}])
    with pytest.raises(PermanentError, match=r"400 \(invalid_blocks\)"):
        await channel_to(slack.url).send(FIRING)
    assert slack.posts == []


async def test_no_reply_in_time_leaves_the_outcome_unknown(slack: SlackStandIn) -> None:
    slack.mode = SlackMode.HANG
    with pytest.raises(UnknownOutcomeError, match="no reply in time"):
        await channel_to(slack.url, timeout_s=SOON_S).send(FIRING)
    assert slack.requests == 1


@pytest.mark.parametrize("mode", [SlackMode.CLOSE, SlackMode.CUT_REPLY])
async def test_a_lost_reply_leaves_the_outcome_unknown(slack: SlackStandIn, mode: SlackMode) -> None:
    slack.mode = mode
    with pytest.raises(UnknownOutcomeError, match="after the request was written"):
        await channel_to(slack.url).send(FIRING)
    assert slack.requests == 1


async def test_a_page_that_is_not_slack_is_no_success(slack: SlackStandIn) -> None:
    slack.mode = SlackMode.PORTAL
    with pytest.raises(UnknownOutcomeError, match="not how Slack says"):
        await channel_to(slack.url).send(FIRING)


async def test_a_redirect_is_not_followed(slack: SlackStandIn) -> None:
    slack.mode = SlackMode.REDIRECT
    with pytest.raises(PermanentError, match="redirects"):
        await channel_to(slack.url).send(FIRING)
    assert slack.requests == 1


async def test_a_webhook_that_works_is_found_without_a_post(slack: SlackStandIn) -> None:
    await channel_to(slack.url).check()
    assert (slack.requests, slack.posts) == (1, [])


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (SlackMode.INVALID_TOKEN, PermanentError),
        (SlackMode.NO_SERVICE, PermanentError),
        (SlackMode.REDIRECT, PermanentError),
        (SlackMode.RATE_LIMITED, TransientError),
        (SlackMode.SERVER_ERROR, TransientError),
        (SlackMode.PORTAL, UnknownOutcomeError),
        (SlackMode.HANG, UnknownOutcomeError),
    ],
)
async def test_a_webhook_that_would_take_nothing_is_found(
    slack: SlackStandIn, mode: SlackMode, error: type[DeliveryError]
) -> None:
    slack.mode = mode
    with pytest.raises(error):
        await channel_to(slack.url, timeout_s=SOON_S).check()
    assert slack.posts == []


async def test_a_webhook_cannot_be_asked_what_it_posted(slack: SlackStandIn) -> None:
    assert await channel_to(slack.url).find(FIRING) == Found(Sighting.UNKNOWABLE)
    assert slack.requests == 0


def test_it_is_paced_as_slack_asks() -> None:
    assert channel_to("https://hooks.slack.com/services/T/B/X").pace == Pace(per_s=1 / 1.05, burst=1)


async def test_a_refused_connection_is_transient() -> None:
    with pytest.raises(TransientError, match="before the request was written"):
        await channel_to(f"http://127.0.0.1:{closed_port()}{PATH}").send(FIRING)


async def test_a_name_that_does_not_resolve_is_transient() -> None:
    with pytest.raises(TransientError, match="before the request was written"):
        await channel_to(f"https://hooks.slack.invalid{PATH}", timeout_s=SOON_S).send(FIRING)


async def test_a_proxy_of_the_environment_is_not_used(
    slack: SlackStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port()}")
    await channel_to(slack.url).send(FIRING)
    assert len(slack.posts) == 1


async def test_a_configured_proxy_is_used(slack: SlackStandIn) -> None:
    proxy = SecretStr(f"http://user:password@127.0.0.1:{closed_port()}")
    channel = SlackWebhookChannel(url=SecretStr(slack.url), proxy=proxy)
    with pytest.raises(TransientError) as caught:
        await channel.send(FIRING)
    assert "password" not in str(caught.value)
    assert slack.requests == 0


async def test_cancellation_passes_through(slack: SlackStandIn) -> None:
    slack.mode = SlackMode.HANG
    sending = asyncio.create_task(channel_to(slack.url).send(FIRING))
    await slack.asked.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


@pytest.mark.parametrize("mode", [mode for mode in SlackMode if mode is not SlackMode.HANG])
async def test_the_url_is_in_no_log_error_or_repr(
    slack: SlackStandIn, mode: SlackMode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("slack_sdk").setLevel(logging.DEBUG)
    slack.mode = mode
    channel = channel_to(slack.url)
    said = repr(channel) + str(vars(channel))
    try:
        await channel.send(FIRING)
    except DeliveryError as error:
        said += "".join(traceback.format_exception(error))
    finally:
        logging.getLogger("slack_sdk").setLevel(logging.NOTSET)
    # The server's own access log may name the path; the client must not.
    said += "".join(r.getMessage() for r in caplog.records if r.name != "aiohttp.access")
    assert "tokentoken" not in said


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/services/tokentoken",
        "http://hooks.slack.com/services/tokentoken",
        "ftp://127.0.0.1/tokentoken",
        "https://[tokentoken",
        "https://hooks.slack.com:99999999/tokentoken",
    ],
)
def test_a_url_that_would_show_the_secret_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be https") as caught:
        channel_to(url)
    assert "tokentoken" not in "".join(traceback.format_exception(caught.value))


def test_a_time_out_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout_s is 0"):
        channel_to("https://hooks.slack.com/services/T/B/X", timeout_s=0)
