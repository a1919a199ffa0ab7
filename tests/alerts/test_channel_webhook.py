from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import socket
import traceback
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr, ValidationError

from alerts.channels.channel import (
    Channel,
    DeliveryError,
    Found,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.webhook import WebhookChannel, WebhookSettings
from alerts.message import Message
from tests.stand_ins.messages import EVENTS, FIRING, RESOLVED, storm
from tests.stand_ins.process import Dice
from tests.stand_ins.webhook import SECRET, WebhookMode, WebhookStandIn

SOON_S = 1.0  # a time-out that a test waits for
TOKEN = "T0K3N"


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookStandIn]:
    async with WebhookStandIn() as stand_in:
        yield stand_in


def channel_to(url: str, *, secret: str = SECRET, timeout_s: float = 10.0) -> WebhookChannel:
    return WebhookChannel(url=url, secret=SecretStr(secret), timeout_s=timeout_s)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_it_is_a_channel() -> None:
    channel: Channel = channel_to("https://example.org/hooks")
    assert channel.name == "webhook"


@pytest.mark.parametrize("message", [*EVENTS.values(), storm(60)], ids=lambda message: message.key)
async def test_a_receiver_that_verifies_takes_every_kind_of_message(
    receiver: WebhookStandIn, message: Message
) -> None:
    assert await channel_to(receiver.url).send(message) == ""
    assert receiver.refused == []
    (body,) = receiver.taken.values()
    assert body["type"] == f"alert.{message.event}"
    assert body["data"]["title"] == message.title


async def test_the_key_is_the_id_of_every_attempt_so_that_it_is_taken_once(receiver: WebhookStandIn) -> None:
    for _ in range(3):
        await channel_to(receiver.url).send(FIRING)
    await channel_to(receiver.url).send(RESOLVED)
    assert list(receiver.taken) == ["feature_drift/17", "feature_drift/19"]
    assert receiver.repeats == {"feature_drift/17": 2}


async def test_a_key_that_is_no_header_travels_escaped(receiver: WebhookStandIn) -> None:
    await channel_to(receiver.url).send(replace(FIRING, key="ünsafe rule\r\nX-Forged: 1/3"))
    assert list(receiver.taken) == ["%C3%BCnsafe%20rule%0D%0AX-Forged:%201/3"]
    assert "X-Forged" not in receiver.headers[0]


async def test_a_wrong_key_of_signature_is_a_refusal_for_good(receiver: WebhookStandIn) -> None:
    other = b64encode(b"another key of thirty-two bytes..").decode()
    with pytest.raises(PermanentError, match=r"127\.0\.0\.1 answered 401"):
        await channel_to(receiver.url, secret=other).send(FIRING)
    assert receiver.taken == {}


def test_the_signature_is_that_of_the_reference_implementations() -> None:
    # The values that the tests of Standard Webhooks' own libraries share.
    channel = channel_to("https://example.org/", secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    signature = channel._signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_receiver_without_the_library_can_verify_it(receiver: WebhookStandIn) -> None:
    await channel_to(receiver.url).send(FIRING)
    (headers,), (body,) = receiver.headers, receiver.bodies
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    digest = hmac.new(b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + b64encode(digest).decode()


class TestAnswers:
    @pytest.mark.parametrize(
        ("mode", "error", "words"),
        [
            (WebhookMode.SERVER_ERROR, TransientError, "answered 500"),
            (WebhookMode.BUSY, TransientError, "answered 429"),
            (WebhookMode.BAD_REQUEST, PermanentError, "answered 400"),
            (WebhookMode.GONE, PermanentError, "answered 410"),
            (WebhookMode.REDIRECT, PermanentError, "redirects; set url to where it leads"),
            (WebhookMode.NOT_MODIFIED, UnknownOutcomeError, "does not say whether it took"),
        ],
    )
    async def test_the_status_decides_what_happens_next(
        self, receiver: WebhookStandIn, mode: WebhookMode, error: type[DeliveryError], words: str
    ) -> None:
        receiver.mode = mode
        with pytest.raises(error, match=words):
            await channel_to(receiver.url).send(FIRING)
        assert receiver.requests == 1
        assert receiver.taken == {}

    @pytest.mark.parametrize("mode", [WebhookMode.BUSY, WebhookMode.SERVER_ERROR])
    @pytest.mark.parametrize(
        ("wish", "wish_s"),
        [
            ("7", 7.0),
            ("0.5", 0.5),
            ("Thu, 12 Mar 2026 21:05:30 GMT", 30.0),
            ("Thu, 12 Mar 2026 21:00:00 GMT", 0.0),
            ("-3", None),
            ("soon", None),
            (None, None),
        ],
    )
    async def test_the_receivers_wish_is_passed_on(
        self, receiver: WebhookStandIn, mode: WebhookMode, wish: str | None, wish_s: float | None
    ) -> None:
        receiver.mode, receiver.retry_after = mode, wish
        now = datetime(2026, 3, 12, 21, 5, tzinfo=UTC)
        channel = WebhookChannel(url=receiver.url, secret=SecretStr(SECRET), now=lambda: now)
        with pytest.raises(TransientError) as caught:
            await channel.send(FIRING)
        assert caught.value.retry_after_s == wish_s


class TestLostReplies:
    @pytest.mark.parametrize(
        "mode", [WebhookMode.HANG, WebhookMode.ACT_THEN_HANG, WebhookMode.DRIP, WebhookMode.ACT_THEN_DROP]
    )
    async def test_a_lost_reply_leaves_the_outcome_unknown_and_a_repeat_is_taken_once(
        self, receiver: WebhookStandIn, mode: WebhookMode
    ) -> None:
        receiver.mode = mode
        with pytest.raises(UnknownOutcomeError, match="after the request was written"):
            await channel_to(receiver.url, timeout_s=SOON_S).send(FIRING)
        receiver.mode = WebhookMode.OK
        await channel_to(receiver.url).send(FIRING)
        assert list(receiver.taken) == [FIRING.key]

    async def test_a_reset_leaves_the_outcome_unknown(self, receiver: WebhookStandIn) -> None:
        receiver.mode = WebhookMode.RESET
        with pytest.raises(UnknownOutcomeError):
            await channel_to(receiver.url).send(FIRING)
        assert receiver.taken == {}

    async def test_a_refused_connection_is_transient(self) -> None:
        with pytest.raises(TransientError, match="before the request was written"):
            await channel_to(f"http://127.0.0.1:{closed_port()}/").send(FIRING)

    async def test_cancellation_passes_through(self, receiver: WebhookStandIn) -> None:
        receiver.mode = WebhookMode.HANG
        sending = asyncio.create_task(channel_to(receiver.url).send(FIRING))
        await receiver.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    async def test_however_often_replies_are_lost_each_message_is_taken_once(self) -> None:
        async with WebhookStandIn(dice=Dice(errors=0.2, reply_loss=0.3, seed=11)) as receiver:
            channel = channel_to(receiver.url)
            for number in range(40):
                await _until_taken(channel, replace(FIRING, key=f"feature_drift/{number}"))
        assert len(receiver.taken) == 40
        assert sum(receiver.repeats.values()) > 5

    async def test_a_receiver_cannot_be_asked(self, receiver: WebhookStandIn) -> None:
        assert await channel_to(receiver.url).find(FIRING) == Found(Sighting.UNKNOWABLE)
        assert receiver.requests == 0


async def _until_taken(channel: WebhookChannel, message: Message) -> None:
    while True:
        try:
            await channel.send(message)
        except (TransientError, UnknownOutcomeError):
            continue
        return


class TestCheck:
    async def test_a_receiver_that_answers_gets_no_message(self, receiver: WebhookStandIn) -> None:
        await channel_to(receiver.url).check()
        assert (receiver.requests, receiver.taken, receiver.refused) == (1, {}, [])

    @pytest.mark.parametrize(
        ("mode", "error"),
        [
            (WebhookMode.GONE, PermanentError),
            (WebhookMode.REDIRECT, PermanentError),
            (WebhookMode.SERVER_ERROR, TransientError),
            (WebhookMode.HANG, UnknownOutcomeError),
        ],
    )
    async def test_a_receiver_that_is_not_there_is_found(
        self, receiver: WebhookStandIn, mode: WebhookMode, error: type[DeliveryError]
    ) -> None:
        receiver.mode = mode
        with pytest.raises(error):
            await channel_to(receiver.url, timeout_s=SOON_S).check()


class TestSecrets:
    @pytest.mark.parametrize(
        "mode", [mode for mode in WebhookMode if "hang" not in mode and "drip" not in mode]
    )
    async def test_neither_key_nor_url_is_in_a_log_error_or_repr(
        self, receiver: WebhookStandIn, mode: WebhookMode, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        receiver.mode = mode
        channel = channel_to(f"{receiver.url}?token={TOKEN}")
        said = repr(channel) + str(vars(channel))
        try:
            await channel.send(FIRING)
        except DeliveryError as error:
            said += "".join(traceback.format_exception(error))
        said += caplog.text
        assert TOKEN not in said
        assert SECRET.removeprefix("whsec_") not in said

    @pytest.mark.parametrize(
        "secret",
        ["", "short", "whsec_", b64encode(b"x" * 23).decode(), b64encode(b"x" * 65).decode(), "ü" * 40],
    )
    def test_an_unfit_key_is_refused_without_showing_it(self, secret: str) -> None:
        with pytest.raises(ValueError, match="must be base64 of 24 to 64 bytes") as caught:
            channel_to("https://example.org/", secret=secret)
        assert not secret or secret not in str(caught.value)

    @pytest.mark.parametrize("size", [24, 64])
    def test_a_key_may_come_with_or_without_its_prefix_and_padding(self, size: int) -> None:
        text = b64encode(b"k" * size).decode()
        keys = {
            channel_to("https://example.org/", secret=one)._signer.sign("a", datetime.now(UTC), "b")
            for one in (text, f"whsec_{text}", text.rstrip("="))
        }
        assert len(keys) == 1

    @pytest.mark.parametrize(
        "url", ["", "example.org", "http://example.org/", "ftp://127.0.0.1/", "https://[x"]
    )
    def test_a_url_that_would_show_the_message_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="url must be https"):
            channel_to(url)
        with pytest.raises(ValidationError, match="url must be https"):
            WebhookSettings(enabled=True, url=url)

    def test_a_password_in_the_url_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="holds a name or password") as caught:
            WebhookSettings(enabled=True, url=f"https://me:{TOKEN}@example.org/")
        assert TOKEN not in str(caught.value.errors(include_input=False, include_context=False))

    def test_a_time_out_of_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="timeout_s is 0"):
            channel_to("https://example.org/", timeout_s=0)
