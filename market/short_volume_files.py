"""Where FINRA's daily short-volume files come from: a folder of yours, or FINRA itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import date, timedelta
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

import aiohttp

from market.guard import Guard
from market.provider import (
    PausedError,
    PermanentProviderError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    TransientProviderError,
    UnknownTickerError,
    UnusableAnswerError,
)
from market.retry_after import retry_after_s
from market.short_volume import (
    ShortVolume,
    ShortVolumeError,
    file_name,
    known_at,
    parse_short_volume,
    read_short_volume,
)
from market.timer import MachineTimer, Timer

URL = "https://cdn.finra.org/equity/regsho/daily/"

HEADERS: Final = {"User-Agent": f"forewarn/{version('forewarn')}"}
"""Who asks, as FINRA is told."""

ABSENT = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
"""What FINRA's store of files answers where there is no such file, and 403 to whom it shuts out."""

LATE: Final = timedelta(hours=12)
"""After it was due a file is there: each session has one."""

REFUSALS: Final = 3
"""Such files in a row that are absent, from which on the next one is a failure."""

FIRST: Final = date(2018, 8, 1)
"""The session of its oldest consolidated file there; it is not asked for those before."""

PATIENCE_S: Final = 300.0
"""Seconds since the last file of a history for which a pause of FINRA's is waited for."""

AGAIN_S: Final = 5.0
"""Seconds between two looks whether such a pause is over."""


class ShortVolumeFiles(Protocol):
    """Gives the file of a session."""

    async def of(self, session: date) -> ShortVolume | None:
        """Return it; None where there is none.

        Raises:
            ShortVolumeError: The file is at fault.
            ProviderError: It did not come.
        """

    def expecting(self, sessions: Sequence[date]) -> AbstractAsyncContextManager[None]:
        """Stand around asking for the files of these sessions, one after the other in this order."""
        ...


class Folder:
    """Reads files that lie in a folder under FINRA's names, packed (`.txt.gz`) or not."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)

    async def of(self, session: date) -> ShortVolume | None:
        """Return a session's file; None where the folder has none.

        Raises:
            ShortVolumeError: The file is at fault, or is another session's.
        """
        for name in (file_name(session), f"{file_name(session)}.gz"):
            if (path := self._folder / name).exists():
                return _checked(await asyncio.to_thread(read_short_volume, path), session, str(path))
        return None

    def expecting(self, sessions: Sequence[date]) -> AbstractAsyncContextManager[None]:
        """Do nothing: a file that lies here is there at once."""
        return nullcontext()


class Finra:
    """Fetches files from where FINRA posts them.

    Args:
        guard: What every request goes through.
        url: Where they are.
        timer: Measures and waits; None takes the machine's own.
    """

    def __init__(self, guard: Guard, *, url: str = URL, timer: Timer | None = None) -> None:
        self._guard = guard
        self._url = url.rstrip("/") + "/"
        self._timer = timer or MachineTimer()
        self._client: aiohttp.ClientSession | None = None
        self._expected: deque[date] = deque()
        self._coming: dict[date, asyncio.Task[ShortVolume | None]] = {}
        self._came_s = 0.0
        self._absent = 0

    async def of(self, session: date) -> ShortVolume | None:
        """Return a session's file; None where FINRA has none.

        Raises:
            ShortVolumeError: The file is another session's.
            TransientProviderError: It did not come, or not whole.
            PermanentProviderError: It and those asked for before are absent, though each session has one.
        """
        while self._expected and len(self._coming) < self._guard.limits.at_once:
            day = self._expected.popleft()
            self._coming[day] = asyncio.create_task(self._patiently(day))
        coming = self._coming.pop(session, None)
        return await (self._fetch(session) if coming is None else coming)

    @asynccontextmanager
    async def expecting(self, sessions: Sequence[date]) -> AsyncIterator[None]:
        """Ask for the next files while the ones before are being used, over connections that stay open.

        No more are under way than the guard lets through, so what is held in memory is bounded too. A pause
        that FINRA wants is waited for, as it would cost the rest of the history.
        """
        self._expected, self._came_s = deque(sessions), self._timer.seconds()
        try:
            async with aiohttp.ClientSession(headers=HEADERS) as self._client:
                try:
                    yield
                finally:
                    tasks, self._coming = tuple(self._coming.values()), {}
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._expected, self._client = deque(), None

    async def _patiently(self, session: date) -> ShortVolume | None:
        while True:
            try:
                found = await self._fetch(session)
            except PausedError:
                if self._timer.seconds() - self._came_s > PATIENCE_S:
                    raise
                await self._timer.sleep(AGAIN_S)
            else:
                self._came_s = self._timer.seconds()
                return found

    async def _fetch(self, session: date) -> ShortVolume | None:
        if session < FIRST:
            return None
        name = file_name(session)
        try:
            found = await self._guard.call(name, lambda: self._get(session))
        except UnknownTickerError:
            return None
        self._absent = 0
        return _checked(found, session, self._url + name)

    async def _get(self, session: date) -> ShortVolume:
        name = file_name(session)
        try:
            async with self._connected() as client, client.get(self._url + name) as response:
                body = await response.read()
                said = f"{response.status} {response.reason}"
                if response.status in ABSENT:
                    raise self._no_file(session, said)
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise RateLimitedError(said, retry_after_s(response.headers, self._guard.now()))
                if response.status != HTTPStatus.OK:
                    raise TransientProviderError(said)
        except TimeoutError:
            raise ProviderTimeoutError("no answer in time") from None
        except aiohttp.ClientError as error:
            raise TransientProviderError(f"{type(error).__name__}: {error}") from error
        try:
            return await asyncio.to_thread(parse_short_volume, self._url + name, body)
        except ShortVolumeError as error:
            raise UnusableAnswerError(str(error)) from error

    def _no_file(self, session: date, said: str) -> ProviderError:
        """Return what an absent file means: none is there yet or ever, or nobody is served here."""
        if self._guard.now() < known_at(session) + LATE:
            return UnknownTickerError(said)
        self._absent += 1
        if self._absent <= REFUSALS:
            return UnknownTickerError(said)
        return PermanentProviderError(
            f"{said}, to {self._absent} files in a row that are long due: {self._url} shuts us out, or "
            "has moved; open one of its files in a browser, and see market.finra.url"
        )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Give the connections of the history, or those of one request."""
        if self._client is not None:
            yield self._client
            return
        async with aiohttp.ClientSession(headers=HEADERS) as client:
            yield client


def _checked(found: ShortVolume, session: date, where: str) -> ShortVolume:
    if found.session != session:
        raise ShortVolumeError(f"{where}: holds {found.session}, not {session}; fetch it again")
    return found
