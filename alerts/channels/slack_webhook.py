"""Slack, the simple way: an incoming webhook, one new post for every message."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

import aiohttp
from pydantic import SecretStr
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from alerts.channels.channel import (
    ChannelRefusedError,
    Found,
    Pace,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.channel_http import Progress, RedirectedError, open_session, retry_after_s
from alerts.channels.host import safe_host
from alerts.channels.slack import SLACK_PACE
from alerts.message import Message
from alerts.render_slack import render_blocks, render_fallback

METADATA_TYPE: Final = "forewarn_message"
NO_TEXT: Final = {"no_text", "missing_text_or_fallback_or_attachments"}
"""How Slack refuses a post without text to a webhook that works."""

# Words and codes that mean the webhook itself, whatever the post says.
_CHANNEL_WORDS: Final = {
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "posting_to_general_channel_denied",
    "team_disabled",
    "user_not_found",
}
_CHANNEL_STATUSES: Final = {401, 403, 404, 405, 407, 410}

# Slack answers with a word such as `invalid_token`; anything longer comes from something in between.
_REASON = re.compile(r"[a-z][a-z_]{0,59}")

# The SDK logs the whole URL, which is the secret, on DEBUG; this logger belongs to no tree.
_MUTE = logging.Logger("slack_sdk.muted", level=logging.CRITICAL)
_MUTE.disabled = True


class SlackWebhookChannel:
    """Posts a message to a Slack incoming webhook.

    Every post opens a connection of its own, and nothing is retried here; pacing and retries belong to
    delivery.

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
        self._host = safe_host(url.get_secret_value())
        if not self._host:
            raise ValueError(f"{name}: the webhook's URL must be https://HOST/..., as Slack shows it")
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

    @property
    def pace(self) -> Pace:
        """How fast Slack takes posts: one a second, and a little slower, for clocks differ."""
        return SLACK_PACE

    @property
    def edits(self) -> bool:
        """No: a webhook only posts."""
        return False

    async def send(self, message: Message, *, living: str = "") -> str:
        """Post the message and return "": a webhook gives no reference.

        The key travels in the post's metadata, where an app with the right to read the channel
        finds it again.

        Raises:
            TransientError: Slack was not reached, asked to slow down, or answered 5xx.
            PermanentError: Slack refuses the webhook or the payload (4xx), or it redirects.
            UnknownOutcomeError: The request was written and no valid reply came back.
        """
        response = await self._post(
            text=render_fallback(message),
            blocks=render_blocks(message),
            metadata={
                "event_type": METADATA_TYPE,
                "event_payload": {"key": message.identity, "group": message.group},
            },
            unfurl_links=False,
            unfurl_media=False,
        )
        self._judge(response)
        return ""

    async def find(self, message: Message, *, living: str = "") -> Found:
        """Answer `UNKNOWABLE`: a webhook cannot read what it posted."""
        return Found(Sighting.UNKNOWABLE)

    async def check(self) -> None:
        """Post an empty text: Slack refuses that with `no_text` where the webhook works, and shows nothing.

        Raises:
            TransientError: Slack was not reached, asked to slow down, or answered 5xx.
            PermanentError: Slack refuses the webhook, or it redirects.
            UnknownOutcomeError: No valid reply came back.
        """
        response = await self._post(text="")
        if response.status_code == 400 and (response.body or "").strip() in NO_TEXT:
            return
        self._judge(response)

    async def aclose(self) -> None:
        """Do nothing: no connection outlives a post."""

    @property
    def _where(self) -> str:
        return f"{self._name}: {self._host}"

    async def _post(self, **payload: Any) -> WebhookResponse:  # noqa: ANN401 - JSON as Slack takes it
        progress = Progress()
        try:
            async with open_session(progress, self._timeout_s) as session:
                client = AsyncWebhookClient(
                    self._url.get_secret_value(), session=session, retry_handlers=[], logger=_MUTE
                )
                # The SDK falls back to the environment's proxy; only the configuration decides here.
                client.proxy = self._proxy.get_secret_value() if self._proxy else None
                return await client.send(**payload)
        except RedirectedError:
            raise ChannelRefusedError(f"{self._where} redirects: it is no incoming webhook") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            # Never the error's own text, and never the error as cause: both may hold the URL.
            raise progress.lost(self._where, error) from None

    def _judge(self, response: WebhookResponse) -> None:
        status = response.status_code
        body = (response.body or "").strip()
        reason = body if _REASON.fullmatch(body) else "no reason given"
        if status == 200 and body == "ok":
            return
        text = f"{self._where} answered {status} ({reason})"
        if status == 429:
            raise TransientError(text, retry_after_s=_wish_s(response))
        if status == 408 or status >= 500:
            raise TransientError(text)
        if status in _CHANNEL_STATUSES or reason in _CHANNEL_WORDS:
            raise ChannelRefusedError(f"{text}; make a new webhook and set FOREWARN_SLACK_WEBHOOK_URL")
        if status >= 400:
            raise PermanentError(text)
        raise UnknownOutcomeError(f"{text}, which is not how Slack says that it took a post")


def _wish_s(response: WebhookResponse) -> float | None:
    """Return how long Slack asks to wait; a date, which Slack never sends, is no wish."""
    header = next((value for name, value in response.headers.items() if name.lower() == "retry-after"), "")
    return retry_after_s(header)
