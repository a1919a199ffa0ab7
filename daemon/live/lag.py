"""The lag: how late the event loop wakes, which shows whatever blocks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 1.0
"""Seconds between two looks."""


async def watch_lag(stop: asyncio.Event, lagged: Callable[[float], None]) -> None:
    """Say every second by how much the loop was late, until told to stop."""
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        due_s = loop.time() + EVERY_S
        try:
            async with asyncio.timeout_at(due_s):
                await stop.wait()
        except TimeoutError:
            lagged(max(loop.time() - due_s, 0.0))
