"""Replies that are lost after Slack acted: it is asked before anything is sent again."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from alerts.channels.channel import Pace
from alerts.channels.slack_bot import SlackBotChannel
from alerts.message import Event, Message
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore
from tests.daemon.outbox_desk import message
from tests.faults.deliveries import delivering, until_sent
from tests.faults.receivers import Receivers
from tests.faults.worker import QUICK
from tests.stand_ins.slack_workspace import BOT_TOKEN, CHANNEL


class UnpacedSlack(SlackBotChannel):
    pace = Pace(per_s=10_000.0, burst=10_000)


async def put(store: Database, *messages: Message, at: datetime | None = None) -> None:
    now = at or datetime.now(UTC)
    async with store.write() as connection:
        outbox = OutboxStore(connection)
        for one in messages:
            revision = await outbox.next_revision(one.group)
            await outbox.add(one.group, revision, asdict(one), one.severity, ["slack"], at=now, wall=now)


async def lose_replies(store: Database, groups: int, share: float) -> Receivers:
    """Tell so many groups that they fire and then that they are over, while Slack loses replies."""
    async with Receivers(reply_loss=share) as receivers:
        slack = UnpacedSlack(token=SecretStr(BOT_TOKEN), channel=CHANNEL, api_url=receivers.slack.url)
        now = datetime.now(UTC).isoformat()
        firing = [replace(message(f"g{number:04}", episode="1"), at=now) for number in range(groups)]
        async with delivering(store, slack, **{**QUICK, "fold_above": 10_000}) as delivery:
            for told in (firing, [replace(one, event=Event.RESOLVED) for one in firing]):
                await put(store, *told)
                delivery.wake()
                await until_sent(store, 300)
    return receivers


async def test_a_tenth_of_the_replies_is_lost_and_nothing_is_shown_twice(sqlite_store: Database) -> None:
    receivers = await lose_replies(sqlite_store, groups=60, share=0.1)
    assert receivers.slack_replies_lost >= 10
    assert receivers.slack_copies == 0
    assert len(receivers.slack.top()) == 60


@pytest.mark.soak
async def test_of_thousands_of_lost_replies_at_most_one_in_a_thousand_is_shown_twice(
    sqlite_store: Database,
) -> None:
    receivers = await lose_replies(sqlite_store, groups=300, share=0.5)
    assert receivers.slack_replies_lost >= 300
    assert receivers.slack_copies <= receivers.slack_replies_lost / 1000
