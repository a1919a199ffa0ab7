from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict, Unpack

import pytest
from pydantic import SecretStr

from alerts.channels.channel import (
    Channel,
    DeliveryError,
    Found,
    PartlyTakenError,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.email import EmailChannel, TlsMode
from alerts.message import Curve
from tests.stand_ins.certificate import make_certificate
from tests.stand_ins.messages import EVENTS, FIRING, GATE, REMINDER, RESOLVED
from tests.stand_ins.smtp import PASSWORD, USERNAME, SmtpMode, SmtpStandIn

NOW = datetime(2026, 3, 12, 21, 5, tzinfo=UTC)
ANNA, BOB, CARL = "anna@example.org", "bob@example.org", "carl@example.org"
SOON_S = 1.0  # a time-out that a test waits for


@pytest.fixture
async def server() -> AsyncIterator[SmtpStandIn]:
    async with SmtpStandIn() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return make_certificate()


class Options(TypedDict, total=False):
    host: str
    sender: str
    recipients: list[str]
    domain: str
    tls: TlsMode
    username: str
    password: SecretStr
    timeout_s: float
    tls_context: ssl.SSLContext
    now: Callable[[], datetime]


def channel_to(port: int, **options: Unpack[Options]) -> EmailChannel:
    defaults: Options = {
        "host": "127.0.0.1",
        "sender": "forewarn@example.org",
        "recipients": [ANNA, BOB],
        "domain": "alerts.example.org",
        "tls": TlsMode.NONE,
        "timeout_s": 10.0,
        "now": lambda: NOW,
    }
    settings: Options = {**defaults, **options}
    return EmailChannel(port=port, **settings)


def test_it_is_a_channel() -> None:
    channel: Channel = channel_to(25)
    assert channel.name == "email"


class TestTheMail:
    async def test_it_arrives_as_text_and_html(self, server: SmtpStandIn) -> None:
        await channel_to(server.port).send(FIRING)
        (taken,) = server.taken
        assert (taken.sender, taken.recipients) == ("forewarn@example.org", [ANNA, BOB])
        mail = taken.mail
        assert mail["Subject"] == "[Forewarn] Critical: Feature drift in 3 of 42 features"
        assert mail["From"] == "Forewarn <forewarn@example.org>"
        assert mail["To"] == f"{ANNA}, {BOB}"
        assert mail["Date"].datetime == NOW
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Importance"] == "high"
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "multipart/related"]
        text, rich = mail.iter_parts()
        html, chart = (part for part in rich.iter_parts())
        assert "Trading went from ACTIVE to REDUCE_ONLY (epoch 7)." in " ".join(text.get_content().split())
        assert "momentum_21" in html.get_content()
        assert chart.get_content_type() == "image/png"
        assert chart.get_content_disposition() == "inline"
        assert chart.get_content().startswith(b"\x89PNG")
        assert f'src="cid:{chart["Content-ID"].strip(" <>")}"' in html.get_content()

    async def test_without_a_curve_it_is_text_and_html(self, server: SmtpStandIn) -> None:
        await channel_to(server.port).send(RESOLVED)
        kinds = [part.get_content_type() for part in server.taken[0].mail.iter_parts()]
        assert kinds == ["text/plain", "text/html"]

    async def test_a_chart_that_fails_does_not_keep_the_mail_from_going(
        self, server: SmtpStandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(curve: Curve) -> bytes:
            raise MemoryError("no room for a picture")

        monkeypatch.setattr("alerts.channels.email.render_chart", fail)
        await channel_to(server.port).send(FIRING)
        kinds = [part.get_content_type() for part in server.taken[0].mail.iter_parts()]
        assert kinds == ["text/plain", "text/html"]
        assert "the chart of feature_drift/17 could not be drawn" in caplog.text

    async def test_a_chart_that_takes_too_long_does_not_hold_the_mail(
        self, server: SmtpStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leave = threading.Event()

        def dawdle(curve: Curve) -> bytes:
            leave.wait(10)
            return b""

        monkeypatch.setattr("alerts.channels.email.render_chart", dawdle)
        monkeypatch.setattr("alerts.channels.email.CHART_S", 0.05)
        try:
            await channel_to(server.port).send(FIRING)
        finally:
            leave.set()
        assert len(server.taken) == 1

    async def test_a_chart_is_drawn_beside_the_loop(
        self, server: SmtpStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn_in: list[int] = []

        def draw(curve: Curve) -> bytes:
            drawn_in.append(threading.get_ident())
            return b"a picture"

        monkeypatch.setattr("alerts.channels.email.render_chart", draw)
        await channel_to(server.port).send(FIRING)
        assert len(drawn_in) == 1
        assert drawn_in[0] != threading.get_ident()

    @pytest.mark.parametrize("event", EVENTS)
    async def test_it_is_short_lines_of_ascii_on_the_wire(self, server: SmtpStandIn, event: str) -> None:
        await channel_to(server.port).send(EVENTS[event])
        raw = server.taken[0].raw
        assert re.search(rb"^Message-ID: <[0-9a-f]{32}@alerts\.example\.org>\r$", raw, re.MULTILINE)
        assert raw.isascii()
        assert max(map(len, raw.splitlines())) <= 998

    async def test_every_attempt_bears_the_same_message_id(self, server: SmtpStandIn) -> None:
        first = await channel_to(server.port).send(FIRING)
        second = await channel_to(server.port).send(FIRING)
        assert first == second == server.taken[0].mail["Message-ID"]
        assert re.fullmatch(r"<[0-9a-f]{32}@alerts\.example\.org>", first)
        assert server.taken[0].raw == server.taken[1].raw

    async def test_the_message_id_ends_in_the_senders_domain_unless_told(self, server: SmtpStandIn) -> None:
        channel = EmailChannel(
            host="127.0.0.1", port=server.port, sender=ANNA, recipients=[BOB], tls=TlsMode.NONE
        )
        assert (await channel.send(FIRING)).endswith("@example.org>")

    async def test_a_new_store_that_numbers_from_one_again_is_no_copy(self, server: SmtpStandIn) -> None:
        first = await channel_to(server.port).send(FIRING)
        second = await channel_to(server.port).send(replace(FIRING, at="2027-01-01T00:00:00+00:00"))
        assert first != second

    async def test_an_episode_is_one_thread(self, server: SmtpStandIn) -> None:
        channel = channel_to(server.port)
        first = await channel.send(FIRING)
        second = await channel.send(REMINDER, living=first)
        await channel.send(RESOLVED, living=second)
        await channel.send(replace(FIRING, key="feature_drift/30", episode="2026-05-04"))
        await channel.send(GATE)
        firing, reminder, resolved, again, gate = (taken.mail for taken in server.taken)
        root = firing["References"]
        assert firing["In-Reply-To"] == root
        assert (reminder["In-Reply-To"], reminder["References"]) == (first, f"{root} {first}")
        assert (resolved["In-Reply-To"], resolved["References"]) == (second, f"{root} {second}")
        assert len({root, again["References"], gate["References"]}) == 3
        assert len({mail["Message-ID"] for mail in (firing, reminder, resolved, again, gate)}) == 5

    async def test_a_reference_with_refusals_is_answered_too(self, server: SmtpStandIn) -> None:
        server.refuse = frozenset({BOB})
        with pytest.raises(PartlyTakenError) as first:
            await channel_to(server.port).send(FIRING)
        server.refuse = frozenset()
        await channel_to(server.port).send(RESOLVED, living=first.value.reference)
        firing, resolved = (taken.mail for taken in server.taken)
        assert resolved["In-Reply-To"] == firing["Message-ID"]

    @pytest.mark.parametrize("living", ["no id", "<a@b>\r\nBcc: eve@example.org", "<a b@c>", "<@>", "C1:1.2"])
    async def test_what_is_no_message_id_is_not_answered(self, server: SmtpStandIn, living: str) -> None:
        await channel_to(server.port).send(FIRING, living=living)
        mail = server.taken[0].mail
        assert mail["In-Reply-To"] == mail["References"]
        assert "Bcc" not in mail

    async def test_a_mail_server_cannot_be_asked_what_it_took(self, server: SmtpStandIn) -> None:
        assert await channel_to(server.port).find(FIRING) == Found(Sighting.UNKNOWABLE)
        assert server.read == []


class TestCheck:
    """`check` goes as far as RCPT and sends nothing."""

    async def test_a_server_that_would_take_a_mail_gets_none(self, server: SmtpStandIn) -> None:
        await channel_to(server.port).check()
        assert server.read == []

    async def test_a_login_is_tried(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        async with SmtpStandIn(tls_context=contexts[0], auth=True) as server:
            channel = channel_to(
                server.port,
                tls=TlsMode.STARTTLS,
                tls_context=contexts[1],
                username=USERNAME,
                password=SecretStr("hunter2"),
            )
            with pytest.raises(PermanentError, match="refused the login with 535") as caught:
                await channel.check()
            assert server.logins
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))

    async def test_one_unknown_recipient_among_two_is_found(self, server: SmtpStandIn) -> None:
        server.refuse = frozenset({BOB})
        with pytest.raises(PermanentError, match=r"refuses bob@example\.org \(550\)"):
            await channel_to(server.port).check()

    async def test_a_server_that_greylists_newcomers_is_no_fault(self, server: SmtpStandIn) -> None:
        server.mode = SmtpMode.BUSY_AT_RCPT
        await channel_to(server.port).check()
        assert server.read == []

    @pytest.mark.parametrize("mode", [SmtpMode.MUTE, SmtpMode.DRIP, SmtpMode.CLOSED])
    async def test_a_server_that_does_not_greet_is_away(self, server: SmtpStandIn, mode: SmtpMode) -> None:
        server.mode = mode
        with pytest.raises(TransientError):
            await channel_to(server.port, timeout_s=SOON_S).check()


class TestRefusals:
    @pytest.mark.parametrize(
        ("mode", "error", "words"),
        [
            (SmtpMode.BUSY_AT_RCPT, TransientError, r"every recipient: anna@example\.org \(451\), bob"),
            (SmtpMode.UNKNOWN_AT_RCPT, PermanentError, r"every recipient: anna@example\.org \(550\), bob"),
            (SmtpMode.REFUSE_TEXT, PermanentError, "554 5.7.1 looks like spam"),
            (SmtpMode.BUSY_TEXT, TransientError, "452 4.3.1 no space left"),
        ],
    )
    async def test_the_code_decides_whether_to_try_again(
        self, server: SmtpStandIn, mode: SmtpMode, error: type[DeliveryError], words: str
    ) -> None:
        server.mode = mode
        with pytest.raises(error, match=words):
            await channel_to(server.port).send(FIRING)
        assert server.taken == []

    async def test_one_refused_recipient_does_not_keep_it_from_the_others(self, server: SmtpStandIn) -> None:
        server.refuse = frozenset({BOB})
        with pytest.raises(PartlyTakenError, match=rf"refuses {BOB} \(550\); the other recip") as caught:
            await channel_to(server.port).send(FIRING)
        assert not caught.value.again
        assert server.taken[0].recipients == [ANNA]
        assert caught.value.reference == f"{server.taken[0].mail['Message-ID']}; refused: {BOB} (550)"

    async def test_one_deferred_recipient_alone_is_sent_to_again(self, server: SmtpStandIn) -> None:
        server.defer, server.refuse = frozenset({BOB}), frozenset({CARL})
        channel = channel_to(server.port, recipients=[ANNA, BOB, CARL])
        with pytest.raises(PartlyTakenError, match=rf"does not take {BOB} \(451\) yet") as first:
            await channel.send(FIRING, living="<before@example.org>")
        for _ in range(2):  # nobody takes it now: that is no refusal of the channel
            with pytest.raises(PartlyTakenError) as caught:
                await channel.send(FIRING, living=first.value.reference)
            assert caught.value.again
            assert caught.value.reference == first.value.reference
        server.defer = frozenset()
        with pytest.raises(PartlyTakenError, match=rf"refuses {CARL} \(550\)") as last:
            await channel.send(FIRING, living=first.value.reference)
        assert not last.value.again
        assert [taken.recipients for taken in server.taken] == [[ANNA], [BOB]]
        mails = [taken.mail for taken in server.taken]
        assert {mail["To"] for mail in mails} == {f"{ANNA}, {BOB}, {CARL}"}
        assert {mail["In-Reply-To"] for mail in mails} == {"<before@example.org>"}
        assert len({mail["Message-ID"] for mail in mails}) == 1

    async def test_who_was_left_and_is_no_recipient_any_more_is_not_sent_to(
        self, server: SmtpStandIn
    ) -> None:
        server.defer = frozenset({BOB})
        with pytest.raises(PartlyTakenError) as first:
            await channel_to(server.port).send(FIRING)
        alone = channel_to(server.port, recipients=[ANNA])
        reference = await alone.send(FIRING, living=first.value.reference)
        assert reference == server.taken[0].mail["Message-ID"]
        assert len(server.taken) == 1

    async def test_one_busy_mailbox_among_unknown_ones_is_worth_another_try(
        self, server: SmtpStandIn
    ) -> None:
        server.mode, server.refuse = SmtpMode.BUSY_AT_RCPT, frozenset({ANNA})
        with pytest.raises(TransientError, match=r"anna@example\.org \(550\), bob@example\.org \(451\)"):
            await channel_to(server.port).send(FIRING)


class TestLostConnections:
    @pytest.mark.parametrize(
        "mode", [SmtpMode.DROP_AFTER_TEXT, SmtpMode.DROP_AFTER_TAKING, SmtpMode.HANG_AFTER_TEXT]
    )
    async def test_a_lost_reply_after_the_text_leaves_the_outcome_unknown(
        self, server: SmtpStandIn, mode: SmtpMode
    ) -> None:
        server.mode = mode
        timeout_s = SOON_S if mode is SmtpMode.HANG_AFTER_TEXT else 10.0
        with pytest.raises(UnknownOutcomeError, match="after DATA began"):
            await channel_to(server.port, timeout_s=timeout_s).send(FIRING)
        assert len(server.read) == 1

    async def test_a_drop_before_the_text_is_transient(self, server: SmtpStandIn) -> None:
        server.mode = SmtpMode.DROP_AT_RCPT
        with pytest.raises(TransientError):
            await channel_to(server.port).send(FIRING)
        assert server.read == []

    async def test_a_drop_at_the_goodbye_is_still_a_success(self, server: SmtpStandIn) -> None:
        server.mode = SmtpMode.DROP_AT_QUIT
        assert (await channel_to(server.port).send(FIRING)).startswith("<")
        assert len(server.taken) == 1

    async def test_no_reply_to_data_leaves_the_outcome_unknown(self, server: SmtpStandIn) -> None:
        server.mode = SmtpMode.HANG_AT_DATA
        with pytest.raises(UnknownOutcomeError, match="after DATA began"):
            await channel_to(server.port, timeout_s=SOON_S).send(FIRING)
        assert server.read == []

    @pytest.mark.parametrize("mode", [SmtpMode.MUTE, SmtpMode.DRIP, SmtpMode.CLOSED])
    async def test_a_server_that_never_greets_is_transient(self, server: SmtpStandIn, mode: SmtpMode) -> None:
        server.mode = mode
        began_s = time.perf_counter()
        with pytest.raises(TransientError):
            await channel_to(server.port, timeout_s=SOON_S).send(RESOLVED)
        assert time.perf_counter() - began_s < 5 * SOON_S

    async def test_a_refused_connection_is_transient(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with pytest.raises(TransientError, match=f"127.0.0.1:{port}"):
            await channel_to(port).send(FIRING)

    async def test_cancellation_passes_through(self, server: SmtpStandIn) -> None:
        server.mode = SmtpMode.HANG_AFTER_TEXT
        sending = asyncio.create_task(channel_to(server.port).send(FIRING))
        await server.got_text.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


class TestEncryptionAndLogin:
    @pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.TLS])
    async def test_a_login_over_tls_delivers(
        self, contexts: tuple[ssl.SSLContext, ssl.SSLContext], tls: TlsMode
    ) -> None:
        ours, trusting = contexts
        async with SmtpStandIn(tls_context=ours, implicit_tls=tls is TlsMode.TLS, auth=True) as server:
            channel = channel_to(
                server.port, tls=tls, tls_context=trusting, username=USERNAME, password=SecretStr(PASSWORD)
            )
            await channel.send(FIRING)
            assert len(server.taken) == 1
            assert server.logins

    @pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.TLS])
    async def test_a_certificate_nobody_vouches_for_gets_nothing(
        self, contexts: tuple[ssl.SSLContext, ssl.SSLContext], tls: TlsMode
    ) -> None:
        async with SmtpStandIn(tls_context=contexts[0], implicit_tls=tls is TlsMode.TLS) as server:
            with pytest.raises(TransientError, match=r"(?i)certificate verify failed"):
                await channel_to(server.port, tls=tls).send(FIRING)
            assert server.read == []

    async def test_a_server_without_starttls_gets_nothing(self, server: SmtpStandIn) -> None:
        with pytest.raises(PermanentError, match="STARTTLS"):
            await channel_to(server.port, tls=TlsMode.STARTTLS).send(FIRING)
        assert server.read == []

    async def test_a_server_that_wants_a_login_refuses_without_one(
        self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        async with SmtpStandIn(tls_context=contexts[0], auth=True) as server:
            with pytest.raises(PermanentError, match="530"):
                await channel_to(server.port, tls=TlsMode.STARTTLS, tls_context=contexts[1]).send(FIRING)

    async def test_a_wrong_password_is_permanent_and_never_shown(
        self, contexts: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with SmtpStandIn(tls_context=contexts[0], auth=True) as server:
            channel = channel_to(
                server.port,
                tls=TlsMode.STARTTLS,
                tls_context=contexts[1],
                username=USERNAME,
                password=SecretStr("hunter2"),
            )
            with pytest.raises(PermanentError, match="refused the login with 535") as caught:
                await channel.send(FIRING)
            client_log = [r.getMessage() for r in caplog.records if r.name != "mail.log"]
        said = [*client_log, *traceback.format_exception(caught.value), repr(channel), str(vars(channel))]
        assert "hunter2" not in "".join(said)
        assert server.read == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": ""}, "host is empty"),
        ({"recipients": []}, "name at least one"),
        ({"recipients": ["anna"]}, "'anna' is no ASCII mail address"),
        ({"recipients": ["anna@example.org\r\nBcc: eve@example.org"]}, "is no ASCII mail address"),
        ({"sender": "jürgen@example.org"}, "is no ASCII mail address"),
        ({"domain": "example.org>"}, "is no host name"),
        ({"timeout_s": 0.0}, "timeout_s is 0"),
        ({"username": "watch"}, "needed together"),
        (
            {"host": "mail.example.org", "username": "watch", "password": SecretStr("hunter2")},
            "would show the password",
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_name(options: Options, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        channel_to(25, **options)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("tls", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_the_port_follows_the_encryption(tls: str, port: int) -> None:
    channel = EmailChannel(
        host="mail.example.org", sender=ANNA, recipients=[BOB], domain="example.org", tls=TlsMode(tls)
    )
    assert f"port={port}" in repr(channel)
