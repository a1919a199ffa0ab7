"""Mail to several recipients: who does not take it yet is tried again, who never will is told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest

from alerts.channels.email import EmailChannel, TlsMode
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from tests.daemon.outbox_desk import START, Desk, Receiver, message
from tests.stand_ins.smtp import SmtpStandIn

ANNA, BOB = "anna@example.org", "bob@example.org"


@pytest.fixture
async def server() -> AsyncIterator[SmtpStandIn]:
    async with SmtpStandIn() as running:
        yield running


def open_desk(database: Database, server: SmtpStandIn) -> tuple[Desk, Receiver]:
    """Return a desk that delivers to a real mail server, and to a channel that hears of trouble."""
    desk, console = Desk(database), Receiver("console")
    mail = EmailChannel(
        host="127.0.0.1",
        port=server.port,
        tls=TlsMode.NONE,
        sender="forewarn@example.org",
        recipients=(ANNA, BOB),
        now=desk.clock.now,
    )
    desk.delivery = Delivery(
        database, (mail, console), DeliverySettings(), desk.clock, sleep=desk.sleep, chance=Random(7)
    )
    return desk, console


async def look(desk: Desk, *seconds: float) -> None:
    for second in seconds:
        desk.after(second)
        await desk.delivery.watch()
        await desk.delivery.drain()


async def test_a_deferred_recipient_gets_it_later_and_nobody_gets_it_twice(
    database: Database, server: SmtpStandIn
) -> None:
    desk, console = open_desk(database, server)
    server.defer = frozenset({BOB})
    await desk.put(message(episode="1"), channels=("email",))
    await look(desk, 0, 10, 30)
    assert [one.recipients for one in server.taken] == [[ANNA]]
    assert await desk.statuses() == {"drawdown_10pct/1 email": "retry"}
    server.defer = frozenset()
    await look(desk, 90)
    assert [one.recipients for one in server.taken] == [[ANNA], [BOB]]
    assert await desk.statuses() == {"drawdown_10pct/1 email": "sent"}
    assert console.took == []


async def test_one_who_is_deferred_for_ever_is_given_up_and_told_of(
    database: Database, server: SmtpStandIn
) -> None:
    desk, console = open_desk(database, server)
    server.defer = frozenset({BOB})
    await desk.put(message(), channels=("email",))
    await look(desk, *range(0, 900, 30))
    assert [one.recipients for one in server.taken] == [[ANNA]]
    (row, *_) = [row for row in await desk.rows() if row.channel == "email"]
    assert (row.status, row.attempts) == ("failed", DeliverySettings().max_attempts)
    (told,) = console.took
    assert f"{BOB} (451)" in told.findings[0].value
    assert desk.clock.now() - START < timedelta(minutes=15)


async def test_one_who_is_refused_for_good_is_told_of_once_and_when_it_is_over(
    database: Database, server: SmtpStandIn
) -> None:
    desk, console = open_desk(database, server)
    server.refuse = frozenset({BOB})
    await desk.put(message("a"), message("b"), channels=("email",))
    await look(desk, 0, 10, 20)
    assert [one.recipients for one in server.taken] == [[ANNA], [ANNA]]
    (told,) = console.took
    assert told.findings[0].value == f"refuses {BOB} (550); the other recipients have it"
    server.refuse = frozenset()
    await desk.put(message("c"), channels=("email",))
    await look(desk, 30, 40)
    assert [one.title for one in console.took[1:]] == ["Messages reach email again"]
    assert {row.status for row in await desk.rows()} == {"sent"}
