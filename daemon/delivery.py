"""Delivery: take messages from the outbox, send them, then mark how it ended. Never mark, then send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog

from alerts.channels.channel import Channel, PermanentError, TransientError, UnknownOutcomeError
from alerts.message import Event, Finding, Message, Severity
from daemon.clock import Clock
from daemon.settings import DeliverySettings
from daemon.storage.database import Database
from daemon.storage.outbox import OutboxStore, Parcel, Status

BATCH = 20
LONGEST_PAUSE_S = 3600.0

log = structlog.get_logger("delivery")


class Delivery:
    """Empties the outbox into the channels. Each parcel is claimed, sent and marked on its own."""

    def __init__(
        self, database: Database, channels: tuple[Channel, ...], settings: DeliverySettings, clock: Clock
    ) -> None:
        """Take the store, the channels by name, the retry settings and the machine's clock."""
        self._database = database
        self._channels = {channel.name: channel for channel in channels}
        self._settings = settings
        self._clock = clock

    async def recover(self) -> int:
        """At a start: claims of a process that died become sends of unknown outcome. Returns how many."""
        async with self._database.write() as connection:
            abandoned = await OutboxStore(connection).abandon_claims()
        if abandoned:
            log.warning("sends of a stopped process may or may not have arrived", count=abandoned)
        return abandoned

    async def drain(self) -> int:
        """Send everything that is due now, the most urgent first. Returns how many sends succeeded."""
        sent = 0
        for channel in self._channels.values():
            while parcels := await self._claim(channel.name):
                for parcel in parcels:
                    sent += await self._send(channel, parcel)
        return sent

    async def aclose(self) -> None:
        """Release the channels' connections."""
        for channel in self._channels.values():
            await channel.aclose()

    async def _claim(self, channel: str) -> tuple[Parcel, ...]:
        async with self._database.write() as connection:
            return await OutboxStore(connection).claim(
                channel, now=self._clock.now(), lease_s=self._settings.lease_seconds, limit=BATCH
            )

    async def _send(self, channel: Channel, parcel: Parcel) -> bool:
        place = {"group": parcel.group, "revision": parcel.revision, "channel": parcel.channel}
        try:
            reference = await channel.send(read_message(parcel.message))
        except TransientError as error:
            await self._retry(parcel, Status.RETRY, error, error.retry_after_s)
            log.warning("send failed, will be tried again", **place, error=str(error))
        except UnknownOutcomeError as error:
            await self._retry(parcel, Status.UNKNOWN, error, None)
            log.warning("send may or may not have arrived", **place, error=str(error))
        except PermanentError as error:
            await self._mark(parcel, Status.FAILED, error=str(error))
            log.error("send refused for good", **place, error=str(error))
        else:
            await self._mark(parcel, Status.SENT, reference=reference)
            return True
        return False

    async def _retry(
        self, parcel: Parcel, status: Status, error: Exception, retry_after_s: float | None
    ) -> None:
        if parcel.attempts + 1 >= self._settings.max_attempts:
            text = f"given up after {parcel.attempts + 1} attempts: {error}"
            await self._mark(parcel, Status.FAILED, error=text)
            log.error("send given up", group=parcel.group, channel=parcel.channel, error=str(error))
            return
        pause = min(self._settings.retry_seconds * 2.0**parcel.attempts, LONGEST_PAUSE_S)
        due = self._clock.now() + timedelta(seconds=max(pause, retry_after_s or 0.0))
        await self._mark(parcel, status, error=str(error), due=due)

    async def _mark(self, parcel: Parcel, status: Status, **values: Any) -> None:  # noqa: ANN401 - columns
        async with self._database.write() as connection:
            await OutboxStore(connection).mark(parcel, status, wall=self._clock.now(), **values)


def read_message(stored: dict[str, Any]) -> Message:
    """Return a stored message as a value."""
    return Message(
        key=stored["key"],
        group=stored["group"],
        event=Event(stored["event"]),
        severity=Severity(stored["severity"]),
        title=stored["title"],
        session=stored["session"],
        findings=tuple(Finding(**finding) for finding in stored["findings"]),
        done=stored["done"],
        runbook=stored["runbook"],
    )
