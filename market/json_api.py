"""A JSON interface over HTTP: one guarded GET at a time, whose failures are told without the secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp

from market.guard import Guard
from market.provider import (
    PermanentProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    TransientProviderError,
    UnknownTickerError,
    UnusableAnswerError,
)
from market.retry_after import retry_after_s

SHOWN = 120  # characters of an answer that a message shows

REFUSALS = {401: "refuses the key", 402: "wants to be paid", 403: "does not allow this with the key's plan"}


class JsonApi:
    """GETs JSON from one place.

    Args:
        url: Where its paths begin.
        guard: What every request goes through.
        secret: What no message may show, wherever it is sent.
        secret_name: The setting that holds it, for messages.
        query: What goes into the query of every request, a secret included.
        headers: What goes into the head of every request.
    """

    def __init__(
        self,
        url: str,
        guard: Guard,
        *,
        secret: str,
        secret_name: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url.rstrip("/") + "/"
        self._guard = guard
        self._secret = secret
        self._secret_name = secret_name
        self._query = dict(query or {})
        self._headers = dict(headers or {})

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open the connections of one fetch."""
        connector = aiohttp.TCPConnector(limit=self._guard.limits.at_once)
        async with aiohttp.ClientSession(connector=connector, headers=self._headers) as session:
            yield session

    async def get(
        self, session: aiohttp.ClientSession, path: str, query: Mapping[str, str], *, ticker: str
    ) -> Any:  # noqa: ANN401 - whatever the JSON holds
        """Return the JSON at a path, asking again where that may help.

        Raises:
            TransientProviderError: It did not come.
            UnknownTickerError: The provider answered 404.
            PermanentProviderError: The key is refused, or does not suffice.
        """
        return await self._guard.call(ticker, lambda: self._get(session, path, query))

    async def _get(self, session: aiohttp.ClientSession, path: str, query: Mapping[str, str]) -> Any:  # noqa: ANN401
        try:
            async with session.get(
                self._url + path, params={**query, **self._query}, allow_redirects=False
            ) as response:
                body = await response.read()
                self._check_status(response, body)
                return _json(body, response.content_type)
        except TimeoutError:
            raise ProviderTimeoutError("no answer in time") from None
        except aiohttp.ClientError as error:  # its text, and what it was raised from, may hold the whole URL
            raise TransientProviderError(self._masked(f"{type(error).__name__}: {error}")) from None

    def _check_status(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        status = response.status
        if status == 200:
            return
        shown = self._masked(" ".join(body.decode("utf-8", "replace").split())[:SHOWN])
        said = f"{status} {response.reason}" + (f": {shown}" if shown else "")
        if status == 429:
            raise RateLimitedError(said, retry_after_s(response.headers, self._guard.now()))
        if status == 404:
            raise UnknownTickerError(said)
        if status in REFUSALS:
            provider = self._guard.provider
            raise PermanentProviderError(f"{provider} {REFUSALS[status]} ({said}); set {self._secret_name}")
        raise TransientProviderError(said)

    def _masked(self, text: str) -> str:
        for form in (self._secret, quote(self._secret, safe="")):
            text = text.replace(form, "***") if form else text
        return text


def _json(body: bytes, kind: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(body)
    except ValueError:
        raise UnusableAnswerError(f"the answer is no whole JSON ({len(body)} bytes of {kind})") from None
