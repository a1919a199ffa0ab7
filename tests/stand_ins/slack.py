"""A stand-in for Slack's incoming webhooks: a real HTTP server that answers as Slack does."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import Any, Self

from aiohttp import web

from tests.stand_ins.slack_rules import faults

PATH = "/services/T0SECRET/B0SECRET/tokentokentoken"


class SlackMode(StrEnum):
    """How the stand-in answers."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    INVALID_TOKEN = "invalid_token"
    NO_SERVICE = "no_service"
    HANG = "hang"
    CLOSE = "close"
    CUT_REPLY = "cut_reply"
    PORTAL = "portal"
    REDIRECT = "redirect"


class SlackStandIn:
    """Takes posts on `url`; an accepted one is in `posts`, every request counts in `requests`."""

    def __init__(self) -> None:
        self.mode = SlackMode.OK
        self.retry_after: str | None = "7"
        self.posts: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.requests = 0
        self.asked = asyncio.Event()
        self._leave = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", PATH, self._handle)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911 -- one per mode
        self.requests += 1
        body = await request.read()
        self.asked.set()
        match self.mode:
            case SlackMode.OK:
                return self._judge(request, body)
            case SlackMode.RATE_LIMITED:
                headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
                return web.Response(status=429, text="rate_limited", headers=headers)
            case SlackMode.SERVER_ERROR:
                return web.Response(status=500, text="rollup_error")
            case SlackMode.INVALID_TOKEN:
                return web.Response(status=403, text="invalid_token")
            case SlackMode.NO_SERVICE:
                return web.Response(status=404, text="no_service")
            case SlackMode.HANG:
                await self._leave.wait()
                return web.Response(text="ok")
            case SlackMode.CLOSE:
                return self._cut(request)
            case SlackMode.CUT_REPLY:
                reply = web.StreamResponse(headers={"Content-Length": "2"})
                await reply.prepare(request)
                await reply.write(b"o")
                return self._cut(request)
            case SlackMode.PORTAL:
                return web.Response(text=f"<html>log in to reach {request.url}</html>")
            case SlackMode.REDIRECT:
                raise web.HTTPFound("/elsewhere")

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(text="ok")

    def _judge(self, request: web.Request, body: bytes) -> web.Response:
        if request.method != "POST" or request.content_type != "application/json":
            return web.Response(status=400, text="invalid_payload")
        try:
            payload = json.loads(body)
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not payload.get("text") and not payload.get("blocks"):
            return web.Response(status=400, text="no_text")
        self.faults = faults(payload)
        if self.faults:
            return web.Response(status=400, text="invalid_blocks")
        self.posts.append(payload)
        return web.Response(text="ok")

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
