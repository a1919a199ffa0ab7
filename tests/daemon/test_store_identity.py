"""Two daemons of one receiver: their stores have names of their own, and so have their messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pydantic import SecretStr

from alerts.channels.channel import Sighting
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.webhook import WebhookChannel
from alerts.render_email import message_id, thread_id
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.storage.origin import OriginStore
from tests.daemon.outbox_desk import Desk, Receiver, message
from tests.stand_ins.messages import FIRING
from tests.stand_ins.slack_api import SlackApiStandIn
from tests.stand_ins.slack_workspace import BOT_TOKEN, CHANNEL
from tests.stand_ins.webhook import SECRET, WebhookStandIn

ONE, OTHER = replace(FIRING, store="aaa"), replace(FIRING, store="bbb")


async def identity_of(store: Database) -> str:
    async with store.write() as connection:
        return await OriginStore(connection).identity()


async def test_a_store_is_named_once_and_no_two_alike(new_url: Callable[[], str]) -> None:
    stores = [Database(new_url(), durable=False) for _ in range(2)]
    for store in stores:
        await upgrade(store)
    names = [await identity_of(store) for store in stores]
    assert [await identity_of(store) for store in stores] == names
    assert len(set(names)) == 2
    for store in stores:
        await store.aclose()


async def test_what_is_sent_names_the_store_and_what_is_stored_does_not(database: Database) -> None:
    desk, slack = Desk(database), Receiver("slack")
    delivery = Delivery(database, (slack,), DeliverySettings(), desk.clock, sleep=desk.sleep, store="aaa")
    await desk.put(message())
    await delivery.drain()
    assert slack.took[0].store == "aaa"
    (row,) = await desk.rows()
    assert row.message["store"] == ""


def test_a_mail_of_each_has_its_own_identity_and_thread() -> None:
    assert message_id(ONE, domain="x.org") != message_id(OTHER, domain="x.org")
    assert thread_id(ONE, domain="x.org") != thread_id(OTHER, domain="x.org")
    assert message_id(ONE, domain="x.org") == message_id(ONE, domain="x.org")


async def test_one_webhook_takes_the_same_key_of_both() -> None:
    async with WebhookStandIn() as hook:
        channel = WebhookChannel(url=hook.url, secret=SecretStr(SECRET))
        for told in (ONE, OTHER, ONE):
            await channel.send(told)
        assert set(hook.taken) == {f"aaa/{FIRING.key}", f"bbb/{FIRING.key}"}


async def test_what_the_other_posted_to_slack_is_not_taken_for_ones_own() -> None:
    async with SlackApiStandIn(paced=False) as slack:
        channel = SlackBotChannel(token=SecretStr(BOT_TOKEN), channel=CHANNEL, api_url=slack.url)
        await channel.send(ONE)
        assert (await channel.find(ONE)).sighting is Sighting.ARRIVED
        assert (await channel.find(OTHER)).sighting is Sighting.ABSENT
        await channel.aclose()
