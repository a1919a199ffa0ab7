"""HTTP for channels: which URLs are fit, and what is known when a request goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import NoReturn

import aiohttp

from alerts.channels.channel import ChannelRefusedError, DeliveryError, TransientError, UnknownOutcomeError


class RedirectedError(Exception):
    """The host points elsewhere; following it would hand the message to a stranger."""


class Progress:
    """Whether the request was being written when something went wrong."""

    def __init__(self) -> None:
        self.written = False

    def trace(self) -> aiohttp.TraceConfig:
        """Return the tracing hooks that keep this object up to date and refuse every redirect."""
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._on_written)
        trace.on_request_redirect.append(self._on_redirect)
        return trace

    def lost(self, where: str, error: Exception) -> DeliveryError:
        """Return what an error of the connection means; never its text, which may hold the URL."""
        what = "no reply in time" if isinstance(error, TimeoutError) else type(error).__name__
        if self.written:
            return UnknownOutcomeError(f"{where}: {what} after the request was written")
        return TransientError(f"{where}: {what} before the request was written")

    async def _on_written(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, params: object
    ) -> None:
        self.written = True

    async def _on_redirect(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, params: object
    ) -> NoReturn:
        raise RedirectedError


def open_session(progress: Progress, timeout_s: float) -> aiohttp.ClientSession:
    """Return a session for one request, which keeps no cookie and no connection.

    On a connection kept alive, a drop by the server while idle looks like a lost reply, and would turn a
    plain retry into an unknown outcome.
    """
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[progress.trace()],
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of a reply; its body is not read."""

    status: int
    headers: Mapping[str, str]


async def ask(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, where: str, timeout_s: float
) -> Reply:
    """Make one request and return the reply, whatever its status.

    Args:
        method: As `POST`.
        url: Where to; never repeated in an error.
        headers: What goes with the body.
        body: b"" for none.
        where: The channel and the host, for errors.
        timeout_s: How long it may take in all.

    Raises:
        TransientError: Nothing was written.
        ChannelRefusedError: The host redirects.
        UnknownOutcomeError: The request was written and no reply came back.
    """
    progress = Progress()
    try:
        async with (
            open_session(progress, timeout_s) as session,
            session.request(method, url, data=body or None, headers=headers) as reply,
        ):
            return Reply(reply.status, reply.headers)
    except RedirectedError:
        raise ChannelRefusedError(f"{where} redirects; set url to where it leads") from None
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        # Never the error's own text, and never the error as cause: both may hold the URL.
        raise progress.lost(where, error) from None


def retry_after_s(text: str, now: datetime | None = None) -> float | None:
    """Return the wish of a `Retry-After` header in seconds, or None where it is none.

    Args:
        text: Seconds, or a date as HTTP writes it.
        now: Aware instant to count a date from; None where a date is no wish.
    """
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()):
        return float(text)
    if now is None:
        return None
    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
