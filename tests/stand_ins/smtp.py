"""A stand-in for a mail server: aiosmtpd on a real socket, which can fail at every step.

`python -m tests.stand_ins.smtp --port 0` runs it as a process: it prints its address as one line of JSON, and
with `--record FILE` appends the Message-ID of every mail it takes, a line each.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.stand_ins.process import Dice, Fate, flags, live

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
    DROP_AFTER_TAKING = "take the mail, then drop before the reply"
    HANG_AT_DATA = "no reply to DATA"
    HANG_AFTER_TEXT = "no reply after DATA"
    DROP_AT_QUIT = "drop at QUIT"
    MUTE = "no banner"
    DRIP = "a banner that never ends"
    CLOSED = "421 instead of a banner"


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
        defer: Recipients answered with 451 in any mode.
        dice: What becomes of each mail in mode OK.
        record: File to which the Message-ID of every mail that is taken is appended, or None.
        tls_context: Certificate for STARTTLS, or for TLS from the first byte with `implicit_tls`.
        auth: Whether a login is required.
    """

    mode: SmtpMode = SmtpMode.OK
    refuse: frozenset[str] = frozenset()
    defer: frozenset[str] = frozenset()
    dice: Dice = field(default_factory=Dice)
    record: Path | None = None
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
            self._connection, "127.0.0.1", self.port, ssl=self.tls_context if self.implicit_tls else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave.set()
        self._server.close()
        for connection in self._connections:
            connection.abort()
        await self._server.wait_closed()

    def take(self, mail: Taken) -> None:
        """Keep an acknowledged mail, and write down its Message-ID where that is wanted."""
        self.taken.append(mail)
        if self.record is not None:
            with self.record.open("a", encoding="utf-8") as file:
                file.write(f"{mail.mail['Message-ID']}\n")

    def _connection(self) -> asyncio.BaseProtocol:
        match self.mode:
            case SmtpMode.MUTE:
                return _Mute(self._connections)
            case SmtpMode.DRIP:
                return _Drip(self._connections)
            case SmtpMode.CLOSED:
                return _Closed(self._connections)
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
        connection.stand_in = self
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


class _Drip(_Mute):
    """Sends its banner a byte at a time and never ends it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self._drip(transport, b"220 ")

    def _drip(self, transport: asyncio.Transport, text: bytes) -> None:
        if not transport.is_closing():
            transport.write(text)
            asyncio.get_running_loop().call_later(0.05, self._drip, transport, b"x")


class _Closed(_Mute):
    """Greets with 421 and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 closed for maintenance\r\n")
        transport.close()


class _Connection(SMTP):
    """One connection that the stand-in can drop."""

    connections: set[asyncio.Transport]
    stand_in: SmtpStandIn

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 -- aiosmtpd's name
        if self.stand_in.mode is SmtpMode.HANG_AT_DATA:
            await self.stand_in.leave.wait()
        await super().smtp_DATA(arg)

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
        if mode is SmtpMode.BUSY_AT_RCPT or address in self._stand_in.defer:
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
        fate = self._stand_in.dice.throw()
        if fate is Fate.REFUSED:
            return "451 4.3.0 try again later"
        self._stand_in.take(mail)
        if fate is Fate.REPLY_LOST or self._stand_in.mode is SmtpMode.DROP_AFTER_TAKING:
            server.drop()
        return "250 2.0.0 queued"

    async def handle_QUIT(  # noqa: N802 -- aiosmtpd's name
        self, server: _Connection, session: Session, envelope: Envelope
    ) -> str:
        if self._stand_in.mode is SmtpMode.DROP_AT_QUIT:
            server.drop()
        return "221 bye"


async def _serve(stand_in: SmtpStandIn, lifetime_s: float) -> None:
    async with stand_in:
        await live({"host": "127.0.0.1", "port": stand_in.port}, lifetime_s)


def main() -> None:
    """Run the stand-in as a process."""
    parser = flags(__doc__)
    parser.add_argument("--mode", type=SmtpMode, default=SmtpMode.OK)
    parser.add_argument("--record", type=Path, default=None)
    given = parser.parse_args()
    dice = Dice(given.errors, given.reply_loss, given.seed)
    stand_in = SmtpStandIn(mode=given.mode, dice=dice, record=given.record, port=given.port)
    asyncio.run(_serve(stand_in, given.lifetime_s))


if __name__ == "__main__":
    main()
