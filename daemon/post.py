"""Posting: messages into the outbox, inside the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.message import Message, Severity
from alerts.route import Routing
from daemon.storage.outbox import OutboxStore


async def post(
    connection: AsyncConnection,
    messages: Iterable[Message],
    routing: Routing,
    now: datetime,
    wall: datetime,
) -> None:
    """Write messages for the channels that their route names.

    Args:
        connection: The caller's transaction.
        messages: What to tell.
        routing: Where messages go.
        now: The pipeline's instant, aware UTC.
        wall: The machine's instant, aware UTC.
    """
    for message in messages:
        route = routing.find(message.severity, message.group, message.group)
        if route is not None:
            channels = routing.open(route.channels, message.severity)
            await post_to(connection, message, channels, route.fallback, now, wall)


async def post_to(
    connection: AsyncConnection,
    message: Message,
    channels: tuple[str, ...],
    fallback: tuple[str, ...],
    now: datetime,
    wall: datetime,
) -> None:
    """Write one message for some channels; the fallback is for what is critical."""
    if not channels:
        return
    outbox = OutboxStore(connection)
    revision = await outbox.next_revision(message.group)
    await outbox.add(
        message.group,
        revision,
        asdict(message),
        message.severity,
        channels,
        at=now,
        wall=wall,
        fallback=fallback if message.severity is Severity.CRITICAL else (),
    )
