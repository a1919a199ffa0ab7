"""The outbox: claim, send, mark; nothing is lost when a channel fails or the process dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from alerts.channels.channel import Found, PermanentError, Sighting, TransientError, UnknownOutcomeError
from alerts.channels.email import EmailChannel, TlsMode
from alerts.channels.slack_webhook import SlackWebhookChannel
from alerts.message import Curve, Event, Severity, Trading
from daemon.clock import SystemClock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore
from tests.daemon.outbox_desk import START, Desk, Receiver, message
from tests.stand_ins.slack import SlackStandIn
from tests.stand_ins.smtp import SmtpStandIn


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def die_while_sending(desk: Desk, channel: Receiver) -> None:
    """Let the process die between claim and mark: the request is out, nothing came back."""
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    channel.script.append(hang)
    draining = asyncio.create_task(desk.delivery.drain())
    await begun.wait()
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    await desk.delivery.aclose()


async def test_a_message_is_sent_once_and_marked(desk: Desk) -> None:
    channel = Receiver()
    desk.open(channel)
    await desk.put(message())
    assert await desk.delivery.drain() == 1
    assert await desk.delivery.drain() == 0
    (row,) = await desk.rows()
    assert (row.status, row.attempts, row.reference, row.key) == ("sent", 1, "ref-1", "drawdown_10pct/1")
    assert channel.keys == ["drawdown_10pct/1"]


async def test_a_message_comes_out_of_the_outbox_as_it_went_in(desk: Desk) -> None:
    told = replace(
        message(),
        key="drawdown_10pct/1",
        trading=Trading("REDUCE_ONLY", 2, latched=True),
        curve=Curve("drawdown of account", ("2024-01-01", "2024-01-02"), (0.01, None), 0.1),
        others=3,
    )
    channel = Receiver()
    desk.open(channel)
    await desk.put(told)
    await desk.delivery.drain()
    assert channel.took == [told]


async def test_a_transient_failure_is_tried_again_later_and_each_time_later_still(desk: Desk) -> None:
    channel = Receiver("slack", *[TransientError("down") for _ in range(2)])
    desk.open(channel, retry_seconds=10)
    await desk.put(message())
    for second, sent in ((0, 0), (9, 0), (10, 0), (29, 0), (30, 1)):
        desk.after(second)
        assert await desk.delivery.drain() == sent, second
    assert channel.tried == 3


async def test_a_message_that_fails_on_a_working_channel_is_given_up_in_the_end(desk: Desk) -> None:
    channel = Receiver("slack", *[TransientError("down") for _ in range(9)])
    desk.open(channel, retry_seconds=10, max_attempts=3)
    await desk.put(message())
    for second in (0, 10, 30, 100, 1000):
        desk.after(second)
        await desk.delivery.drain()
    (row,) = await desk.rows()
    assert (row.status, row.attempts, channel.tried) == ("failed", 3, 3)
    assert row.error == "given up after 3 attempts: down"


async def test_a_permanent_refusal_is_not_repeated_and_blocks_nobody(desk: Desk) -> None:
    channel = Receiver("slack", PermanentError("no such channel"))
    desk.open(channel)
    await desk.put(message("a"), message("b"))
    assert await desk.delivery.drain() == 1
    assert await desk.statuses() == {"a/1 slack": "failed", "b/1 slack": "sent"}


async def test_a_channel_that_raises_nonsense_blocks_nobody_and_is_asked_before_it_is_tried_again(
    desk: Desk,
) -> None:
    channel = Receiver("slack", ZeroDivisionError("a bug in the rendering"))
    desk.open(channel)
    await desk.put(message("a"), message("b"))
    assert await desk.delivery.drain() == 1
    rows = {row.key: row for row in await desk.rows()}
    assert (rows["a/1"].status, rows["a/1"].attempts) == ("unknown", 1)
    assert "a bug in the rendering" in rows["a/1"].error
    desk.after(5)
    await desk.delivery.drain()
    assert channel.asked == ["a/1"]
    assert channel.keys == ["b/1", "a/1"]


async def test_a_stored_message_that_cannot_be_read_blocks_nobody_and_is_given_up(desk: Desk) -> None:
    channel = Receiver()
    desk.open(channel, max_attempts=2, retry_seconds=1)
    async with desk.database.write() as connection:
        store = OutboxStore(connection)
        await store.add("bad", 1, {"no": "message"}, Severity.CRITICAL, ["slack"], at=START, wall=START)
    await desk.put(message("good", Severity.INFO))
    for second in (0, 1, 2):
        desk.after(second)
        await desk.delivery.drain()
    assert await desk.statuses() == {"bad/1 slack": "failed", "good/1 slack": "sent"}


async def test_a_slow_send_does_not_hold_up_the_next(desk: Desk) -> None:
    waiting = asyncio.Event()
    channel = Receiver("slack", waiting.wait)  # type: ignore[arg-type]
    delivery = Delivery(desk.database, (channel,), DeliverySettings(slow_seconds=0.05), SystemClock())
    await desk.put(message("a"), message("b"))
    draining = asyncio.create_task(delivery.drain())
    async with asyncio.timeout(10):
        while channel.keys != ["b/1"]:
            await asyncio.wait([draining], timeout=0.01)
        waiting.set()
        assert await draining == 2
    assert channel.keys == ["b/1", "a/1"]


async def test_a_send_that_outlasts_its_time_is_of_unknown_outcome(desk: Desk) -> None:
    channel = Receiver("slack", asyncio.Event().wait)  # type: ignore[arg-type]
    desk.open(channel, send_timeout_seconds=0.05)
    await desk.put(message())
    assert await desk.delivery.drain() == 0
    (row,) = await desk.rows()
    assert (row.status, row.error) == ("unknown", "no answer in time")


class TestUnknown:
    """A send whose reply was lost: the receiver is asked before anything is sent again."""

    async def test_what_has_arrived_is_not_sent_again(self, desk: Desk) -> None:
        channel = Receiver("slack", UnknownOutcomeError("the reply was lost"), remembers=True)
        desk.open(channel)
        await desk.put(message(episode="e"))
        await desk.delivery.drain()
        (row,) = await desk.rows()
        assert (row.status, row.error) == ("unknown", "the reply was lost")
        channel.found = Found(Sighting.ARRIVED, "ts-9")
        desk.after(5)
        assert await desk.delivery.drain() == 1
        (row,) = await desk.rows()
        assert (row.status, row.reference, channel.tried) == ("sent", "ts-9", 1)

    async def test_what_is_absent_is_sent_again(self, desk: Desk) -> None:
        channel = Receiver("slack", UnknownOutcomeError("the reply was lost"), remembers=True)
        desk.open(channel)
        await desk.put(message())
        await desk.delivery.drain()
        desk.after(5)
        assert await desk.delivery.drain() == 1
        assert (channel.asked, channel.tried) == (["drawdown_10pct/1"], 2)

    async def test_who_cannot_be_asked_gets_it_again_under_the_same_key(self, desk: Desk) -> None:
        channel = Receiver("slack", UnknownOutcomeError("the reply was lost"))
        desk.open(channel)
        await desk.put(message())
        await desk.delivery.drain()
        desk.after(5)
        assert await desk.delivery.drain() == 1
        assert channel.keys == ["drawdown_10pct/1"]
        assert channel.tried == 2

    async def test_while_the_receiver_does_not_answer_nothing_is_sent_again(self, desk: Desk) -> None:
        channel = Receiver("slack", UnknownOutcomeError("the reply was lost"))
        channel.found = TransientError("history is down")
        desk.open(channel)
        await desk.put(message())
        await desk.until(300)
        assert channel.tried == 1
        assert len(channel.asked) > 2
        channel.found = Found(Sighting.ABSENT)
        await desk.until(400)
        assert channel.keys == ["drawdown_10pct/1"]

    @pytest.mark.parametrize("error", [PermanentError("missing_scope"), RuntimeError("a bug")])
    async def test_a_receiver_that_refuses_to_be_asked_gets_it_again(
        self, desk: Desk, error: Exception
    ) -> None:
        channel = Receiver("slack", UnknownOutcomeError("the reply was lost"))
        channel.found = error
        desk.open(channel)
        await desk.put(message())
        await desk.delivery.drain()
        desk.after(5)
        assert await desk.delivery.drain() == 1

    async def test_a_newer_message_tells_what_never_arrived(self, desk: Desk) -> None:
        channel = Receiver("slack", UnknownOutcomeError("the reply was lost"), remembers=True)
        desk.open(channel)
        await desk.put(message(episode="e"))
        await desk.delivery.drain()
        await desk.put(message(episode="e"))
        assert await desk.delivery.drain() == 0  # the first may still arrive: the second may not overtake it
        desk.after(5)
        assert await desk.delivery.drain() == 1
        assert channel.keys == ["drawdown_10pct/2"]
        assert (await desk.statuses())["drawdown_10pct/1 slack"] == "superseded"


class TestDeath:
    """The process dies between claim and mark."""

    async def test_the_next_start_finds_out_whether_it_arrived(self, desk: Desk) -> None:
        channel = Receiver(remembers=True)
        desk.open(channel)
        await desk.put(message())
        await die_while_sending(desk, channel)
        (row,) = await desk.rows()
        assert row.status == "claimed"
        desk.open(channel)
        assert await desk.delivery.drain() == 0  # the lease holds: another sender may be alive
        assert await desk.delivery.recover() == 1  # we hold the instance lock: nobody else is
        assert await desk.delivery.drain() == 0  # the request may still be on its way
        assert (await desk.rows())[0].status == "unknown"
        desk.after(5)
        assert await desk.delivery.drain() == 1
        assert channel.keys == ["drawdown_10pct/1"]

    async def test_a_receiver_that_has_it_does_not_get_it_twice(self, desk: Desk) -> None:
        channel = Receiver(remembers=True)
        desk.open(channel)
        await desk.put(message())
        await die_while_sending(desk, channel)
        channel.take(replace(message(), key="drawdown_10pct/1"))
        desk.open(channel)
        await desk.delivery.recover()
        assert await desk.delivery.drain() == 1
        assert channel.keys == ["drawdown_10pct/1"]

    async def test_a_lease_that_ran_out_is_taken_over(self, desk: Desk) -> None:
        channel = Receiver()
        desk.open(channel)
        await desk.put(message())
        await die_while_sending(desk, channel)
        desk.open(channel)
        desk.after(119)
        assert await desk.delivery.drain() == 0
        desk.after(120)
        assert await desk.delivery.drain() == 1
        assert channel.asked == ["drawdown_10pct/1"]


class TestOrder:
    """Within a group and channel nothing overtakes; the newest message of an episode tells all of it."""

    async def test_the_critical_message_goes_first(self, desk: Desk) -> None:
        channel = Receiver()
        desk.open(channel)
        await desk.put(message("a", Severity.INFO), message("b", Severity.WARNING), message("c"))
        await desk.delivery.drain()
        assert [sent.group for sent in channel.took] == ["c", "b", "a"]

    async def test_a_later_episode_waits_for_the_earlier_one(self, desk: Desk) -> None:
        channel = Receiver("slack", TransientError("down"))
        desk.open(channel, retry_seconds=10)
        await desk.put(message(episode="1"))
        await desk.delivery.drain()
        await desk.put(message(episode="2"))
        assert await desk.delivery.drain() == 0
        desk.after(10)
        assert await desk.delivery.drain() == 2
        assert channel.keys == ["drawdown_10pct/1", "drawdown_10pct/2"]

    async def test_the_newest_message_of_an_episode_supersedes_the_others(self, desk: Desk) -> None:
        channel = Receiver()
        desk.open(channel)
        await desk.put(*[message("drift", Severity.WARNING, episode="1") for _ in range(4)])
        await desk.delivery.drain()
        assert channel.keys == ["drift/4"]
        rows = await desk.rows()
        assert [row.status for row in rows] == ["superseded"] * 3 + ["sent"]
        assert {row.folded_into for row in rows[:3]} == {"drift/4"}

    async def test_messages_of_no_episode_are_all_told(self, desk: Desk) -> None:
        channel = Receiver()
        desk.open(channel)
        await desk.put(message("gate"), message("gate"))
        await desk.delivery.drain()
        assert channel.keys == ["gate/1", "gate/2"]

    async def test_a_channel_learns_which_message_of_its_own_goes_on(self, desk: Desk) -> None:
        channel = Receiver()
        desk.open(channel)
        for event, episode in ((Event.FIRING, "1"), (Event.RESOLVED, "1"), (Event.FIRING, "2")):
            await desk.put(message(event=event, episode=episode))
            await desk.delivery.drain()
        assert channel.living == ["", "ref-1", ""]

    async def test_a_critical_alert_that_is_over_before_it_was_told_is_told_with_its_end(
        self, desk: Desk
    ) -> None:
        channel = Receiver()
        desk.open(channel)
        await desk.put(message(episode="1"), message(event=Event.RESOLVED, episode="1"))
        assert await desk.delivery.drain() == 1
        (digest,) = channel.took
        assert digest.event is Event.DIGEST
        assert [finding.about for finding in digest.findings] == [
            "drawdown_10pct is past its limit (firing)",
            "drawdown_10pct is past its limit (over)",
        ]
        assert set((await desk.statuses()).values()) == {"folded", "sent"}


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn() as server:
        yield server


async def test_slack_and_email_get_the_message_over_real_sockets(desk: Desk, slack: SlackStandIn) -> None:
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
        names = tuple(channel.name for channel in channels)
        await desk.put(message(), channels=names)
        sender = Delivery(desk.database, channels, DeliverySettings(), desk.clock)
        assert await sender.drain() == 2
        await sender.aclose()
        assert len(slack.posts) == 1
        assert len(smtp.taken) == 1
    assert [row.status for row in await desk.rows()] == ["sent", "sent"]
