"""The timer: what time it is and how to wait, passed in so that a test need not wait."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """Measures spans, and waits."""

    def seconds(self) -> float:
        """Return the seconds since some instant, on a scale that nobody sets."""
        ...

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...


class MachineTimer:
    """The machine's own time."""

    def seconds(self) -> float:
        """Return the seconds since the machine's start; setting its clock does not change them."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)
