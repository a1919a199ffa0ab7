"""Waiting for something that another process, or a server, brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_S = 0.02


async def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: It did not hold in time.
    """
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 -- nobody in this process could set an event
            await asyncio.sleep(LOOK_S)
