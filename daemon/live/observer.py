"""The observer: what only a running daemon sees, as how long a provider took and how late a forecast was.

A replay has no observer: nobody is asked there, and the machine's own time must not change what is stored.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.clock import Clock
from daemon.due import Due
from daemon.storage.calls import PROVIDER, REQUEST, STEP, CallStore
from daemon.storage.database import Database
from daemon.storage.parcel import UNSENT, Status
from daemon.storage.runs import RunStore
from daemon.storage.schema import outbox
from market.guard import Request
from market.provider import ProviderTimeoutError
from monitors.live import Live, Outcome, Sent
from monitors.watch import DEFAULTS

LOOK_BACK = timedelta(days=DEFAULTS.live_days)
TOLD = UNSENT | {Status.SENT, Status.FAILED}  # what was folded or superseded is told by another message
LEAST_STEP = timedelta(microseconds=1)


@dataclass(slots=True)
class Asked:
    """A call under way; who makes it says how it ended."""

    outcome: Outcome = Outcome.OK


class Observer:
    """Writes calls down, each in a transaction of its own, and tells the monitors what came of them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: tuple[str, ...],
        channels: tuple[str, ...],
        *,
        keep_days: int,
        beside: tuple[str, ...] = (),
    ) -> None:
        """Take the store and the machine's clock.

        Args:
            database: The store, migrated before the first call.
            clock: The machine's own.
            providers: Who serves prices, in the order in which they are asked.
            channels: Where messages go.
            keep_days: Days after which a call is forgotten.
            beside: Who is asked for something else.
        """
        self._database = database
        self._clock = clock
        self._providers = providers
        self._channels = channels
        self._beside = beside
        self._keep = timedelta(days=keep_days)
        self._newest: datetime | None = None

    @asynccontextmanager
    async def asking(self, provider: str, session: date) -> AsyncIterator[Asked]:
        """Time a call and write down how it ended; one that is cancelled leaves nothing behind."""
        began, asked = self._instant(), Asked()
        try:
            yield asked
        except Exception as error:
            late = isinstance(error, TimeoutError | ProviderTimeoutError)
            await self._add(PROVIDER, provider, session, began, Outcome.TIMEOUT if late else Outcome.FAILED)
            raise
        await self._add(PROVIDER, provider, session, began, asked.outcome)

    async def note(self, requests: Sequence[Request], session: date) -> None:
        """Write down the requests that a call of a provider took, all of them at once."""
        async with self._database.write() as connection:
            store = CallStore(connection)
            newest = datetime.min.replace(tzinfo=UTC)
            for request in sorted(requests, key=lambda request: request.began_at):
                newest = max(request.began_at, newest + LEAST_STEP)
                outcome = Outcome.FAILED if request.failure else Outcome.OK
                if request.timed_out:
                    outcome = Outcome.TIMEOUT
                await store.add(REQUEST, request.provider, session, newest, request.seconds, outcome)

    @asynccontextmanager
    async def running(self, step: str, session: date) -> AsyncIterator[None]:
        """Write down that a step failed; the ledger knows the others."""
        began = self._instant()
        try:
            yield
        except Exception:
            await self._add(STEP, step, session, began, Outcome.FAILED)
            raise

    async def failed(self, step: str, session: date) -> None:
        """Write down that a part of a session could not be done."""
        await self._add(STEP, step, session, self._instant(), Outcome.FAILED)

    async def live(self, connection: AsyncConnection, due: Due) -> Live:
        """Return what there is to know at a session whose forecasts are stored."""
        now = self._clock.now()
        since = now - LOOK_BACK
        runs, calls = RunStore(connection), CallStore(connection)
        sessions = await runs.sessions_since("forecast", since)
        is_first = await runs.first_session("forecast") == due.session
        stored_at = await runs.finished_at("forecast", due.session)
        return Live(
            now_s=now.timestamp(),
            providers=self._providers,
            calls=await calls.providers_since(since),
            channels=self._channels,
            sent=await _sent(connection, since),
            sessions=len(sessions),
            stumbled=await calls.stumbled(sessions),
            due_s=math.nan if is_first else due.due_at.timestamp(),
            forecast_s=math.nan if stored_at is None else stored_at.timestamp(),
            requests=await calls.requests_since(since),
            beside=self._beside,
        )

    async def forget(self, connection: AsyncConnection) -> None:
        """Delete the calls that are older than is kept."""
        await CallStore(connection).forget(self._clock.now() - self._keep)

    def _instant(self) -> datetime:
        """Return the present, later than any instant before: it is part of a call's key."""
        now = self._clock.now()
        if self._newest is not None:
            now = max(now, self._newest + LEAST_STEP)
        self._newest = now
        return now

    async def _add(self, kind: str, name: str, session: date, began: datetime, outcome: Outcome) -> None:
        seconds = max(0.0, (self._clock.now() - began).total_seconds())
        async with self._database.write() as connection:
            await CallStore(connection).add(kind, name, session, began, seconds, outcome)


async def _sent(connection: AsyncConnection, since: datetime) -> tuple[Sent, ...]:
    """Return the messages written at or after an instant, oldest first."""
    columns = outbox.c
    query = (
        select(
            columns.channel, columns.status, columns.attempts, columns.written_wall_at, columns.sent_wall_at
        )
        .where(columns.written_wall_at >= since, columns.status.in_(sorted(TOLD)))
        .order_by(columns.written_wall_at, columns.group_, columns.revision, columns.channel)
    )
    return tuple(
        Sent(
            row.channel,
            row.written_wall_at.timestamp(),
            _delivered(row.status, row.sent_wall_at),
            row.attempts,
        )
        for row in await connection.execute(query)
    )


def _delivered(status: str, sent_at: datetime | None) -> float:
    if status == Status.FAILED.value:
        return math.inf
    return math.nan if sent_at is None else sent_at.timestamp()
