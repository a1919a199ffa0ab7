"""The channels as stored: which fail, since when, and which are held by their receiver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import channels


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel does.

    Attributes:
        trouble: Why people are told that it fails, "" where they are not.
        critical: Whether a critical message is among what it lost.
        failing_since: When its first failure since the last success was, the machine's time; None for none.
        held_until: Until when its receiver asked for silence, the machine's time; None for never.
        lost: Messages given up since its last success.
    """

    trouble: str = ""
    critical: bool = False
    failing_since: datetime | None = None
    held_until: datetime | None = None
    lost: int = 0


WORKS = ChannelState()


class ChannelStore:
    """Reads and writes how the channels do, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> dict[str, ChannelState]:
        """Return every channel that ever failed, by name."""
        return {
            row.channel: ChannelState(
                row.trouble, row.critical, row.failing_wall_since, row.held_wall_until, row.lost
            )
            for row in await self._connection.execute(select(channels))
        }

    async def save(self, name: str, state: ChannelState) -> None:
        """Write how a channel does."""
        await self._connection.execute(delete(channels).where(channels.c.channel == name))
        row = {
            "channel": name,
            "trouble": state.trouble,
            "critical": state.critical,
            "failing_wall_since": state.failing_since,
            "held_wall_until": state.held_until,
            "lost": state.lost,
        }
        if state != WORKS:
            await self._connection.execute(insert(channels), [row])
