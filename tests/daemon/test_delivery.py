"""The outbox: claim, send, mark; nothing is lost when a channel fails or the process dies in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from alerts.channels.channel import Channel, PermanentError, TransientError, UnknownOutcomeError
from alerts.channels.email import EmailChannel, TlsMode
from alerts.channels.slack_webhook import SlackWebhookChannel
from alerts.message import Event, Message, Severity
from daemon.clock import ReplayClock
from daemon.delivery import Delivery
from daemon.judge import post
from daemon.settings import DeliverySettings
from daemon.storage.database import Database
from daemon.storage.schema import outbox
from tests.stand_ins.slack import SlackStandIn
from tests.stand_ins.smtp import SmtpStandIn

START = datetime(2024, 1, 2, 21, 30, tzinfo=UTC)


class ScriptedChannel:
    """A channel that does in turn what the test says; then it succeeds."""

    def __init__(self, name: str = "scripted", *script: Exception) -> None:
        self.name = name
        self.script = list(script)
        self.sent: list[Message] = []

    async def send(self, message: Message) -> str:
        if self.script:
            raise self.script.pop(0)
        self.sent.append(message)
        return f"ref-{len(self.sent)}"

    async def aclose(self) -> None:
        return None


def message(group: str = "drawdown_10pct", severity: Severity = Severity.CRITICAL) -> Message:
    return Message(
        key=f"{group}/1",
        group=group,
        event=Event.FIRING,
        severity=severity,
        title="The account is 10 % below its peak",
        session="2024-01-02",
        findings=(),
        done="Trading went from ACTIVE to REDUCE_ONLY (epoch 2).",
        runbook="",
    )


async def put(database: Database, *messages: Message, channels: tuple[str, ...] = ("scripted",)) -> None:
    async with database.write() as connection:
        levels = tuple((name, Severity.INFO) for name in channels)
        await post(connection, messages, levels, START, START)


async def rows(database: Database) -> list[Any]:
    async with database.read() as connection:
        return list(await connection.execute(select(outbox).order_by(outbox.c.group_, outbox.c.channel)))


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


def delivery(
    database: Database,
    clock: ReplayClock,
    *channels: Channel,
    retry_seconds: float = 30,
    max_attempts: int = 20,
) -> Delivery:
    settings = DeliverySettings(retry_seconds=retry_seconds, max_attempts=max_attempts)
    return Delivery(database, channels, settings, clock)


async def test_a_message_is_sent_once_and_marked(database: Database, clock: ReplayClock) -> None:
    channel = ScriptedChannel()
    await put(database, message())
    sender = delivery(database, clock, channel)
    assert await sender.drain() == 1
    assert await sender.drain() == 0
    assert channel.sent == [message()]
    (row,) = await rows(database)
    assert (row.status, row.attempts, row.reference) == ("sent", 1, "ref-1")


async def test_a_transient_failure_waits_at_least_as_long_as_the_receiver_asks(
    database: Database, clock: ReplayClock
) -> None:
    channel = ScriptedChannel("scripted", TransientError("busy", retry_after_s=90.0))
    await put(database, message())
    sender = delivery(database, clock, channel, retry_seconds=30)
    assert await sender.drain() == 0
    clock.advance(START + timedelta(seconds=89))
    assert await sender.drain() == 0
    assert channel.sent == []
    clock.advance(START + timedelta(seconds=90))
    assert await sender.drain() == 1


async def test_retries_pause_longer_each_time_and_end(database: Database, clock: ReplayClock) -> None:
    channel = ScriptedChannel("scripted", *[TransientError("down") for _ in range(9)])
    await put(database, message())
    sender = delivery(database, clock, channel, retry_seconds=10, max_attempts=3)
    for after_s in (0, 10, 30):
        clock.advance(START + timedelta(seconds=after_s))
        await sender.drain()
    (row,) = await rows(database)
    assert (row.status, row.attempts) == ("failed", 3)
    assert row.error == "given up after 3 attempts: down"


async def test_a_permanent_refusal_is_not_repeated_and_blocks_nobody(
    database: Database, clock: ReplayClock
) -> None:
    channel = ScriptedChannel("scripted", PermanentError("no such channel"))
    await put(database, message("a"), message("b"))
    sender = delivery(database, clock, channel)
    assert await sender.drain() == 1
    assert [row.status for row in await rows(database)] == ["failed", "sent"]


async def test_an_unknown_outcome_is_recorded_as_such(database: Database, clock: ReplayClock) -> None:
    channel = ScriptedChannel("scripted", UnknownOutcomeError("the reply was lost"))
    await put(database, message())
    await delivery(database, clock, channel).drain()
    (row,) = await rows(database)
    assert (row.status, row.error) == ("unknown", "the reply was lost")


async def test_a_sender_that_dies_between_claim_and_mark_loses_nothing(
    database: Database, clock: ReplayClock
) -> None:
    class DyingChannel(ScriptedChannel):
        async def send(self, message: Message) -> str:
            raise KeyboardInterrupt

    await put(database, message())
    with pytest.raises(KeyboardInterrupt):
        await delivery(database, clock, DyingChannel()).drain()
    (row,) = await rows(database)
    assert row.status == "claimed"
    channel = ScriptedChannel()
    successor = delivery(database, clock, channel)
    assert await successor.drain() == 0  # the lease still holds: another sender may be alive
    assert await successor.recover() == 1  # we hold the instance lock: nobody else is
    assert await successor.drain() == 1
    assert channel.sent == [message()]


async def test_a_lease_that_ran_out_is_taken_over(database: Database, clock: ReplayClock) -> None:
    class DyingChannel(ScriptedChannel):
        async def send(self, message: Message) -> str:
            raise KeyboardInterrupt

    await put(database, message())
    with pytest.raises(KeyboardInterrupt):
        await delivery(database, clock, DyingChannel()).drain()
    clock.advance(START + timedelta(seconds=120))
    assert await delivery(database, clock, ScriptedChannel()).drain() == 1


async def test_the_critical_message_goes_first(database: Database, clock: ReplayClock) -> None:
    channel = ScriptedChannel()
    await put(database, message("a", Severity.INFO), message("b", Severity.WARNING), message("c"))
    await delivery(database, clock, channel).drain()
    assert [sent.group for sent in channel.sent] == ["c", "b", "a"]


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn() as server:
        yield server


async def test_slack_and_email_get_the_message_over_real_sockets(
    database: Database, clock: ReplayClock, slack: SlackStandIn
) -> None:
    async with SmtpStandIn() as smtp:
        channels = (
            SlackWebhookChannel(url=SecretStr(slack.url)),
            EmailChannel(
                host="127.0.0.1",
                port=smtp.port,
                sender="forewarn@example.org",
                recipients=("desk@example.org",),
                tls=TlsMode.NONE,
            ),
        )
        await put(database, message(), channels=("slack", "email"))
        sender = delivery(database, clock, *channels)
        assert await sender.drain() == 2
        await sender.aclose()
        assert len(slack.posts) == 1
        assert len(smtp.taken) == 1
    assert [row.status for row in await rows(database)] == ["sent", "sent"]
