"""Where FINRA's daily short-volume files come from: a folder of yours, or FINRA itself."""

from __future__ import annotations

import asyncio
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import aiohttp

from market.guard import Guard
from market.provider import (
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
    parse_short_volume,
    read_short_volume,
)

URL = "https://cdn.finra.org/equity/regsho/daily/"

ABSENT = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
"""What FINRA's store of files answers where there is no such file."""


class ShortVolumeFiles(Protocol):
    """Gives the file of a session."""

    async def of(self, session: date) -> ShortVolume | None:
        """Return it; None where there is none.

        Raises:
            ShortVolumeError: The file is at fault.
            ProviderError: It did not come.
        """


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


class Finra:
    """Fetches files from where FINRA posts them."""

    def __init__(self, guard: Guard, *, url: str = URL) -> None:
        self._guard = guard
        self._url = url.rstrip("/") + "/"

    async def of(self, session: date) -> ShortVolume | None:
        """Return a session's file; None where FINRA has none.

        Raises:
            ShortVolumeError: The file is another session's.
            TransientProviderError: It did not come, or not whole.
        """
        name = file_name(session)
        try:
            found = await self._guard.call(name, lambda: self._get(name))
        except UnknownTickerError:
            return None
        return _checked(found, session, self._url + name)

    async def _get(self, name: str) -> ShortVolume:
        try:
            async with aiohttp.ClientSession() as session, session.get(self._url + name) as response:
                body = await response.read()
                said = f"{response.status} {response.reason}"
                if response.status in ABSENT:
                    raise UnknownTickerError(said)
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise RateLimitedError(said, retry_after_s(response.headers, self._guard.now()))
                if response.status != HTTPStatus.OK:
                    raise TransientProviderError(said)
        except TimeoutError:
            raise ProviderTimeoutError("no answer in time") from None
        except aiohttp.ClientError as error:
            raise TransientProviderError(f"{type(error).__name__}: {error}") from error
        try:
            return parse_short_volume(self._url + name, body)
        except ShortVolumeError as error:
            raise UnusableAnswerError(str(error)) from error


def _checked(found: ShortVolume, session: date, where: str) -> ShortVolume:
    if found.session != session:
        raise ShortVolumeError(f"{where}: holds {found.session}, not {session}; fetch it again")
    return found
