"""A stand-in for a webhook's receiver: it verifies the signature and takes every key once.

`python -m tests.stand_ins.webhook --port 0` runs it as a process: it prints its address as one line of JSON,
`POST /control` sets its mode, and `GET /control` tells what it took.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from enum import StrEnum
from typing import Any, Self

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.stand_ins.process import Dice, Fate, flags, live

PATH = "/hooks/forewarn"
SECRET = "whsec_" + "c3RhbmQtaW4tZm9yLWEtc2lnbmluZy1rZXktMzItYg=="


class WebhookMode(StrEnum):
    """How the stand-in answers."""

    OK = "ok"
    SERVER_ERROR = "500"
    BUSY = "429"
    BAD_REQUEST = "400"
    GONE = "410"
    NOT_MODIFIED = "304"
    REDIRECT = "redirect"
    HANG = "hang before acting"
    ACT_THEN_HANG = "act, then hang"
    ACT_THEN_DROP = "act, then drop the reply"
    DRIP = "act, then drip the reply's head"
    RESET = "reset before acting"


class WebhookStandIn:
    """Takes posts on `url`.

    Attributes:
        bodies: The same as they came, with their headers in `headers`.
        taken: The bodies it took, by key; a key that comes again is answered 200 and not taken again.
        repeats: How often each key came after it was taken.
        refused: Why posts were refused, as a bad signature.
    """

    def __init__(self, *, secret: str = SECRET, dice: Dice | None = None) -> None:
        self.mode = WebhookMode.OK
        self.retry_after: str | None = None
        self.taken: dict[str, dict[str, Any]] = {}
        self.headers: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.repeats: Counter[str] = Counter()
        self.refused: list[str] = []
        self.requests = 0
        self.asked = asyncio.Event()
        self.url = ""
        self._webhook = Webhook(secret)
        self._dice = dice or Dice()
        self._leave = asyncio.Event()
        self.port = 0
        self._runner: web.AppRunner | None = None

    def on_port(self, port: int) -> Self:
        """Listen there instead of on a port that is free."""
        self.port = port
        return self

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", PATH, self._handle)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        app.router.add_get("/control", self._tell)
        app.router.add_post("/control", self._steer)
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}{PATH}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = await request.text()
        self.asked.set()
        match self.mode:
            case WebhookMode.SERVER_ERROR:
                return web.Response(status=500, headers=self._wish())
            case WebhookMode.BUSY:
                return web.Response(status=429, headers=self._wish())
            case WebhookMode.BAD_REQUEST | WebhookMode.GONE | WebhookMode.NOT_MODIFIED:
                return web.Response(status=int(self.mode.value))
            case WebhookMode.REDIRECT:
                raise web.HTTPTemporaryRedirect("/elsewhere")
            case WebhookMode.RESET:
                return self._cut(request)
            case WebhookMode.HANG:
                await self._leave.wait()
        if request.method == "HEAD":
            return web.Response(status=405)
        return await self._act(request, body)

    async def _act(self, request: web.Request, body: str) -> web.StreamResponse:
        fate = self._dice.throw()
        if fate is Fate.REFUSED:
            return web.Response(status=500)
        reply = self._take(request, body)
        if fate is Fate.REPLY_LOST or self.mode is WebhookMode.ACT_THEN_DROP:
            return self._cut(request)
        if self.mode is WebhookMode.ACT_THEN_HANG:
            await self._leave.wait()
        if self.mode is WebhookMode.DRIP:
            return await self._drip(request)
        return reply

    def _take(self, request: web.Request, body: str) -> web.Response:
        if request.method != "POST" or request.content_type != "application/json":
            return self._refuse("no JSON was posted")
        try:
            parsed = self._webhook.verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            return self._refuse(str(error), status=401)
        key = request.headers["Idempotency-Key"]
        if key != request.headers["webhook-id"]:
            return self._refuse("Idempotency-Key and webhook-id differ")
        if key in self.taken:
            self.repeats[key] += 1
            return web.Response(status=200)
        self.taken[key] = parsed
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        return web.Response(status=202)

    def _refuse(self, why: str, status: int = 400) -> web.Response:
        self.refused.append(why)
        return web.Response(status=status, text=why)

    def _wish(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": self.retry_after}

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _drip(self, request: web.Request) -> web.Response:
        """Send the head of the reply a byte at a time, never to its end."""
        transport = request.transport
        while transport is not None and not transport.is_closing() and not self._leave.is_set():
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"H")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self._leave.wait()
        return self._cut(request)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response()

    async def _tell(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "mode": self.mode,
                "requests": self.requests,
                "taken": list(self.taken),
                "repeats": self.repeats,
                "refused": self.refused,
            }
        )

    async def _steer(self, request: web.Request) -> web.Response:
        given = await request.json()
        self.mode = WebhookMode(given["mode"])
        self.retry_after = given.get("retry_after")
        return web.json_response({"mode": self.mode})


async def _serve(port: int, dice: Dice, secret: str, lifetime_s: float) -> None:
    async with WebhookStandIn(secret=secret, dice=dice).on_port(port) as stand_in:
        await live({"url": stand_in.url, "port": stand_in.port}, lifetime_s)


def main() -> None:
    """Run the stand-in as a process."""
    parser = flags(__doc__)
    parser.add_argument("--secret", default=SECRET)
    given = parser.parse_args()
    dice = Dice(given.errors, given.reply_loss, given.seed)
    asyncio.run(_serve(given.port, dice, given.secret, given.lifetime_s))


if __name__ == "__main__":
    main()
