"""SMTP: one transaction with a mail server, driven step by step.

The steps matter: before DATA nothing can have been taken, so any failure is transient; once the
text is on its way and the reply is lost, nobody knows.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from pydantic import SecretStr

from alerts.channels.channel import (
    ChannelRefusedError,
    DeliveryError,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.email import TlsMode
from alerts.channels.email_receipt import Refusal, listed
from alerts.render_phrases import one_line

GOODBYE_S: Final = 2.0
"""Seconds to wait for the reply to QUIT, when the mail is already taken."""

REPLY_LIMIT: Final = 200
"""Characters of a server's reply that reach an error."""


_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})
_TOO_LARGE: Final = 552


@dataclass(frozen=True, slots=True)
class Login:
    """Who to log in as."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server; every transaction opens a connection of its own.

    Alerts are rare, and a server closes idle connections sooner than the next alert comes.

    Attributes:
        name: The channel's name, for errors.
        host: Host name or address.
        port: TCP port.
        tls: How to encrypt.
        domain: What the server is greeted with.
        login: Who to log in as, or None.
        timeout_s: How long one transaction may take in all, the connection included.
        tls_context: Trust and client certificates; None takes the system's certificate authorities.
    """

    name: str
    host: str
    port: int
    tls: TlsMode
    domain: str
    login: Login | None
    timeout_s: float
    tls_context: ssl.SSLContext | None = None

    async def take(
        self, sender: str, recipients: Sequence[str], mail: bytes, *, to_the_rest: bool = False
    ) -> tuple[Refusal, ...]:
        """Hand over a mail and return the recipients the server refused, with its codes.

        Args:
            sender: Address in the envelope.
            recipients: Those who are to get it.
            mail: The mail.
            to_the_rest: Others have it already: that all of these are refused says nothing about the channel.

        Raises:
            TransientError: The server was not reached, or answered 4xx.
            PermanentError: The server answered 5xx, refused every recipient, or cannot do what `tls` and
                `login` ask for.
            UnknownOutcomeError: The connection was lost, or time ran out, after DATA began.
        """
        data_began = False
        smtp = self._client()
        try:
            async with asyncio.timeout(self.timeout_s):
                refused = await self._address(smtp, sender, recipients)
                if len(refused) < len(recipients):
                    data_began = True
                    await smtp.data(mail)
                elif not to_the_rest:
                    raise SMTPRecipientsRefused(refused)
            await _say_goodbye(smtp)
        except (SMTPException, OSError) as error:
            # Not as cause: the error of a failed login may hold what was sent.
            raise self._failure(error, data_began=data_began) from None
        finally:
            smtp.close()
        return _refusals(refused)

    async def check(self, sender: str, recipients: Sequence[str]) -> None:
        """Go as far as RCPT: connect, encrypt, log in and name everyone; no mail is sent.

        A recipient refused with 4xx is no fault: a server that greylists does so to every newcomer.

        Raises:
            TransientError: The server was not reached, or answered 4xx before RCPT.
            PermanentError: It refuses the login, the sender or a recipient for good, or cannot encrypt.
        """
        smtp = self._client()
        try:
            async with asyncio.timeout(self.timeout_s):
                refused = await self._address(smtp, sender, recipients)
            await _say_goodbye(smtp)
        except (SMTPException, OSError) as error:
            raise self._failure(error, data_began=False) from None
        finally:
            smtp.close()
        if gone := [refusal for refusal in refused if refusal.code >= 500]:
            raise PermanentError(f"{self._where} refuses {listed(_refusals(gone))}")

    @property
    def _where(self) -> str:
        return f"{self.name}: {self.host}:{self.port}"

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self.host,
            port=self.port,
            local_hostname=self.domain,
            timeout=self.timeout_s,
            use_tls=self.tls is TlsMode.TLS,
            start_tls=self.tls is TlsMode.STARTTLS,
            tls_context=self.tls_context,
        )

    async def _address(
        self, smtp: SMTP, sender: str, recipients: Sequence[str]
    ) -> list[SMTPRecipientRefused]:
        """Do everything before DATA and return the refused recipients."""
        await smtp.connect()
        if self.login is not None:
            await smtp.login(self.login.username, self.login.password.get_secret_value())
        await smtp.mail(sender)
        refused = []
        for recipient in recipients:
            try:
                await smtp.rcpt(recipient)
            except SMTPRecipientRefused as refusal:
                refused.append(refusal)
        return refused

    def _failure(self, error: Exception, *, data_began: bool) -> DeliveryError:
        match error:
            case SMTPRecipientsRefused():
                text = f"{self._where} refused every recipient: {listed(_refusals(error.recipients))}"
                return _by_code(min(refusal.code for refusal in error.recipients), text, mail=False)
            case SMTPAuthenticationError():
                return _by_code(error.code, f"{self._where} refused the login with {error.code}", mail=False)
            case SMTPResponseException() if 400 <= error.code < 600:
                reply = one_line(error.message, REPLY_LIMIT)
                return _by_code(error.code, f"{self._where} answered {error.code} {reply}", mail=data_began)
            case _ if data_began:
                return UnknownOutcomeError(f"{self._where}: {_told(error)} after DATA began")
            case OSError() | SMTPResponseException():
                return TransientError(f"{self._where}: {_told(error)}")
            case _:
                return ChannelRefusedError(f"{self._where}: {_told(error)}")


async def _say_goodbye(smtp: SMTP) -> None:
    """End the session politely; all is said, so nothing that goes wrong here counts."""
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(GOODBYE_S):
            await smtp.quit()


def _by_code(code: int, text: str, *, mail: bool) -> DeliveryError:
    """Return what a reply means. Before DATA the server has not seen the mail: that cannot be at fault."""
    if code < 500:
        return TransientError(text)
    theirs = code in _LOGIN_CODES or (not mail and code != _TOO_LARGE)
    return ChannelRefusedError(text) if theirs else PermanentError(text)


def _refusals(refused: Sequence[SMTPRecipientRefused]) -> tuple[Refusal, ...]:
    return tuple(Refusal(one.recipient, one.code) for one in refused)


def _told(error: Exception) -> str:
    text = error.message if isinstance(error, SMTPException) else str(error)
    return one_line(text, REPLY_LIMIT) or "no reply in time"
