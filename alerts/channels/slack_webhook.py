"""Slack, the simple way: an incoming webhook, one new post for every message."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import NoReturn
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from alerts.channels.channel import DeliveryError, PermanentError, TransientError, UnknownOutcomeError
from alerts.channels.host import is_loopback
from alerts.message import Message
from alerts.render_slack import render_blocks, render_fallback

_METADATA_TYPE = "forewarn_message"
# Slack answers with a word such as `invalid_token`; anything longer comes from something in between.
_REASON = re.compile(r"[a-z][a-z_]{0,59}")

# The SDK logs the whole URL, which is the secret, on DEBUG; this logger belongs to no tree.
_MUTE = logging.Logger("slack_sdk.muted", level=logging.CRITICAL)
_MUTE.disabled = True


class SlackWebhookChannel:
    """Posts a message to a Slack incoming webhook.

    Every post opens a connection of its own: on a connection kept alive, a drop by the server while
    idle looks like a lost reply, and would turn a plain retry into an unknown outcome. Nothing is
    retried here; pacing and retries belong to delivery.

    Args:
        url: The webhook's URL, a secret: whoever has it can post. Must be https, except to this
            machine.
        timeout_s: How long one post may take in all.
        proxy: URL of an HTTP proxy, or None. Variables such as HTTPS_PROXY are not read.
        name: Under which the configuration and the outbox know the channel.

    Raises:
        ValueError: The URL is no https URL, or the time-out is not positive.
    """

    def __init__(
        self, *, url: SecretStr, timeout_s: float = 10.0, proxy: SecretStr | None = None, name: str = "slack"
    ) -> None:
        self._name = name
        self._url = url
        self._host = _host(url, name)
        self._proxy = proxy
        if timeout_s <= 0:
            raise ValueError(f"{name}: timeout_s is {timeout_s}, it must be above 0")
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"SlackWebhookChannel(name={self._name!r}, host={self._host!r})"

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        return self._name

    async def send(self, message: Message) -> str:
        """Post the message and return "": a webhook gives no reference.

        The key travels in the post's metadata, where an app with the right to read the channel
        finds it again.

        Raises:
            TransientError: Slack was not reached, asked to slow down, or answered 5xx.
            PermanentError: Slack refuses the webhook or the payload (4xx), or it redirects.
            UnknownOutcomeError: The request was written and no valid reply came back.
        """
        progress = _Progress()
        try:
            response = await self._post(message, progress)
        except _RedirectedError:
            raise PermanentError(f"{self._where} redirects: it is no incoming webhook") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            # Never the error's own text, and never the error as cause: both may hold the URL.
            raise self._lost(error, progress) from None
        self._judge(response)
        return ""

    async def aclose(self) -> None:
        """Do nothing: no connection outlives a post."""

    @property
    def _where(self) -> str:
        return f"{self._name}: {self._host}"

    async def _post(self, message: Message, progress: _Progress) -> WebhookResponse:
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[progress.trace()],
        )
        async with session:
            client = AsyncWebhookClient(
                self._url.get_secret_value(), session=session, retry_handlers=[], logger=_MUTE
            )
            # The SDK falls back to the environment's proxy; only the configuration decides here.
            client.proxy = self._proxy.get_secret_value() if self._proxy else None
            return await client.send(
                text=render_fallback(message),
                blocks=render_blocks(message),
                metadata={
                    "event_type": _METADATA_TYPE,
                    "event_payload": {"key": message.key, "group": message.group},
                },
                unfurl_links=False,
                unfurl_media=False,
            )

    def _lost(self, error: Exception, progress: _Progress) -> DeliveryError:
        what = "no reply in time" if isinstance(error, TimeoutError) else type(error).__name__
        if progress.written:
            return UnknownOutcomeError(f"{self._where}: {what} after the request was written")
        return TransientError(f"{self._where}: {what} before the request was written")

    def _judge(self, response: WebhookResponse) -> None:
        status = response.status_code
        body = (response.body or "").strip()
        reason = body if _REASON.fullmatch(body) else "no reason given"
        if status == 200 and body == "ok":
            return
        text = f"{self._where} answered {status} ({reason})"
        if status == 429:
            raise TransientError(text, retry_after_s=_retry_after_s(response))
        if status == 408 or status >= 500:
            raise TransientError(text)
        if status >= 400:
            raise PermanentError(text)
        raise UnknownOutcomeError(f"{text}, which is not how Slack says that it took a post")


class _RedirectedError(Exception):
    """The webhook's host points elsewhere; following it would hand the message to a stranger."""


class _Progress:
    """Whether the request was being written when something went wrong."""

    def __init__(self) -> None:
        self.written = False

    def trace(self) -> aiohttp.TraceConfig:
        """Return the tracing hooks that keep this object up to date."""
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._on_written)
        trace.on_request_redirect.append(self._on_redirect)
        return trace

    async def _on_written(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, params: object
    ) -> None:
        self.written = True

    async def _on_redirect(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, params: object
    ) -> NoReturn:
        raise _RedirectedError


def _host(url: SecretStr, name: str) -> str:
    try:
        parts = urlsplit(url.get_secret_value())
        host, scheme, _ = parts.hostname or "", parts.scheme, parts.port
    except ValueError:
        host = scheme = ""
    if not host or not (scheme == "https" or (scheme == "http" and is_loopback(host))):
        raise ValueError(f"{name}: the webhook's URL must be https://HOST/..., as Slack shows it")
    return host


def _retry_after_s(response: WebhookResponse) -> float | None:
    """Return the wish in seconds; None when it is missing or a date, which Slack never sends."""
    text = next((value for key, value in response.headers.items() if key.lower() == "retry-after"), "")
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()) else None
