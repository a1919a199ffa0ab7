"""The digests: what `folding` decided is written, in the transaction that claims the next message."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.digest import compose_digest
from alerts.message import Message
from daemon.delivery.folding import Folding
from daemon.storage.folds import FoldStore
from daemon.storage.outbox import OutboxStore
from daemon.storage.parcel import GROUP_PREFIX, Unsent
from daemon.storage.stored_message import UNREADABLE, read_message

log = structlog.get_logger("delivery")


async def write_folding(connection: AsyncConnection, folding: Folding, wall: datetime) -> None:
    """Set aside what a newer message tells, and write the digests of what goes together."""
    store = FoldStore(connection)
    for older, newer in folding.superseded:
        await store.supersede(older, newer)
    for rows in folding.digests:
        await _write_digest(connection, rows, wall)


async def _write_digest(connection: AsyncConnection, rows: tuple[Unsent, ...], wall: datetime) -> None:
    """Write one digest; a message that cannot be read stays out of it and fails by itself."""
    store = FoldStore(connection)
    readable: list[tuple[Unsent, Message]] = []
    for row, stored in zip(rows, await store.messages(rows), strict=True):
        try:
            readable.append((row, read_message(stored)))
        except UNREADABLE:
            log.error("stored message cannot be read", group=row.group, revision=row.revision)
    if not readable:
        return
    group = f"{GROUP_PREFIX}{rows[0].channel}"
    revision = await OutboxStore(connection).next_revision(group)
    message = compose_digest(f"{group}/{revision}", group, [one for _, one in readable])
    folded = tuple(row for row, _ in readable)
    await store.put_digest(folded, revision, asdict(message), message.severity, wall=wall)
