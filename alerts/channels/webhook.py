"""Webhook: a message as signed JSON to a receiver of one's own, as Standard Webhooks describes it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, model_validator
from standardwebhooks.webhooks import Webhook

from alerts.channels.channel import (
    Channel,
    ChannelRefusedError,
    Found,
    Pace,
    PermanentError,
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.host import safe_host
from alerts.channels.kind import LONGEST_TIMEOUT_S, ChannelKind, ChannelSection
from alerts.message import Message
from alerts.render_webhook import render_body

SECRET: Final = "webhook_secret"  # noqa: S105 - a secret's name
SECRET_BYTES: Final = (24, 64)
"""How long the signing key may be, as Standard Webhooks asks."""

_BUSY = {408, 409, 425, 429}
"""Refusals that pass: too slow, the same key still being worked on, too early, too many."""


_CHANNEL_REFUSALS = {401, 403, 404, 405, 407, 410}
"""Refusals of whatever is posted there: the key or the URL is wrong."""


class WebhookSettings(ChannelSection):
    """A receiver of one's own."""

    url: str = Field("", repr=False)  # its path may be a secret
    timeout_seconds: float = Field(10.0, gt=0, le=LONGEST_TIMEOUT_S)

    @model_validator(mode="after")
    def _has_a_safe_url(self) -> WebhookSettings:
        if self.enabled and not safe_host(self.url):
            raise ValueError("url must be https://HOST/PATH; http is for this machine only")
        if self.enabled and urlsplit(self.url).username is not None:
            raise ValueError("url holds a name or password; the signature says who sends, leave it out")
        return self

    def secrets_needed(self) -> Mapping[str, str]:
        """Return the signing key."""
        return {SECRET: "is enabled"}


class WebhookChannel:
    """Posts each message as JSON, signed, to one URL.

    The headers: `webhook-id` and `Idempotency-Key` are the store's identity and
    the message's key, the same for every attempt, so that
    a receiver takes a message once; `webhook-timestamp` and `webhook-signature` (v1, HMAC-SHA256 over
    `id.timestamp.body`) say that it comes from here and now. Redirects are refused.

    Args:
        url: Where to post: https, except to this machine.
        secret: The signing key: base64 of 24 to 64 bytes, with or without `whsec_` before it.
        timeout_s: How long one post may take in all.
        now: Clock for the signature, aware.
        name: Under which the configuration and the outbox know the channel.

    Raises:
        ValueError: The URL or the key is unfit, or the time-out is not positive.
    """

    def __init__(
        self,
        *,
        url: str,
        secret: SecretStr,
        timeout_s: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        name: str = "webhook",
    ) -> None:
        self._name = name
        self._url = SecretStr(url)
        self._host = safe_host(url)
        if not self._host:
            raise ValueError(f"{name}: url must be https://HOST/PATH; http is for this machine only")
        if timeout_s <= 0:
            raise ValueError(f"{name}: timeout_s is {timeout_s}, it must be above 0")
        self._signer = _signer(secret, name)
        self._timeout_s = timeout_s
        self._now = now

    def __repr__(self) -> str:
        return f"WebhookChannel(name={self._name!r}, host={self._host!r})"

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        return self._name

    @property
    def pace(self) -> Pace:
        """How fast the receiver may be sent to."""
        return Pace(per_s=10.0, burst=20)

    @property
    def edits(self) -> bool:
        """No: a request stays as it was sent."""
        return False

    async def send(self, message: Message, *, living: str = "") -> str:
        """Post the message and return "": a webhook gives no reference.

        Raises:
            TransientError: The receiver was not reached, or answered 408, 409, 425, 429 or 5xx.
            ChannelRefusedError: It answered 401, 403, 404, 405, 407 or 410, or it redirects.
            PermanentError: It answered any other 4xx.
            UnknownOutcomeError: The request was written and no reply came back.
        """
        body, now = render_body(message), self._now().astimezone(UTC)
        key = quote(message.identity, safe="/:")
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(key, now, body),
        }
        status, wish_s = await self._ask("POST", headers, body.encode("ascii"))
        text = f"{self._where} answered {status}"
        if status in _BUSY or status >= 500:
            raise TransientError(text, retry_after_s=wish_s)
        if status in _CHANNEL_REFUSALS:
            raise ChannelRefusedError(f"{text}; mend channels.webhook.url or FOREWARN_{SECRET.upper()}")
        if status >= 400:
            raise PermanentError(text)
        if not 200 <= status < 300:
            raise UnknownOutcomeError(f"{text}, which does not say whether it took the message")
        return ""

    async def find(self, message: Message, *, living: str = "") -> Found:
        """Answer `UNKNOWABLE`: a receiver cannot be asked; it takes a key it knows only once."""
        return Found(Sighting.UNKNOWABLE)

    async def check(self) -> None:
        """Ask for the URL's head: name, connection, certificate. Only a message shows the signature's worth.

        Any answer below 500 will do but 410, for a receiver of posts may refuse everything else.

        Raises:
            TransientError: The receiver was not reached, or answered 5xx.
            PermanentError: It redirects, or is gone (410).
        """
        status, _ = await self._ask("HEAD", {}, b"")
        if status == 410:
            raise ChannelRefusedError(f"{self._where} answered 410: the receiver is gone; change url")
        if status >= 500:
            raise TransientError(f"{self._where} answered {status}")

    async def aclose(self) -> None:
        """Do nothing: no connection outlives a post."""

    @property
    def _where(self) -> str:
        return f"{self._name}: {self._host}"

    async def _ask(self, method: str, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        """Make one request; return the status and the receiver's wish when to come again, in seconds."""
        from alerts.channels.channel_http import ask, retry_after_s  # noqa: PLC0415 - slow to import

        url = self._url.get_secret_value()
        reply = await ask(method, url, headers, body, where=self._where, timeout_s=self._timeout_s)
        return reply.status, retry_after_s(reply.headers.get("Retry-After", ""), self._now())


def _signer(secret: SecretStr, name: str) -> Webhook:
    least, most = SECRET_BYTES
    wanted = f"{name}: {SECRET} must be base64 of {least} to {most} bytes, as `openssl rand -base64 32` makes"
    text = secret.get_secret_value().removeprefix("whsec_")
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError(wanted) from None
    if not least <= len(key) <= most:
        raise ValueError(f"{wanted}; it has {len(key)}")
    return Webhook(key)


def _make(settings: WebhookSettings, secrets: Mapping[str, SecretStr]) -> Channel:
    return WebhookChannel(url=settings.url, secret=secrets[SECRET], timeout_s=settings.timeout_seconds)


KIND = ChannelKind("webhook", WebhookSettings, _make, (SECRET,))
