"""Receivers that are gone for hours and a clock that is set, in injected time; and one that truly hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from statistics import fmean

import pytest
from pydantic import SecretStr

from alerts.channels.channel import Pace, TransientError, UnknownOutcomeError
from alerts.channels.webhook import WebhookChannel
from alerts.message import Event, Severity
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from tests.daemon.outbox_desk import START, Desk, Receiver, message
from tests.faults.deliveries import delivering
from tests.faults.test_lost_replies import UnpacedSlack, put
from tests.faults.waiting import until
from tests.stand_ins.slack_api import Fault, SlackApiStandIn
from tests.stand_ins.slack_workspace import BOT_TOKEN, CHANNEL
from tests.stand_ins.webhook import SECRET, WebhookStandIn

HOUR_S = 3600.0
PACED = Pace(per_s=1.0)
SLOWER = 1.1
"""How much longer a message may take on a channel when another one fails."""


@pytest.fixture
async def quick_store() -> AsyncIterator[Callable[[], Awaitable[Database]]]:
    """Make stores in memory: here no fault is one of the store's."""
    made = []

    async def make() -> Database:
        made.append(Database("sqlite://"))
        await upgrade(made[-1])
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


async def seconds_to(healthy: Receiver, desk: Desk, *, bursts: int, every_s: float) -> list[float]:
    """Write four messages for both channels at a time; return after how many seconds each was taken."""
    waits = []
    for burst in range(bursts):
        begin_s = every_s * (burst + 0.25)
        await desk.until(begin_s, step=every_s / 8)
        groups = [f"b{burst:02}-{number}" for number in range(4)]
        told = [message(group, Severity.WARNING, episode="1") for group in groups]
        await desk.put(*told, channels=("slack", "email"))
        written = desk.clock.now()
        await desk.until(begin_s + 10)
        taken = dict(zip((one.group for one in healthy.took), healthy.took_at, strict=True))
        waits += [(taken[group] - written).total_seconds() for group in groups]
    await desk.until(every_s * bursts, step=every_s / 8)
    return waits


def assert_no_slower(waits: list[float], undisturbed: list[float]) -> None:
    """Check the mean and the worst wait against those of a run in which nothing failed."""
    assert fmean(undisturbed) > 0, "there must be something to compare with"
    assert fmean(waits) <= SLOWER * fmean(undisturbed)
    assert max(waits) <= SLOWER * max(undisturbed)


async def test_a_slack_that_hangs_for_an_hour_makes_the_mail_no_slower(
    quick_store: Callable[[], Awaitable[Database]],
) -> None:
    undisturbed: list[float] = []
    for hangs in (False, True):
        desk = Desk(await quick_store())
        slack, mail = Receiver("slack", pace=PACED), Receiver("email", pace=PACED)
        slack.down = UnknownOutcomeError("no answer in time") if hangs else None
        desk.open(slack, mail)
        await desk.put(message("critical", episode="1"), fallback=("email",))
        await desk.until(30)
        first = next(one for one in (slack, mail) if "critical/1" in one.keys)
        assert first.name == ("email" if hangs else "slack"), "the fallback has it within 30 s"
        waits = await seconds_to(mail, desk, bursts=6, every_s=HOUR_S / 6)
        undisturbed = undisturbed or waits
    assert_no_slower(waits, undisturbed)
    assert slack.took == []
    last = message("last", episode="1")
    await desk.put(last, fallback=("email",))
    await desk.until(HOUR_S + 30)
    assert any(one.group == "last" for one in mail.took), "so has the next one, an hour later"
    slack.down = None
    await desk.until(HOUR_S + 90)
    told = {one.group for one in slack.took} | {
        finding.about.partition(" is past")[0] for one in slack.took for finding in one.findings
    }
    assert len(slack.took) <= 9, "two criticals, five in doubt, and the others as one digest"
    assert {f"b{burst:02}-{number}" for burst in range(6) for number in range(4)} <= told


async def test_a_mail_server_that_is_down_for_twelve_hours_makes_slack_no_slower(
    quick_store: Callable[[], Awaitable[Database]],
) -> None:
    undisturbed: list[float] = []
    for is_down in (False, True):
        desk = Desk(await quick_store())
        slack, mail = Receiver("slack", pace=PACED), Receiver("email", pace=PACED)
        mail.down = TransientError("connection refused") if is_down else None
        desk.open(slack, mail)
        await desk.put(message("critical", episode="1"), channels=("email",), fallback=("slack",))
        await desk.until(30)
        first = next(one for one in (slack, mail) if "critical/1" in one.keys)
        assert first.name == ("slack" if is_down else "email"), "the fallback has it within 30 s"
        waits = await seconds_to(slack, desk, bursts=12, every_s=HOUR_S)
        undisturbed = undisturbed or waits
    assert_no_slower(waits, undisturbed)
    assert mail.took == []


async def test_after_twelve_hours_what_is_current_is_told_and_what_is_stale_is_one_digest(
    quick_store: Callable[[], Awaitable[Database]],
) -> None:
    desk = Desk(await quick_store())
    slack, mail = Receiver("slack"), Receiver("email")
    mail.down = TransientError("connection refused")
    desk.open(slack, mail)
    for number in range(12):  # an alert an hour that is over half an hour later, told to both
        one = message(f"stale{number:02}", Severity.WARNING, episode="1")
        for told, minutes in ((one, 1), (replace(one, event=Event.RESOLVED), 31)):
            await desk.until(HOUR_S * number + 60.0 * minutes, step=600)
            await desk.put(told, channels=("slack", "email"))
    await desk.put(*(message(f"current{number}", episode="1") for number in range(3)), channels=("email",))
    await desk.until(12 * HOUR_S, step=600)
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
