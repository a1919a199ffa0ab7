"""Receivers that are gone for hours and a clock that is set, in injected time; and one that truly hangs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from pydantic import SecretStr

from alerts.channels.channel import Pace, TransientError, UnknownOutcomeError
from alerts.channels.webhook import WebhookChannel
from alerts.message import Event, Severity
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from tests.daemon.outbox_desk import START, Desk, Receiver, message
from tests.faults.deliveries import delivering
from tests.faults.test_lost_replies import UnpacedSlack, put
from tests.faults.waiting import until
from tests.stand_ins.slack_api import BOT_TOKEN, CHANNEL, Fault, SlackApiStandIn
from tests.stand_ins.webhook import SECRET, WebhookStandIn

HOUR_S = 3600.0
EVERY_S = 300.0


async def tell_for_an_hour(desk: Desk, mail: Receiver) -> list[float]:
    """Write a message for both every five minutes; return after how many seconds the mail server had each."""
    waits = []
    for number in range(12):
        group = f"g{number:02}"
        await desk.put(message(group, Severity.WARNING, episode="1"), channels=("slack", "email"))
        written = desk.clock.now()
        seconds = EVERY_S * number
        await desk.until(seconds + 10)
        await desk.until(seconds + EVERY_S, step=30)
        at = next(at for at, one in zip(mail.took_at, mail.took, strict=True) if one.group == group)
        waits.append((at - written).total_seconds())
    return waits


async def test_a_slack_that_hangs_for_an_hour_makes_the_mail_no_slower(sqlite_store: Database) -> None:
    desk = Desk(sqlite_store)
    slack, mail = Receiver("slack", pace=Pace(per_s=1.0)), Receiver("email", pace=Pace(per_s=1.0, burst=5))
    slack.down = UnknownOutcomeError("no answer in time")
    desk.open(slack, mail)
    waits = await tell_for_an_hour(desk, mail)
    assert slack.took == []
    assert max(waits) <= 1.1  # a second is the step of this clock: as soon as there is anything at all
    critical = message("critical", episode="1")
    await desk.put(critical, fallback=("email",))
    await desk.until(HOUR_S + 30)
    assert any(one.group == "critical" for one in mail.took), "the fallback has it within 30 s"
    slack.down = None
    await desk.until(HOUR_S + 90)
    assert {f"g{number:02}" for number in range(12)} <= {one.group for one in slack.took}


async def test_a_mail_server_that_is_down_for_twelve_hours(sqlite_store: Database) -> None:
    desk = Desk(sqlite_store)
    slack, mail = Receiver("slack"), Receiver("email")
    mail.down = TransientError("connection refused")
    desk.open(slack, mail)
    for number in range(12):  # an alert an hour that is over half an hour later, told to both
        one = message(f"stale{number:02}", Severity.WARNING, episode="1")
        for told, minutes in ((one, 1), (replace(one, event=Event.RESOLVED), 31)):
            await desk.until(HOUR_S * number + 60.0 * minutes, step=300)
            await desk.put(told, channels=("slack", "email"))
    await desk.put(*(message(f"current{number}", episode="1") for number in range(3)), channels=("email",))
    await desk.until(12 * HOUR_S, step=300)
    assert mail.took == []
    assert len([one for one in slack.took if one.group.startswith("stale")]) == 24
    mail.down = None
    await desk.until(12 * HOUR_S + 60)
    current = [one.group for one in mail.took if one.group.startswith("current")]
    digests = [one for one in mail.took if one.event is Event.DIGEST]
    assert sorted(current) == ["current0", "current1", "current2"]
    assert len(digests) == 1
    assert len({finding.about for finding in digests[0].findings}) == 12


async def test_a_slack_that_takes_requests_and_never_answers_holds_up_nobody(sqlite_store: Database) -> None:
    async with SlackApiStandIn() as slack, WebhookStandIn() as webhook:
        slack.break_next("chat.postMessage", *[Fault.HANG] * 20)
        channels = (
            UnpacedSlack(token=SecretStr(BOT_TOKEN), channel=CHANNEL, api_url=slack.url),
            WebhookChannel(url=webhook.url, secret=SecretStr(SECRET)),
        )
        desk = Desk(sqlite_store)
        async with delivering(sqlite_store, *channels) as delivery:
            for number in range(5):
                webhook.asked.clear()
                await desk.put(message(f"g{number}", episode="1"), channels=("slack", "webhook"))
                delivery.wake()
                async with asyncio.timeout(5):
                    await webhook.asked.wait()
            await until(lambda: len(webhook.taken) == 5, 5)
        assert slack.count("chat.postMessage") >= 1
        assert slack.posts == []


@dataclass
class SetClock:
    """A clock whose wall time somebody sets; its seconds go on undisturbed."""

    wall: datetime = START
    at_s: float = 0.0

    def now(self) -> datetime:
        """Return what the machine believes."""
        return self.wall

    def seconds(self) -> float:
        """Return the seconds that nobody sets."""
        return self.at_s

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.wall, self.at_s = self.wall + timedelta(seconds=seconds), self.at_s + seconds


@pytest.mark.parametrize("down", [True, False], ids=["slack down", "slack up"])
async def test_what_was_written_by_a_clock_that_was_a_year_ahead_is_told_after_a_start(
    sqlite_store: Database, down: bool
) -> None:
    ahead = START + timedelta(days=365)
    before = Desk(sqlite_store)
    before.clock.advance(ahead)
    refused = TransientError("ratelimited", retry_after_s=20.0)
    before.open(Receiver("slack", refused), Receiver("email"))
    await before.put(message("held", episode="1"), fallback=("email",))
    await before.delivery.drain()
    await before.put(message("fresh", episode="1"), fallback=("email",))
    clock, slack, mail = SetClock(), Receiver("slack"), Receiver("email")
    slack.down = TransientError("connection refused") if down else None
    delivery = Delivery(
        sqlite_store, (slack, mail), DeliverySettings(), clock, sleep=before.sleep, chance=Random(7)
    )
    await delivery.recover()
    for _ in range(35):
        clock.go_on(1.0)
        await delivery.watch()
        await delivery.drain()
    told = mail if down else slack
    assert sorted(told.keys) == ["fresh/1", "held/1"]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "back"])
async def test_a_clock_that_is_set_by_an_hour_delays_and_repeats_nothing(
    sqlite_store: Database, jump: timedelta
) -> None:
    clock, slack = SetClock(), Receiver("slack", TransientError("ratelimited", retry_after_s=20.0))
    desk = Desk(sqlite_store)
    delivery = Delivery(sqlite_store, (slack,), DeliverySettings(), clock, sleep=desk.sleep, chance=Random(7))
    await desk.put(message("before", episode="1"))
    await delivery.drain()
    clock.wall += jump
    tried = []
    for _ in range(40):
        clock.go_on(1.0)
        await delivery.watch()
        await delivery.drain()
        tried.append(slack.tried)
    assert tried[18] == 1, "Retry-After is twenty true seconds"
    assert tried[20] == 2
    await put(sqlite_store, message("after", episode="1"), at=clock.now())
    for _ in range(3):
        clock.go_on(1.0)
        await delivery.drain()
    assert slack.keys == ["before/1", "after/1"]
