"""The probe: proves every few seconds that the store can be written, and that we are the one who may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from daemon.clock import Clock
from daemon.live.health import Health
from daemon.live.outage import STORE, Outage, is_outage
from daemon.storage.database import Database
from daemon.storage.heartbeat import beat

EVERY_S: Final = 3.0
"""Seconds between two probes."""
WITHIN_S: Final = 10.0
"""Seconds without a written heartbeat after which the store counts as failing."""

Wait = Callable[[float], Awaitable[object]]


class Probe:
    """Writes a heartbeat. Whoever reads the health learns whether the store can be relied on."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        health: Health,
        outage: Outage,
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        """Take the store, who is told, and what to do before going on after an outage."""
        self._database = database
        self._clock = clock
        self._health = health
        self._outage = outage
        self._renew = renew

    async def look(self) -> bool:
        """Write one heartbeat. Returns whether the store took it.

        Raises:
            InstanceError: Another process took the store over while it did not answer.
        """
        failures = self._outage.failures
        try:
            async with self._database.write() as connection:
                await beat(connection, STORE, self._clock.now())
            if self._outage.reason:
                await self._renew()
        except Exception as error:
            if not is_outage(error):
                raise
            self._outage.report(error, where=STORE)
            return False
        if not self._outage.end(since=failures):  # another write has failed meanwhile
            return False
        self._health.stamp(STORE, within_s=WITHIN_S, note="can be written")
        return True

    async def run(self, stop: asyncio.Event, wait: Wait) -> None:
        """Look until told to stop; `wait` ends with the stop, too."""
        while not stop.is_set():
            await self.look()
            await wait(EVERY_S)
