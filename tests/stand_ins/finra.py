"""A stand-in for FINRA's place of daily short-volume files: what it posts, refuses and was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping
from datetime import date, datetime
from typing import Self

from aiohttp import web

from market.short_volume import HEADER

Shares = Callable[[date], Mapping[str, tuple[float, float]]]
"""By ticker the shares sold short off exchange in a session and all traded there, raw; empty for no file."""


def daily(day: date, shares: Mapping[str, tuple[float, float]]) -> str:
    """Write a session's file as FINRA does."""
    rows = [
        f"{day:%Y%m%d}|{ticker.replace('-', '/')}|{short:.6f}|0|{total:.6f}|B,Q,N"
        for ticker, (short, total) in shares.items()
    ]
    return "\r\n".join(["|".join(HEADER), *rows, str(len(rows))]) + "\r\n"


class FinraStandIn:
    """Answers on `url`.

    Attributes:
        shares: What it posts.
        refusals: How the next requests are answered, in order: a status and, for 429, `Retry-After`.
        latency_s: Seconds before an answer.
        asked: The sessions asked for, in order.
        most_at_once: The most requests that were under way together.
        hangs: The sessions for which nothing is answered.
        hanging: Set once such a one was asked for.
        connections: How many were opened.
        agents: Who asked.
    """

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self.refusals: list[tuple[int, str]] = []
        self.latency_s = 0.0
        self.asked: list[date] = []
        self.most_at_once = 0
        self.hangs: Container[date] = ()
        self.hanging = asyncio.Event()
        self.agents: set[str] = set()
        self._under_way = 0
        self._peers: set[object] = set()
        self._leave = asyncio.Event()

    @property
    def connections(self) -> int:
        return len(self._peers)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{name}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        day = datetime.strptime(request.match_info["name"], "CNMSshvol%Y%m%d.txt").date()  # noqa: DTZ007
        self.asked.append(day)
        self.agents.add(request.headers["User-Agent"])
        assert request.transport is not None
        self._peers.add(request.transport.get_extra_info("peername"))
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            if day in self.hangs:
                self.hanging.set()
                await self._leave.wait()
            await asyncio.sleep(self.latency_s)
        finally:
            self._under_way -= 1
        if self.refusals:
            status, wish = self.refusals.pop(0)
            return web.Response(status=status, headers={"Retry-After": wish} if wish else {})
        if shares := self.shares(day):
            return web.Response(text=daily(day, shares))
        return web.Response(status=403)
