"""The heartbeat as stored: the proof that the store can be written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import heartbeats


async def beat(connection: AsyncConnection, name: str, wall: datetime) -> None:
    """Write that something was alive at an instant of the machine's time."""
    row = {"name": name, "beat_wall_at": wall}
    done = await connection.execute(update(heartbeats).where(heartbeats.c.name == name).values(row))
    if done.rowcount == 0:
        await connection.execute(insert(heartbeats), [row])
