"""E-mail: a message as text, HTML and a chart, handed to a mail server."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import Field, SecretStr, model_validator

from alerts.channels.channel import Channel, Found, Pace, PartlyTakenError, Sighting
from alerts.channels.email_receipt import Receipt, Refusal, listed
from alerts.channels.host import is_loopback
from alerts.channels.kind import LONGEST_TIMEOUT_S, ChannelKind, ChannelSection
from alerts.message import Message
from alerts.render_chart import render_chart
from alerts.render_email import message_id, render_email

PASSWORD: Final = "smtp_password"  # noqa: S105 - a secret's name
CHART_S: Final = 10.0
"""Seconds a chart may take before the mail goes without it; the first one also loads matplotlib."""

_LOG = logging.getLogger(__name__)
_ADDRESS = re.compile(r"[!-~]+@[A-Za-z0-9.\-\[\]:]+")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.\-]{0,250}[A-Za-z0-9])?")


class TlsMode(StrEnum):
    """How the connection is encrypted; a mode is never weakened to get a mail through."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


_PORTS = {TlsMode.NONE: 25, TlsMode.STARTTLS: 587, TlsMode.TLS: 465}


class EmailSettings(ChannelSection):
    """E-mail over SMTP."""

    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    tls: TlsMode = TlsMode.STARTTLS
    username: str = ""
    sender: str = "forewarn@localhost"
    recipients: tuple[str, ...] = ()
    timeout_seconds: float = Field(30.0, gt=0, le=LONGEST_TIMEOUT_S)

    @model_validator(mode="after")
    def _can_be_sent(self) -> EmailSettings:
        if not self.enabled:
            return self
        if not self.recipients:
            raise ValueError("recipients is empty; name at least one address")
        for address in (self.sender, *self.recipients):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no mail address; write it as anna@example.org, in ASCII")
        if self.username and self.tls is TlsMode.NONE and not is_loopback(self.host):
            raise ValueError('a login with tls = "none" would show the password; set tls to starttls or tls')
        return self

    def secrets_needed(self) -> Mapping[str, str]:
        """Return the password, where there is a login."""
        return {PASSWORD: "has a username"} if self.username else {}


class EmailChannel:
    """Hands messages to a mail server.

    Args:
        host: The mail server.
        sender: Address in `From` and in the envelope, ASCII.
        recipients: Addresses to send to, at least one, ASCII.
        domain: A host name the operator owns, by default the sender's; the right-hand side of every
            Message-ID, and what the server is greeted with.
        port: TCP port; by default 25, 587 or 465, as `tls` goes.
        tls: How to encrypt.
        username: Who to log in as, or None (or "") to send without login.
        password: The password, needed with `username`. Login without encryption is refused, except
            to this machine.
        timeout_s: How long one mail may take in all, the connection included but not the chart.
        tls_context: Trust and client certificates; by default the system's certificate authorities.
        now: Clock for the `Date` header, aware.
        name: Under which the configuration and the outbox know the channel.

    Raises:
        ValueError: A setting is missing, malformed or contradicts another.
    """

    def __init__(
        self,
        *,
        host: str,
        sender: str,
        recipients: Sequence[str],
        domain: str | None = None,
        port: int | None = None,
        tls: TlsMode = TlsMode.STARTTLS,
        username: str | None = None,
        password: SecretStr | None = None,
        timeout_s: float = 30.0,
        tls_context: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        name: str = "email",
    ) -> None:
        from alerts.channels.email_smtp import Login, MailServer  # noqa: PLC0415 - slow to import

        self._name = name
        self._sender = sender
        self._recipients = tuple(recipients)
        self._domain = domain or sender.rpartition("@")[2]
        self._now = now
        login = Login(username, password) if username and password else None
        self._server = MailServer(
            name=name,
            host=host,
            port=_PORTS[tls] if port is None else port,
            tls=tls,
            domain=self._domain,
            login=login,
            timeout_s=timeout_s,
            tls_context=tls_context,
        )
        self._refuse_faults(bool(username), password is not None)

    def __repr__(self) -> str:
        server = self._server
        return (
            f"EmailChannel(name={self._name!r}, host={server.host!r}, port={server.port}, tls={server.tls})"
        )

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        return self._name

    @property
    def pace(self) -> Pace:
        """How fast the server may be sent to: one connection a second, a few at once."""
        return Pace(per_s=1.0, burst=5)

    @property
    def edits(self) -> bool:
        """No: a mail stays as it was sent."""
        return False

    async def send(self, message: Message, *, living: str = "") -> str:
        """Hand the message to the mail server and return its Message-ID.

        The mails of one group and episode are one thread; each answers the one before, which is `living`.
        A recipient that the server does not take yet is sent to again, and nobody who has the mail; the
        reference that `PartlyTakenError` carries says who is left.

        Raises:
            PartlyTakenError: The server did not take it for some of the recipients.
            TransientError: The server was not reached, or answered 4xx.
            PermanentError: The server answered 5xx, refused every recipient, or cannot do what
                `tls` and `username` ask for.
            UnknownOutcomeError: The connection was lost, or time ran out, after DATA began.
        """
        before, own = Receipt.read(living), message_id(message, domain=self._domain)
        begun = before.message_id == own
        answers = before.answers if begun else before.message_id
        wanted = [one.recipient for one in before.left] if begun else self._recipients
        recipients = [one for one in wanted if one in self._recipients]
        refusals: tuple[Refusal, ...] = ()
        if recipients:
            mail = render_email(
                message,
                sender=self._sender,
                recipients=self._recipients,
                domain=self._domain,
                sent_at=self._now(),
                answers=answers,
                chart=await _chart(message),
            )
            refusals = await self._server.take(self._sender, recipients, mail.as_bytes(), to_the_rest=begun)
        refused = (*(before.refused if begun else ()), *(one for one in refusals if one.is_final))
        left = tuple(one for one in refusals if not one.is_final)
        reference = Receipt(own, refused, left, answers).write()
        if left:
            text = f"{self._name}: the server does not take {listed(left)} yet; the others have it"
            raise PartlyTakenError(text, reference=reference, again=True)
        if refused:
            text = f"refuses {listed(refused)}; the other recipients have it"
            raise PartlyTakenError(text, reference=reference, again=False)
        return reference

    async def find(self, message: Message, *, living: str = "") -> Found:
        """Answer `UNKNOWABLE`: no mail server says what it took; the Message-ID marks a copy as one."""
        return Found(Sighting.UNKNOWABLE)

    async def check(self) -> None:
        """Go as far as RCPT with the mail server: connect, encrypt, log in, name sender and recipients.

        Raises:
            TransientError: The server was not reached, or is busy.
            PermanentError: It refuses the login, the sender or a recipient, or cannot encrypt.
        """
        await self._server.check(self._sender, self._recipients)

    async def aclose(self) -> None:
        """Do nothing: no connection outlives a message."""

    def _refuse_faults(self, has_username: bool, has_password: bool) -> None:
        server = self._server
        faults = [
            (not server.host, "host is empty"),
            (not self._recipients, "recipients is empty; name at least one address"),
            (not _DOMAIN.fullmatch(self._domain), f"domain {self._domain!r} is no host name"),
            (server.timeout_s <= 0, f"timeout_s is {server.timeout_s}, it must be above 0"),
            (has_username != has_password, "username and password are needed together"),
            (
                has_username and server.tls is TlsMode.NONE and not is_loopback(server.host),
                "a login without encryption would show the password; set tls to starttls or tls",
            ),
            *(
                (not _ADDRESS.fullmatch(address), f"{address!r} is no ASCII mail address")
                for address in (self._sender, *self._recipients)
            ),
        ]
        for wrong, what in faults:
            if wrong:
                raise ValueError(f"{self._name}: {what}")


async def _chart(message: Message) -> bytes | None:
    """Draw the message's curve in a thread; a chart that fails never keeps the mail from going."""
    if message.curve is None:
        return None
    try:
        async with asyncio.timeout(CHART_S):
            return await asyncio.to_thread(render_chart, message.curve)
    except Exception:
        # Whatever is wrong with a picture, people are told.
        _LOG.warning("the chart of %s could not be drawn", message.key, exc_info=True)
        return None


def _make(settings: EmailSettings, secrets: Mapping[str, SecretStr]) -> Channel:
    return EmailChannel(
        host=settings.host,
        port=settings.port,
        sender=settings.sender,
        recipients=settings.recipients,
        tls=settings.tls,
        username=settings.username,
        password=secrets.get(PASSWORD) if settings.username else None,
        timeout_s=settings.timeout_seconds,
    )


KIND = ChannelKind("email", EmailSettings, _make, (PASSWORD,))
