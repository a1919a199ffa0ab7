"""What a channel refuses for good: the message, or whatever we send; and replies that never come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import pytest

from alerts.channels.channel import (
    ChannelRefusedError,
    Found,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.message import Event, Message, Severity
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from tests.daemon.outbox_desk import START, Desk, Receiver, message


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def about_delivery(channel: Receiver, group: str = "delivery") -> list[Message]:
    """Return what a channel was told about the others."""
    return [one for one in channel.took if one.group == group]


class Forgetful(Receiver):
    """A receiver that takes everything and whose replies are all lost; other questions it answers."""

    async def send(self, message: Message, *, living: str = "") -> str:
        self.tried += 1
        self.take(message)
        raise UnknownOutcomeError("the reply was lost")


class TestARefusedChannel:
    async def test_it_is_held_told_once_and_what_is_current_comes_within_a_minute_of_its_mending(
        self, desk: Desk
    ) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = ChannelRefusedError("token_revoked")
        desk.open(slack, email)
        for number in range(5):
            await desk.put(message(f"g{number}", Severity.WARNING, episode="1"))
        await desk.put(message(episode="1"), fallback=("email",))
        await desk.until(30)
        assert "drawdown_10pct/1" in email.keys, "critical: its fallback has it"
        await desk.until(900, step=10)
        assert slack.took == []
        assert slack.tried <= 60, "a probe in half a minute at the most"
        assert [one.event for one in about_delivery(email)] == [Event.FIRING]
        assert about_delivery(email)[0].findings[0].value == "refuses every message: token_revoked"
        slack.down = None
        await desk.until(960)
        assert {one.group for one in slack.took if one.event is not Event.DIGEST} >= {"drawdown_10pct"}
        assert set((await desk.statuses()).values()) <= {"sent", "folded"}
        assert [one.event for one in about_delivery(email)] == [Event.FIRING, Event.RESOLVED]

    async def test_a_refused_message_is_lost_alone(self, desk: Desk) -> None:
        slack = Receiver("slack", PermanentError("invalid_blocks"))
        desk.open(slack)
        await desk.put(message("a"), message("b"))
        await desk.until(2)
        assert await desk.statuses() == {"a/1 slack": "failed", "b/1 slack": "sent"}

    async def test_a_refusal_says_nothing_about_an_earlier_send_in_doubt(self, desk: Desk) -> None:
        slack = Receiver("slack", UnknownOutcomeError("lost"), ChannelRefusedError("invalid_auth"))
        desk.open(slack)
        await desk.put(message())
        await desk.until(6)
        assert slack.tried == 2
        slack.found = Found(Sighting.ARRIVED, "ts-1")
        await desk.until(60)
        assert slack.took == [], "it had arrived the first time"
        assert await desk.statuses() == {"drawdown_10pct/1 slack": "sent"}


class TestLostReplies:
    async def test_a_receiver_all_of_whose_replies_are_lost_gets_three_copies_and_the_fallback_one(
        self, desk: Desk
    ) -> None:
        hook, email = Forgetful("webhook"), Receiver("email")
        desk.open(hook, email)
        await desk.put(message(episode="1"), channels=("webhook",), fallback=("email",))
        await desk.until(900, step=10)
        assert hook.keys == ["drawdown_10pct/1"] * 3
        assert "drawdown_10pct/1" in email.keys
        (told,) = about_delivery(email)
        assert "no reply to any of 3 sends" in told.findings[0].value
        rows = {row.channel: row for row in await desk.rows() if row.group_ == "drawdown_10pct"}
        assert (rows["webhook"].status, rows["webhook"].copies) == ("failed", 3)

    async def test_many_messages_get_no_more_copies_while_the_channel_counts_as_failing(
        self, desk: Desk
    ) -> None:
        hook = Forgetful("webhook")
        desk.open(hook, fold_above=100)
        await desk.put(*(message(f"g{n}", episode="1") for n in range(8)), channels=("webhook",))
        await desk.until(900, step=10)
        assert max(hook.keys.count(key) for key in hook.keys) == 3
        assert set((await desk.statuses()).values()) == {"failed"}

    async def test_one_that_answers_nothing_at_all_gets_no_copy_until_it_does(self, desk: Desk) -> None:
        hook = Receiver("webhook")
        hook.down = UnknownOutcomeError("no answer in time")
        desk.open(hook)
        await desk.put(message(episode="1"), channels=("webhook",))
        await desk.until(900, step=10)
        assert hook.tried == 1
        assert hook.checked > 15
        hook.down = None
        await desk.until(960)
        assert hook.keys == ["drawdown_10pct/1"]

    async def test_what_is_absent_is_added_to_the_message_that_was_found(self, desk: Desk) -> None:
        slack = Receiver("slack", UnknownOutcomeError("the reply was lost"))
        slack.found = Found(Sighting.ABSENT, "C1:17.5")
        desk.open(slack)
        await desk.put(message(episode="1"))
        await desk.until(20)
        assert slack.keys == ["drawdown_10pct/1"]
        assert slack.living == ["C1:17.5"]


class TestOrderedFallbacks:
    async def test_the_second_one_is_reached_at_every_revision(self, desk: Desk) -> None:
        slack, email, webhook = Receiver("slack"), Receiver("email"), Receiver("webhook")
        slack.down = TransientError("refused")
        desk.open(slack, email, webhook)
        await desk.put(message(episode="1"), fallback=("email", "webhook"))
        await desk.until(40)
        assert email.keys == ["drawdown_10pct/1"]
        email.down = TransientError("refused")
        await desk.put(message(event=Event.REMINDER, episode="1"), fallback=("email", "webhook"))
        await desk.until(100)
        assert "drawdown_10pct/2" in webhook.keys

    async def test_where_every_first_channel_fails_the_last_of_the_list_is_told(self, desk: Desk) -> None:
        slack, email, webhook = Receiver("slack"), Receiver("email"), Receiver("webhook")
        slack.down = email.down = PermanentError("invalid_blocks")
        desk.open(slack, email, webhook)
        everybody = ("slack", "email", "webhook")
        await desk.put(message(episode="1"), channels=("slack", "email"), fallback=everybody)
        await desk.until(40)
        assert "drawdown_10pct/1" in webhook.keys


class TestDeadLetters:
    async def test_the_second_of_a_spell_is_told_and_then_each_doubling(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = PermanentError("invalid_blocks")
        desk.open(slack, email)
        for number in range(9):
            await desk.put(message(f"g{number}", Severity.WARNING))
            await desk.until(10 * number + 5)
        assert [one.findings[0].samples for one in about_delivery(email)] == [1, 2, 4, 8]
        assert "8 messages given up" in about_delivery(email)[-1].findings[0].value

    async def test_the_first_critical_one_is_told_at_once(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = PermanentError("invalid_blocks")
        desk.open(slack, email)
        for number, severity in enumerate([Severity.WARNING, Severity.WARNING, Severity.CRITICAL]):
            await desk.put(message(f"g{number}", severity))
            await desk.until(10 * number + 5)
        assert [one.severity for one in about_delivery(email)] == ["warning", "warning", "critical"]


@dataclass
class SetClock:
    """A clock whose wall time somebody sets; its seconds go on undisturbed."""

    wall: datetime = START
    at_s: float = 0.0

    def now(self) -> datetime:
        return self.wall

    def seconds(self) -> float:
        return self.at_s

    def go_on(self, seconds: float) -> None:
        self.wall, self.at_s = self.wall + timedelta(seconds=seconds), self.at_s + seconds


class TestAge:
    async def test_a_clock_that_jumps_eight_days_kills_nothing(self, desk: Desk) -> None:
        clock, slack = SetClock(), Receiver("slack")
        slack.down = TransientError("connection refused")
        delivery = Delivery(
            desk.database, (slack,), DeliverySettings(), clock, sleep=desk.sleep, chance=Random(7)
        )
        await desk.put(message(event=Event.RESOLVED, episode="1"), message("b", episode="1"))
        await delivery.drain()
        clock.wall += timedelta(days=8)
        for _ in range(300):
            clock.go_on(5.0)
            await delivery.drain()
            await delivery.watch()
        assert set((await desk.statuses()).values()) <= {"retry", "pending"}
        slack.down = None
        for _ in range(20):
            clock.go_on(5.0)
            await delivery.drain()
        assert set((await desk.statuses()).values()) == {"sent"}

    async def test_after_a_week_of_trying_only_the_newest_word_about_what_stands_is_kept(
        self, desk: Desk
    ) -> None:
        slack = Receiver("slack")
        slack.down = TransientError("connection refused")
        desk.open(slack, fold_above=100)
        await desk.put(message("over", event=Event.RESOLVED, episode="1"), message("stands", episode="1"))
        await desk.until(8 * 86_400, step=3600)
        await desk.until(8 * 86_400 + 60, step=5)
        assert await desk.statuses() == {"over/1 slack": "failed", "stands/1 slack": "retry"}


class TestARemovedChannel:
    async def test_what_waited_there_is_given_up_aloud_and_falls_back(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = TransientError("connection refused")
        desk.open(slack, email)
        await desk.put(message("a", Severity.WARNING, episode="1"))
        await desk.put(message(episode="1"), fallback=("email",))
        await desk.delivery.drain()
        desk.open(email)
        await desk.delivery.recover()
        await desk.until(10)
        assert "drawdown_10pct/1" in email.keys
        (told,) = about_delivery(email, "delivery.slack")
        assert told.title == "2 messages for slack were given up: its channel is no longer configured"
        assert [one.subject for one in told.findings] == ["drawdown_10pct/1", "a/1"]
        statuses = await desk.statuses()
        assert (statuses["a/1 slack"], statuses["drawdown_10pct/1 slack"]) == ("failed", "failed")
        await desk.delivery.recover()
        await desk.until(20)
        assert len(about_delivery(email, "delivery.slack")) == 1
