"""A hook: an incoming webhook as Slack has it, one message a second, that can be busy or down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: when it came (seconds of the loop's clock), what it said, how it was answered."""

    at_s: float
    body: str
    status: int
    early: bool


@dataclass
class Hook:
    """Takes posts on `url`.

    Attributes:
        down: Answer everything with 500.
        busy: So many of the next posts are answered with 429, whatever the pace.
        retry_after_s: What a 429 asks for.
        attempts: Every request.
    """

    down: bool = False
    busy: int = 0
    retry_after_s: int = 1
    attempts: list[Attempt] = field(default_factory=list)
    url: str = ""
    _level: float = 1.0
    _level_at_s: float = 0.0
    _not_before_s: float = 0.0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/services/T0/B0/x", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/services/T0/B0/x"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def taken(self) -> list[Attempt]:
        """The posts that were taken."""
        return [one for one in self.attempts if one.status == 200]

    def telling(self, name: str) -> list[Attempt]:
        """Return the posts taken that name something."""
        return [one for one in self.taken if name in one.body]

    async def quiet(self, for_s: float, within_s: float) -> None:
        """Wait until nothing has come for a while."""
        loop = asyncio.get_running_loop()
        end_s, begun_s = loop.time() + within_s, loop.time()
        while loop.time() < end_s:
            last_s = self.attempts[-1].at_s if self.attempts else begun_s
            if loop.time() - max(last_s, begun_s) >= for_s:
                return
            await asyncio.sleep(0.05)

    async def _take(self, request: web.Request) -> web.Response:
        body, now_s = await request.text(), asyncio.get_running_loop().time()
        status = self._status(now_s)
        self.attempts.append(Attempt(now_s, body, status, now_s < self._not_before_s))
        if status == 429:
            self._not_before_s = now_s + self.retry_after_s
        headers = {"Retry-After": str(self.retry_after_s)} if status == 429 else {}
        return web.Response(status=status, headers=headers, text="ok" if status == 200 else "no")

    def _status(self, now_s: float) -> int:
        if self.down:
            return 500
        self._level = min(1.0, self._level + now_s - self._level_at_s)
        self._level_at_s = now_s
        if self.busy:
            self.busy -= 1
            return 429
        if self._level < 0.98:
            return 429
        self._level -= 1.0
        return 200
