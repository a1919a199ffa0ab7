"""Trouble with a channel is told on the others, once a spell; a clock that is set stops nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest

from alerts.channels.channel import PermanentError, TransientError
from alerts.message import Event, Severity
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from tests.daemon.outbox_desk import START, Desk, Receiver, message


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def about_delivery(channel: Receiver) -> list[tuple[Event, str]]:
    """Return what a channel was told about the others."""
    return [(one.event, one.title) for one in channel.took if one.group == "delivery"]


DOWN = (Event.FIRING, "Messages do not reach slack")
AGAIN = (Event.RESOLVED, "Messages reach slack again")


class TestDeadLetter:
    async def test_it_is_told_on_the_other_channels_once_and_when_it_is_over(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = PermanentError("invalid_auth")
        desk.open(slack, email)
        await desk.put(message("a"), message("b"), message("c"))
        await desk.until(6)
        told_down = about_delivery(email)
        assert told_down in ([DOWN], [DOWN, DOWN]), "for the first, and once more for twice as many"
        told = email.took[0]
        assert told.severity is Severity.CRITICAL
        assert told.findings[0].subject == "slack"
        assert str(told.findings[0].value).startswith("could not deliver ")
        assert "invalid_auth" in str(told.findings[0].value)
        slack.down = None
        await desk.put(message("d", Severity.INFO))
        await desk.until(9)
        assert about_delivery(email) == [*told_down, AGAIN]
        assert about_delivery(slack) == []
        assert await desk.states() == {}

    async def test_a_critical_message_that_is_refused_goes_to_the_next_channel_at_once(
        self, desk: Desk
    ) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = PermanentError("invalid_auth")
        desk.open(slack, email)
        await desk.put(message(), fallback=("email",))
        await desk.delivery.drain()
        await desk.delivery.drain()
        assert "drawdown_10pct/1" in email.keys
        assert await desk.statuses() == {
            "drawdown_10pct/1 slack": "failed",
            "drawdown_10pct/1 email": "sent",
            "delivery/1 email": "sent",
        }

    async def test_a_restart_tells_it_no_second_time(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = PermanentError("invalid_auth")
        desk.open(slack, email)
        await desk.put(message("a"))
        await desk.until(2)
        desk.open(slack, email)
        await desk.delivery.recover()
        await desk.until(600, step=30)
        assert about_delivery(email) == [DOWN]

    async def test_with_no_other_channel_nobody_can_be_told_and_nothing_else_suffers(
        self, desk: Desk
    ) -> None:
        slack = Receiver("slack", PermanentError("no such channel"))
        desk.open(slack)
        await desk.put(message("a"), message("b"))
        await desk.until(2)
        assert slack.keys == ["b/1"]
        assert await desk.statuses() == {"a/1 slack": "failed", "b/1 slack": "sent"}


class TestLongOutage:
    async def test_a_channel_that_is_out_for_long_is_told_and_so_is_its_return(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = TransientError("connection refused")
        desk.open(slack, email)
        await desk.put(message("a", Severity.WARNING))
        await desk.until(240, step=5)
        assert about_delivery(email) == []
        await desk.until(400, step=5)
        assert about_delivery(email) == [DOWN]
        assert email.took[0].severity is Severity.WARNING
        slack.down = None
        await desk.until(440, step=5)
        assert about_delivery(email) == [DOWN, AGAIN]
        assert slack.keys == ["a/1"]

    async def test_a_receiver_that_asks_for_a_long_silence_is_told_too(self, desk: Desk) -> None:
        slack, email = (
            Receiver("slack", TransientError("ratelimited", retry_after_s=3600.0)),
            Receiver("email"),
        )
        desk.open(slack, email)
        await desk.put(message("a", Severity.WARNING))
        await desk.until(5)
        assert about_delivery(email) == [DOWN]

    async def test_two_channels_that_fail_are_one_story(self, desk: Desk) -> None:
        slack, email, console = Receiver("slack"), Receiver("email"), Receiver("console")
        slack.down = email.down = TransientError("connection refused")
        desk.open(slack, email, console)
        await desk.put(message("a", Severity.WARNING), channels=("slack", "email"))
        await desk.until(600, step=5)
        slack.down = None
        await desk.until(660, step=5)
        email.down = None
        await desk.until(720, step=5)
        assert [title for _, title in about_delivery(console)] == [
            "Messages do not reach email, slack",
            "Messages do not reach email",
            "Messages reach email again",
        ]
        episodes = {one.episode for one in console.took}
        assert len(episodes) == 1

    async def test_a_restart_goes_on_with_a_single_probe(self, desk: Desk) -> None:
        slack = Receiver("slack")
        slack.down = TransientError("connection refused")
        desk.open(slack)
        await desk.put(*(message(f"g{i}", Severity.WARNING) for i in range(5)))
        await desk.until(60)
        before = slack.tried
        desk.open(slack)
        await desk.delivery.recover()
        desk.after(100)
        await desk.delivery.drain()
        assert slack.tried == before + 1


async def test_a_channel_hears_nothing_below_its_own_severity(desk: Desk) -> None:

    slack, email = Receiver("slack", PermanentError("no such channel")), Receiver("email")
    levels = {"slack": Severity.INFO, "email": Severity.CRITICAL}
    delivery = Delivery(
        desk.database, (slack, email), DeliverySettings(), desk.clock, levels=levels, chance=Random(1)
    )
    await desk.put(message("a", Severity.WARNING))
    await delivery.drain()
    assert email.took == []


async def test_a_clock_that_was_set_back_an_hour_delays_nothing(desk: Desk) -> None:
    class JumpingClock:
        def __init__(self) -> None:
            self.wall, self.at_s = START, 0.0

        def now(self) -> datetime:
            return self.wall

        def seconds(self) -> float:
            return self.at_s

    clock = JumpingClock()
    slack = Receiver("slack", TransientError("500"))
    delivery = Delivery(desk.database, (slack,), DeliverySettings(), clock)
    await desk.put(message())
    await delivery.drain()
    clock.wall -= timedelta(hours=1)
    clock.at_s += 10
    await delivery.watch()
    await delivery.drain()
    assert slack.keys == ["drawdown_10pct/1"]
