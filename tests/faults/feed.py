"""The feed: alerts that come and go at a rate, sent again until they are acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import Final, Self

from tests.faults.waiting import until
from tests.faults.worker import LONGEST_LIFE_S

TICK_S: Final = 0.01


BURST: Final = 12
"""Alerts in one line: all of one rule, so that they are told in one message, which names as many."""


@dataclass
class Feed:
    """Serves readings on a loopback port: each breach is an alert of its own, which is over some time later.

    Line 2k begins the alerts of burst k, line 2k + 1 ends those of burst k - `span`. Burst k is of rule k
    modulo `rules`, which must be more than `span`, so that a rule's bursts are spells of their own.

    Attributes:
        rules: How many rules the worker has.
        per_s: Lines a second; half of them begin alerts.
        span: How many bursts are open at once.
        acked: How many lines were acknowledged; they are in order.
        lives: How many lives have connected.
    """

    rules: int = 100
    per_s: float = 19.5
    span: int = 16
    acked: int = 0
    lives: int = 0
    port: int = 0
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: int = 0
    _ended: bool = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._begun_s = math.inf
        self._over = asyncio.Event()
        self._open = 0
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.hang_up()
        await self._all_closed.wait()

    @property
    def made(self) -> int:
        """How many lines there are by now."""
        if not self._ended:
            elapsed_s = asyncio.get_running_loop().time() - self._begun_s
            self._lines = int(max(elapsed_s, 0.0) * self.per_s)
        return self._lines

    @property
    def backlog_s(self) -> float:
        """How many seconds of the stream are not acknowledged."""
        return (self.made - self.acked) / self.per_s

    @property
    def begun(self) -> tuple[str, ...]:
        """The subjects of the alerts that have begun and were acknowledged."""
        return tuple(name for burst in range((self.acked + 1) // 2) for name in subjects(burst))

    @property
    def over(self) -> tuple[str, ...]:
        """The subjects of those whose end was acknowledged, too."""
        return tuple(name for burst in range(self.acked // 2 - self.span) for name in subjects(burst))

    def begin(self) -> None:
        """Make lines from now on."""
        self._begun_s = asyncio.get_running_loop().time()

    def end(self) -> None:
        """Make no more lines."""
        self._lines, self._ended = self.made, True

    async def settle(self, within_s: float) -> None:
        """Wait until every line is acknowledged."""
        await until(lambda: self.acked >= self.made, within_s)

    def hang_up(self) -> None:
        """End the conversation, so that the life ends by itself."""
        self._over.set()

    def line(self, number: int) -> bytes:
        """Return one line."""
        burst, ends = divmod(number, 2)
        if ends:
            burst -= self.span
        names, value = ",".join(subjects(burst)), 0.1 if ends else 0.9
        return f"{number} m{burst % self.rules:04} {value} {names}\n".encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lives += 1
        self._open += 1
        self._all_closed.clear()
        self.connected.set()
        acks = asyncio.create_task(self._hear(reader))
        sent = self.acked
        try:
            async with asyncio.timeout(LONGEST_LIFE_S):
                while not (acks.done() or self._over.is_set()):
                    if sent < (made := self.made):
                        writer.writelines(self.line(number) for number in range(sent, made))
                        sent = made
                        await writer.drain()
                    await asyncio.wait([acks], timeout=TICK_S)
        except ConnectionError:
            await asyncio.wait([acks])  # what was acknowledged before the death counts
        finally:
            acks.cancel()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._open -= 1
            if not self._open:
                self._all_closed.set()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while (line := await reader.readline()).endswith(b"\n"):
                self.acked = max(self.acked, int(line) + 1)


def subjects(burst: int) -> tuple[str, ...]:
    """Return the subjects of a burst: each its own, so that it can be found in what people get."""
    return tuple(f"a{burst:05}-{number}" for number in range(BURST)) if burst >= 0 else ("nobody",)
