"""E-mail: one SMTP transaction for every message, driven step by step.

The steps matter: before DATA nothing can have been taken, so any failure is transient; once the
text is on its way and the reply is lost, nobody knows.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from enum import StrEnum

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from pydantic import SecretStr

from alerts.channels.channel import DeliveryError, PermanentError, TransientError, UnknownOutcomeError
from alerts.channels.host import is_loopback
from alerts.message import Message
from alerts.render_email import message_id, render_email
from alerts.render_phrases import one_line

_GOODBYE_S = 2.0  # how long to wait for the reply to QUIT, when the mail is already taken
_REPLY_LIMIT = 200  # characters of a server's reply that reach an error
_ADDRESS = re.compile(r"[!-~]+@[A-Za-z0-9.\-\[\]:]+")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.\-]{0,250}[A-Za-z0-9])?")


class TlsMode(StrEnum):
    """How the connection is encrypted; a mode is never weakened to get a mail through."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


_PORTS = {TlsMode.NONE: 25, TlsMode.STARTTLS: 587, TlsMode.TLS: 465}


@dataclass(slots=True)
class _Progress:
    """How far the transaction got."""

    data_began: bool = False


class EmailChannel:
    """Hands messages to a mail server.

    Every message opens a connection of its own: alerts are rare, and a server closes idle
    connections sooner than the next alert comes.

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
        timeout_s: How long one message may take in all, the connection included.
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
        self._name = name
        self._host = host
        self._port = _PORTS[tls] if port is None else port
        self._sender = sender
        self._recipients = tuple(recipients)
        self._domain = domain or sender.rpartition("@")[2]
        self._tls = tls
        self._username = username or None
        self._password = password
        self._timeout_s = timeout_s
        self._tls_context = tls_context
        self._now = now
        self._check()

    def __repr__(self) -> str:
        return f"EmailChannel(name={self._name!r}, host={self._host!r}, port={self._port}, tls={self._tls})"

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        return self._name

    async def send(self, message: Message) -> str:
        """Hand the message to the mail server and return its Message-ID.

        When some of the recipients were refused, the reference names them and the server's codes:
        `<...@domain>; refused: bob@example.org (550)`.

        Raises:
            TransientError: The server was not reached, or answered 4xx.
            PermanentError: The server answered 5xx, refused every recipient, or cannot do what
                `tls` and `username` ask for.
            UnknownOutcomeError: The connection was lost, or time ran out, after DATA began.
        """
        mail = render_email(
            message,
            sender=self._sender,
            recipients=self._recipients,
            domain=self._domain,
            sent_at=self._now(),
        )
        progress = _Progress()
        smtp = self._client()
        try:
            async with asyncio.timeout(self._timeout_s):
                refused = await self._transact(smtp, mail, progress)
            await _say_goodbye(smtp)
        except (SMTPException, OSError) as error:
            # Not as cause: the error of a failed login may hold what was sent.
            raise self._failure(error, progress) from None
        finally:
            smtp.close()
        return self._reference(message, refused)

    async def aclose(self) -> None:
        """Do nothing: no connection outlives a message."""

    def _check(self) -> None:
        faults = [
            (not self._host, "host is empty"),
            (not self._recipients, "recipients is empty; name at least one address"),
            (not _DOMAIN.fullmatch(self._domain), f"domain {self._domain!r} is no host name"),
            (self._timeout_s <= 0, f"timeout_s is {self._timeout_s}, it must be above 0"),
            (
                (self._username is None) != (self._password is None),
                "username and password are needed together",
            ),
            (
                self._username is not None and self._tls is TlsMode.NONE and not is_loopback(self._host),
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

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=self._domain,
            timeout=self._timeout_s,
            use_tls=self._tls is TlsMode.TLS,
            start_tls=self._tls is TlsMode.STARTTLS,
            tls_context=self._tls_context,
        )

    async def _transact(
        self, smtp: SMTP, mail: EmailMessage, progress: _Progress
    ) -> list[SMTPRecipientRefused]:
        await smtp.connect()
        if self._username is not None and self._password is not None:
            await smtp.login(self._username, self._password.get_secret_value())
        await smtp.mail(self._sender)
        refused = []
        for recipient in self._recipients:
            try:
                await smtp.rcpt(recipient)
            except SMTPRecipientRefused as refusal:
                refused.append(refusal)
        if len(refused) == len(self._recipients):
            raise SMTPRecipientsRefused(refused)
        progress.data_began = True
        await smtp.data(mail.as_bytes())
        return refused

    def _failure(self, error: Exception, progress: _Progress) -> DeliveryError:
        where = f"{self._name}: {self._host}:{self._port}"
        match error:
            case SMTPRecipientsRefused():
                text = f"{where} refused every recipient: {_listed(error.recipients)}"
                return _by_code(min(refusal.code for refusal in error.recipients), text)
            case SMTPAuthenticationError():
                return _by_code(error.code, f"{where} refused the login with {error.code}")
            case SMTPResponseException() if 400 <= error.code < 600:
                reply = one_line(error.message, _REPLY_LIMIT)
                return _by_code(error.code, f"{where} answered {error.code} {reply}")
            case _ if progress.data_began:
                return UnknownOutcomeError(f"{where}: {_told(error)} after DATA began")
            case OSError() | SMTPResponseException():
                return TransientError(f"{where}: {_told(error)}")
            case _:
                return PermanentError(f"{where}: {_told(error)}")

    def _reference(self, message: Message, refused: list[SMTPRecipientRefused]) -> str:
        reference = message_id(message.key, domain=self._domain)
        return f"{reference}; refused: {_listed(refused)}" if refused else reference


async def _say_goodbye(smtp: SMTP) -> None:
    """End the session politely; the mail is taken, so nothing that goes wrong here counts."""
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(_GOODBYE_S):
            await smtp.quit()


def _by_code(code: int, text: str) -> DeliveryError:
    return TransientError(text) if code < 500 else PermanentError(text)


def _listed(refused: Sequence[SMTPRecipientRefused]) -> str:
    return ", ".join(f"{refusal.recipient} ({refusal.code})" for refusal in refused)


def _told(error: Exception) -> str:
    text = error.message if isinstance(error, SMTPException) else str(error)
    return one_line(text, _REPLY_LIMIT) or "no reply in time"
