"""The marks: how each send ended, written down, and kept in memory while the store cannot be written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import Database
from daemon.storage.parcel import Parcel, Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended.

    Attributes:
        parcel: What was sent.
        status: Sent, failed, retry or unknown.
        wall: When it ended, the machine's time.
        reference: The receiver's name for it.
        error: Why it did not succeed.
        due: When to try again; None where it is over.
        counted: Whether it counts as an attempt.
        fault: Whether it failed although the channel works.
        copy: Whether it may have arrived.
        changed: Whether how the channel does has changed with it.
        recovered: Whether the channel works again with it.
    """

    parcel: Parcel
    status: Status
    wall: datetime
    reference: str = ""
    error: str = ""
    due: datetime | None = None
    counted: bool = True
    fault: bool = False
    copy: bool = False
    changed: bool = False
    recovered: bool = False


class Marks:
    """Writes outcomes in the order in which they came; while one cannot be written, nobody may send."""

    def __init__(
        self, database: Database, write: Callable[[AsyncConnection, Outcome], Awaitable[None]]
    ) -> None:
        """Take the store, and what to write for an outcome; writing it twice must be harmless."""
        self._database = database
        self._write = write
        self._kept: list[Outcome] = []
        self._lock = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many outcomes the store has not taken yet."""
        return len(self._kept)

    async def write(self, outcome: Outcome) -> None:
        """Write an outcome; where the store fails it is kept and the error passes on."""
        self._kept.append(outcome)
        await self.flush()

    async def flush(self) -> None:
        """Write all that is kept, the oldest first."""
        async with self._lock:
            while self._kept:
                async with self._database.write() as connection:
                    await self._write(connection, self._kept[0])
                self._kept.pop(0)
