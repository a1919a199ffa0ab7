"""The alarm: APScheduler wakes us at an instant and every minute; the ledger says what to do then."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import TracebackType
from typing import Self

from apscheduler.schedulers.asyncio import AsyncIOScheduler

JOB = "due"


class Alarm:
    """Rings at the instant it is set for, however late, and at a steady pace besides."""

    def __init__(self, check_s: float) -> None:
        """Take the seconds between two looks that no instant asked for."""
        self._event = asyncio.Event()
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True}
        )
        self._scheduler.add_job(self._event.set, "interval", seconds=check_s, id="check")

    def __enter__(self) -> Self:
        """Start."""
        self._scheduler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._scheduler.shutdown(wait=False)

    def set_for(self, at: datetime) -> None:
        """Ring at an instant, aware UTC; only the last one set counts."""
        self._scheduler.add_job(self._event.set, "date", run_date=at, id=JOB, replace_existing=True)

    def clear(self) -> None:
        """Forget that it rang."""
        self._event.clear()

    async def rung(self) -> None:
        """Wait until it rings."""
        await self._event.wait()
