"""Deliveries: run the daemon's own for a while, and wait until nothing is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select

from alerts.channels.channel import Channel
from daemon.clock import SystemClock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.storage.database import Database
from daemon.storage.parcel import UNSENT
from daemon.storage.schema import outbox

LOOK_S = 0.05


@asynccontextmanager
async def delivering(store: Database, *channels: Channel, **settings: float) -> AsyncIterator[Delivery]:
    """Deliver while the block runs, with the default settings but for those given."""
    given = DeliverySettings.model_validate(settings)
    delivery, stop = Delivery(store, channels, given, SystemClock()), asyncio.Event()
    running = asyncio.create_task(delivery.run(stop))
    try:
        yield delivery
    finally:
        stop.set()
        await running
        await delivery.aclose()


async def until_sent(store: Database, within_s: float) -> None:
    """Wait until no message is unsent."""
    query = select(func.count()).where(outbox.c.status.in_(sorted(UNSENT)))
    async with asyncio.timeout(within_s):
        while True:
            async with store.read() as connection:
                if not (await connection.execute(query)).scalar_one():
                    return
            await asyncio.sleep(LOOK_S)
