"""Storms, pauses and outages of a channel: nothing lost, little said, the critical first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.channels.channel import Pace, TransientError, UnknownOutcomeError
from alerts.message import Event, Message, Severity
from daemon.storage.database import Database
from tests.daemon.outbox_desk import START, Desk, Receiver, message

pytestmark = pytest.mark.no_cover  # it repeats what other tests count

SLACK = Pace(per_s=1.0)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def storm(count: int) -> list[Message]:
    """Return so many firing alerts, one in a hundred of them critical."""
    every = [Severity.INFO, Severity.WARNING]
    return [
        message(f"g{i:04}", Severity.CRITICAL if i % 250 == 17 else every[i % 2], episode="1")
        for i in range(count)
    ]


async def fates(desk: Desk) -> dict[str, str]:
    """Return the fate of every message: the key under which its channel took it, or its status."""
    rows = {(row.channel, row.key): row for row in await desk.rows()}
    found = {}
    for (channel, key), first in rows.items():
        row = first
        while row.status in ("folded", "superseded"):
            row = rows[channel, row.folded_into]
        found[f"{key} {channel}"] = row.status
    return found


class TestStorm:
    async def test_a_thousand_alerts_at_once_are_at_most_ten_messages_and_none_is_lost(
        self, desk: Desk
    ) -> None:
        slack = Receiver(pace=SLACK)
        desk.open(slack)
        await desk.put(*storm(1000))
        await desk.until(30)
        assert len(slack.took) <= 10
        assert set((await fates(desk)).values()) == {"sent"}
        critical = [
            at for at, one in zip(slack.took_at, slack.took, strict=True) if one.severity is Severity.CRITICAL
        ]
        assert len(critical) == 4
        assert max(critical) - START <= timedelta(seconds=5)
        told = {finding.about for one in slack.took for finding in one.findings if finding.about}
        assert len(told) == 996

    async def test_a_thousand_critical_alerts_are_folded_too(self, desk: Desk) -> None:
        slack = Receiver(pace=SLACK)
        desk.open(slack)
        await desk.put(*(replace(one, severity=Severity.CRITICAL) for one in storm(1000)))
        await desk.until(10)
        assert len(slack.took) == 5
        assert set((await fates(desk)).values()) == {"sent"}

    async def test_a_critical_alert_passes_a_thousand_that_wait(self, desk: Desk) -> None:
        slack = Receiver(pace=Pace(per_s=0.2))
        desk.open(slack)
        await desk.put(*(replace(one, severity=Severity.INFO) for one in storm(1000)))
        await desk.until(1)
        await desk.put(message("late"))
        await desk.until(6)
        assert slack.took[1].group == "late"

    async def test_the_pace_is_kept(self, desk: Desk) -> None:
        slack = Receiver(pace=SLACK)
        desk.open(slack, fold_above=100)
        await desk.put(*storm(10))
        await desk.until(12, step=0.25)
        gaps = [late - early for early, late in zip(slack.took_at, slack.took_at[1:], strict=False)]
        assert len(slack.took) == 10
        assert min(gaps) >= timedelta(seconds=1)


class TestRetryAfter:
    async def test_no_request_of_any_kind_goes_to_the_channel_before(self, desk: Desk) -> None:
        slack = Receiver("slack", TransientError("ratelimited", retry_after_s=30.0))
        email = Receiver("email")
        desk.open(slack, email)
        await desk.put(message("a"), message("b", Severity.INFO), channels=("slack", "email"))
        await desk.delivery.drain()
        await desk.until(29)
        assert (slack.tried, len(slack.asked), len(email.took)) == (1, 0, 2)
        await desk.put(message("c"))
        await desk.until(31)
        assert [sent - START for sent in slack.took_at] == [timedelta(seconds=30)] * 3

    async def test_a_restart_remembers_it(self, desk: Desk) -> None:
        slack = Receiver("slack", TransientError("ratelimited", retry_after_s=30.0))
        desk.open(slack)
        await desk.put(message("a"))
        await desk.delivery.drain()
        desk.open(slack)
        await desk.delivery.recover()
        await desk.put(message("b"))
        await desk.until(29)
        assert slack.tried == 1
        await desk.until(30)
        assert slack.tried == 3

    async def test_a_restart_remembers_a_long_one_too(self, desk: Desk) -> None:
        slack = Receiver("slack", TransientError("ratelimited", retry_after_s=3600.0))
        desk.open(slack)
        await desk.put(message("a"))
        await desk.delivery.drain()
        desk.open(slack)
        await desk.delivery.recover()
        await desk.until(3599, step=30)
        assert slack.tried == 1

    async def test_one_that_never_ends_is_told_on_the_other_channels(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = TransientError("ratelimited", retry_after_s=60.0)
        desk.open(slack, email)
        await desk.put(message("a"))
        await desk.until(900, step=5)
        assert [one.group for one in email.took] == ["delivery"]

    async def test_it_costs_a_message_none_of_its_attempts(self, desk: Desk) -> None:
        slack = Receiver("slack", *[TransientError("ratelimited", retry_after_s=1.0) for _ in range(30)])
        desk.open(slack, max_attempts=2)
        await desk.put(message())
        await desk.until(60)
        assert len(slack.took) == 1


class TestOutage:
    async def test_a_channel_that_fails_is_tried_now_and_then_and_holds_up_no_other(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = UnknownOutcomeError("no answer")
        desk.open(slack, email)
        await desk.put(*storm(3), channels=("slack", "email"))
        await desk.until(600, step=2)
        assert [one.group for one in email.took[:3]] == ["g0001", "g0000", "g0002"]
        assert slack.tried <= 40  # a probe in half a minute, each after asking whether the last one arrived
        assert len(slack.asked) <= 40

    async def test_twelve_hours_later_current_alerts_come_within_a_minute_and_stale_ones_as_one(
        self, desk: Desk
    ) -> None:
        mail = Receiver("email")
        mail.down = TransientError("connection refused")
        desk.open(mail)
        await desk.until(60, step=10)
        for i in range(30):  # alerts that come and go during the outage, a third of them critical
            severity = Severity.CRITICAL if i % 3 == 0 else Severity.WARNING
            await desk.put(message(f"stale{i}", severity, episode="1"), channels=("email",))
            await desk.until(60 + 600 * (i + 1), step=300)
            over = message(f"stale{i}", severity, event=Event.RESOLVED, episode="1")
            await desk.put(over, channels=("email",))
        await desk.put(*(message(f"current{i}", episode="1") for i in range(3)), channels=("email",))
        await desk.until(12 * 3600, step=600)
        assert mail.took == []
        mail.down = None
        await desk.until(12 * 3600 + 60)
        own = [one.group for one in mail.took if one.event is Event.FIRING]
        digests = [one for one in mail.took if one.event is Event.DIGEST]
        assert set(own) == {f"current{i}" for i in range(3)}
        assert len(digests) == 1
        assert len({finding.about for finding in digests[0].findings}) == 40  # ten pairs and twenty ends
        assert set((await fates(desk)).values()) == {"sent"}

    async def test_one_message_that_no_channel_can_take_does_not_keep_it_closed(self, desk: Desk) -> None:
        class Choking(Receiver):
            async def send(self, message: Message, *, living: str = "") -> str:
                if message.group == "poison":
                    self.tried += 1
                    raise TransientError("500")
                return await super().send(message, living=living)

        slack = Choking()
        desk.open(slack)
        await desk.put(message("poison"))
        await desk.until(200)
        assert slack.tried >= 5
        await desk.put(message("good", Severity.INFO))
        await desk.until(231)
        assert slack.keys == ["good/1"]


class TestFallback:
    async def test_a_critical_message_goes_to_the_next_channel_in_time_and_only_once(
        self, desk: Desk
    ) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = UnknownOutcomeError("no answer")
        desk.open(slack, email)
        await desk.put(message(), message("quiet", Severity.WARNING), fallback=("email",))
        await desk.until(120)
        assert email.keys[:1] == ["drawdown_10pct/1"]
        assert email.took_at[0] - START <= timedelta(seconds=30)
        assert email.keys.count("drawdown_10pct/1") == 1
        slack.down = None
        await desk.until(180)
        assert "drawdown_10pct/1" in slack.keys

    async def test_where_the_channel_is_known_to_fail_it_goes_there_at_once(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = UnknownOutcomeError("no answer")
        desk.open(slack, email)
        await desk.put(*(message(f"g{i}", Severity.INFO) for i in range(5)))
        await desk.until(60)
        await desk.put(message(), fallback=("email",))
        await desk.until(62)
        assert email.keys == ["drawdown_10pct/1"]

    async def test_a_send_that_hangs_is_not_waited_for(self, desk: Desk) -> None:
        slack, email = Receiver("slack", asyncio.Event().wait), Receiver("email")  # type: ignore[arg-type]
        desk.open(slack, email)
        await desk.put(message(), fallback=("email",))
        hanging = asyncio.create_task(desk.delivery._couriers["slack"].step())
        async with asyncio.timeout(10):
            while not slack.tried:
                await asyncio.wait([hanging], timeout=0.01)
        desk.after(21)
        await desk.delivery.watch()
        await desk.delivery._couriers["email"].step()
        assert email.keys == ["drawdown_10pct/1"]
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        await desk.delivery.aclose()

    async def test_channel_after_channel_is_tried(self, desk: Desk) -> None:
        slack, email, webhook = Receiver("slack"), Receiver("email"), Receiver("webhook")
        slack.down = email.down = UnknownOutcomeError("no answer")
        desk.open(slack, email, webhook)
        await desk.put(message(), fallback=("email", "webhook"))
        await desk.until(60)
        assert "drawdown_10pct/1" in webhook.keys

    async def test_who_was_told_instead_hears_how_it_ends(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = UnknownOutcomeError("no answer")
        desk.open(slack, email)
        await desk.put(message(episode="1"), fallback=("email",))
        await desk.until(30)
        slack.down = None
        await desk.put(message(event=Event.RESOLVED, episode="1"))
        await desk.until(60)
        assert email.keys[-1] == "drawdown_10pct/2"

    async def test_what_the_next_channel_has_got_anyway_is_not_written_again(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = UnknownOutcomeError("no answer")
        desk.open(slack, email)
        await desk.put(message(), channels=("slack", "email"), fallback=("email",))
        await desk.until(100)
        assert email.keys == ["drawdown_10pct/1"]

    async def test_a_newer_message_does_not_start_the_wait_anew(self, desk: Desk) -> None:
        slack, email = Receiver("slack"), Receiver("email")
        slack.down = TransientError("500")
        desk.open(slack, email)
        for second in (0, 8, 16):
            await desk.until(second)
            await desk.put(message(episode="1"), fallback=("email",))
        await desk.until(25)
        assert email.keys == ["drawdown_10pct/3"]


async def test_an_alert_that_a_later_message_of_its_group_does_not_name_is_told_too(desk: Desk) -> None:
    slack = Receiver("slack")
    slack.down = TransientError("connection refused")
    desk.open(slack)
    for second, name in ((0, "alpha"), (60, "beta")):
        await desk.until(second)
        one = message("loss", episode="1")
        await desk.put(replace(one, findings=(replace(one.findings[0], subject=name),)))
    await desk.until(120)
    slack.down = None
    await desk.until(300)
    assert [[one.subject for one in told.findings] for told in slack.took] == [["alpha"], ["beta"]]
