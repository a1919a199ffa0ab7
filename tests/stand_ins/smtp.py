"""A stand-in for a mail server: aiosmtpd on a real socket, which can fail at every step."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME, PASSWORD = "watch", "correct horse"


class SmtpMode(StrEnum):
    """How the stand-in behaves."""

    OK = "ok"
    BUSY_AT_RCPT = "451 at RCPT"
    UNKNOWN_AT_RCPT = "550 at RCPT"
    REFUSE_TEXT = "554 after DATA"
    BUSY_TEXT = "452 after DATA"
    DROP_AT_RCPT = "drop at RCPT"
    DROP_AFTER_TEXT = "drop after DATA, before the reply"
    HANG_AFTER_TEXT = "no reply after DATA"
    DROP_AT_QUIT = "drop at QUIT"
    MUTE = "no banner"


@dataclass
class Taken:
    """A mail the stand-in took, or at least read to its end."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class SmtpStandIn:
    """Listens on 127.0.0.1:`port`. `read` holds each mail read to its end, `taken` each one acknowledged.

    Attributes:
        refuse: Recipients answered with 550 in any mode.
        tls_context: Certificate for STARTTLS, or for TLS from the first byte with `implicit_tls`.
        auth: Whether a login is required.
    """

    mode: SmtpMode = SmtpMode.OK
    refuse: frozenset[str] = frozenset()
    tls_context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    auth: bool = False
    read: list[Taken] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    got_text: asyncio.Event = field(default_factory=asyncio.Event)
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._connections: set[asyncio.Transport] = set()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connection, "127.0.0.1", 0, ssl=self.tls_context if self.implicit_tls else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave.set()
        self._server.close()
        for connection in self._connections:
            connection.abort()
        await self._server.wait_closed()

    def _connection(self) -> asyncio.BaseProtocol:
        if self.mode is SmtpMode.MUTE:
            return _Mute(self._connections)
        connection = _Connection(
            _Handler(self),
            hostname="mail.example.org",
            tls_context=None if self.implicit_tls else self.tls_context,
            require_starttls=self.tls_context is not None and not self.implicit_tls,
            # aiosmtpd does not see that the socket itself is encrypted, and would offer no login on it.
            auth_required=self.auth and not self.implicit_tls,
            auth_require_tls=not self.implicit_tls,
            authenticator=self._login,
            loop=asyncio.get_running_loop(),
        )
        connection.connections = self._connections
        return connection

    def _login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        right = LoginPassword(USERNAME.encode(), PASSWORD.encode())
        self.logins.append(mechanism)
        return AuthResult(success=data == right, handled=False)


class _Mute(asyncio.Protocol):
    """Accepts a connection and says nothing."""

    def __init__(self, connections: set[asyncio.Transport]) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connections.add(transport)


class _Connection(SMTP):
    """One connection that the stand-in can drop."""

    connections: set[asyncio.Transport]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.connections.add(transport)
        super().connection_made(transport)

    def drop(self) -> None:
        """Cut the connection without a word."""
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()


class _Handler:
    """Answers the steps of a transaction as the mode asks."""

    def __init__(self, stand_in: SmtpStandIn) -> None:
        self._stand_in = stand_in

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, server: _Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        mode = self._stand_in.mode
        if mode is SmtpMode.UNKNOWN_AT_RCPT or address in self._stand_in.refuse:
            return "550 5.1.1 no such user"
        if mode is SmtpMode.BUSY_AT_RCPT:
            return "451 4.3.0 try again later"
        if mode is SmtpMode.DROP_AT_RCPT:
            server.drop()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, server: _Connection, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        mail = Taken(envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content)
        self._stand_in.read.append(mail)
        self._stand_in.got_text.set()
        match self._stand_in.mode:
            case SmtpMode.REFUSE_TEXT:
                return "554 5.7.1 looks like spam"
            case SmtpMode.BUSY_TEXT:
                return "452 4.3.1 no space left"
            case SmtpMode.DROP_AFTER_TEXT:
                server.drop()
                return "250 never seen"
            case SmtpMode.HANG_AFTER_TEXT:
                await self._stand_in.leave.wait()
        self._stand_in.taken.append(mail)
        return "250 2.0.0 queued"

    async def handle_QUIT(  # noqa: N802 -- aiosmtpd's name
        self, server: _Connection, session: Session, envelope: Envelope
    ) -> str:
        if self._stand_in.mode is SmtpMode.DROP_AT_QUIT:
            server.drop()
        return "221 bye"
