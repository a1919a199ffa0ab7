"""A stand-in for Slack's Web API and Socket Mode: a real server that enforces Slack's rules.

It can be told to misbehave. `python -m tests.stand_ins.slack_api --port 0` runs it as a process of its own;
it prints its address as one line of JSON and is steered and read over HTTP below `/control/`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from aiohttp import web

from tests.stand_ins.slack_socket import SlackSocketStandIn
from tests.stand_ins.slack_workspace import (
    APP_TOKEN,
    BOT_TOKEN,
    CHART_LIMIT,
    Json,
    SlackWorkspace,
    Upload,
    refuse,
)

# (calls a second, burst): Slack's tiers. chat.postMessage is counted by channel, the others by method.
TOLERATED = 0.9
"""Slack bears with the jitter of a sender that keeps to one a second: on a busy machine a tenth of it."""

PACES: dict[str, tuple[float, int]] = {
    "chat.postMessage": (1.0, 1),
    "chat.update": (50 / 60, 50),
    "chat.postEphemeral": (100 / 60, 100),
    "conversations.history": (50 / 60, 50),
    "conversations.replies": (50 / 60, 50),
    "conversations.info": (50 / 60, 50),
    "auth.test": (10.0, 100),
    "files.getUploadURLExternal": (100 / 60, 100),
    "files.completeUploadExternal": (100 / 60, 100),
    "apps.connections.open": (1.0, 20),
}


class Fault(StrEnum):
    """What can go wrong with one request."""

    HANG = "hang"
    ACT_THEN_HANG = "act, then hang"
    ACT_THEN_DROP = "act, then drop the reply"
    RESET = "reset before acting"
    DRIP = "act, then drip the reply"
    ERROR_500 = "500"
    ERROR_503 = "503"
    BAD_GATEWAY = "502 after acting"
    RATE_LIMITED = "429"
    INTERNAL_ERROR = "internal_error after acting"
    PORTAL = "a portal's page"
    PLAIN_TEXT = "plain text"
    LIST = "a JSON list"
    REDIRECT = "redirect"


@dataclass
class Call:
    """One request and how it ended.

    Attributes:
        at: Seconds on the monotonic clock.
        early: It came before the time a 429 had named.
    """

    method: str
    at: float
    ended: str
    early: bool = False


@dataclass
class SlackApiStandIn(SlackWorkspace):
    """Serves on `url` (the API) and a websocket; keeps what it accepted.

    Attributes:
        paced: Whether the rate limits hold.
        reply_loss: Share of accepted posts whose reply is dropped.
        errors: Share of requests answered with 500 before anything is done.
        calls: Every request.
    """

    port: int = 0
    paced: bool = True
    reply_loss: float = 0.0
    errors: float = 0.0
    seed: int = 7
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked = asyncio.Event()
        self.socket = SlackSocketStandIn()
        self._script: dict[str, deque[Fault]] = {}
        self._random = random.Random(self.seed)
        self._buckets: dict[str, tuple[float, float]] = {}
        self._not_before: dict[str, float] = {}
        self._leave = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=CHART_LIMIT)
        app.router.add_route("*", "/api/{method}", self._handle)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        app.router.add_post("/upload/{id}", self._take_file)
        app.router.add_get("/link", self.socket.serve)
        app.router.add_get("/control/state", self._show)
        app.router.add_post("/control/set", self._steer)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/api/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        await self.socket.close_all()
        if self._runner is not None:
            await self._runner.cleanup()

    def break_next(self, method: str, *planned: Fault) -> None:
        """Let the next requests of a method go wrong, each in its way."""
        self._script.setdefault(method, deque()).extend(planned)

    def count(self, method: str) -> int:
        """Return how often a method was asked for."""
        return sum(call.method == method for call in self.calls)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        call = Call(method, time.monotonic(), "")
        self.calls.append(call)
        self.asked.set()
        fault = self._fault(method)
        if fault is not None and (reply := await self._fail_before(request, fault, call)):
            return reply
        answer = self._answer(request, method, arguments, call)
        call.ended = answer.get("error", "ok")
        if fault is not None and (reply := await self._fail_after(request, fault, answer, call)):
            return reply
        status = 429 if answer.get("error") == "ratelimited" else 200
        headers = {"X-OAuth-Scopes": self.scopes}
        if status == 429:
            headers["Retry-After"] = str(answer["retry_after"])
        return web.json_response(answer, status=status, headers=headers)

    def _fault(self, method: str) -> Fault | None:
        if planned := self._script.get(method):
            return planned.popleft()
        if self.errors and self._random.random() < self.errors:
            return Fault.ERROR_500
        posting = method in {"chat.postMessage", "chat.update"}
        if posting and self.reply_loss and self._random.random() < self.reply_loss:
            return Fault.ACT_THEN_DROP
        return None

    async def _fail_before(  # noqa: PLR0911 -- one per fault
        self, request: web.Request, fault: Fault, call: Call
    ) -> web.StreamResponse | None:
        call.ended = fault.value
        match fault:
            case Fault.HANG:
                await self._leave.wait()
                return web.Response()
            case Fault.RESET:
                return _cut(request)
            case Fault.ERROR_500:
                return web.Response(status=500, text="<html>oops</html>", content_type="text/html")
            case Fault.ERROR_503:
                body = {"ok": False, "error": "service_unavailable"}
                return web.json_response(body, status=503)
            case Fault.RATE_LIMITED:
                self._not_before[call.method] = time.monotonic() + 7
                body = {"ok": False, "error": "ratelimited"}
                return web.json_response(body, status=429, headers={"Retry-After": "7"})
            case Fault.PORTAL:
                return web.Response(
                    text=f"<html>log in to reach {request.url}</html>", content_type="text/html"
                )
            case Fault.PLAIN_TEXT:
                return web.Response(text="welcome to the hotel")
            case Fault.LIST:
                return web.json_response(["ok"])
            case Fault.REDIRECT:
                raise web.HTTPFound("/elsewhere")
            case _:
                return None

    async def _fail_after(
        self, request: web.Request, fault: Fault, answer: Json, call: Call
    ) -> web.StreamResponse | None:
        call.ended = f"{call.ended}, {fault.value}"
        match fault:
            case Fault.ACT_THEN_HANG:
                await self._leave.wait()
                return web.Response()
            case Fault.ACT_THEN_DROP:
                return _cut(request)
            case Fault.DRIP:
                reply = web.StreamResponse(headers={"Content-Type": "application/json"})
                await reply.prepare(request)
                for byte in json.dumps(answer).encode():
                    await reply.write(bytes([byte]))
                    await asyncio.sleep(0.2)
                return reply
            case Fault.BAD_GATEWAY:
                return web.Response(status=502, text="bad gateway")
            case Fault.INTERNAL_ERROR:
                return web.json_response({"ok": False, "error": "internal_error"})
            case _:
                return None

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.calls.append(Call("elsewhere", time.monotonic(), "ok"))
        return web.json_response({"ok": True, "ts": "1.000001"})

    def _answer(self, request: web.Request, method: str, arguments: Json, call: Call) -> Json:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return refuse("not_authed")
        if token not in {BOT_TOKEN, APP_TOKEN}:
            return refuse("invalid_auth")
        if (token == APP_TOKEN) != (method == "apps.connections.open"):
            return refuse("not_allowed_token_type")
        if wait_s := self._wait_s(method, str(arguments.get("channel", "")), call):
            return {**refuse("ratelimited"), "retry_after": wait_s}
        handler: Callable[[Json], Json] | None = getattr(self, f"_{method.replace('.', '_')}", None)
        return refuse("unknown_method") if handler is None else handler(arguments)

    def _wait_s(self, method: str, channel: str, call: Call) -> int:
        """Return the whole seconds to wait, 0 to go ahead: a token bucket for each method."""
        now = time.monotonic()
        bucket = f"{method} {channel}" if method == "chat.postMessage" else method
        call.early = now < self._not_before.get(method, 0.0)
        per_s, burst = PACES.get(method, (100.0, 100))
        if not self.paced:
            return 0
        level, at = self._buckets.get(bucket, (float(burst), now))
        level = min(float(burst), level + (now - at) * per_s)
        if level < TOLERATED:
            self._buckets[bucket] = (level, now)
            wait_s = max(1, round((1.0 - level) / per_s + 0.499))
            self._not_before[method] = now + wait_s
            return wait_s
        self._buckets[bucket] = (level - 1.0, now)
        return 0

    def _files_getUploadURLExternal(self, arguments: Json) -> Json:  # noqa: N802 -- Slack's name
        if refused := self._lacks("files:write"):
            return refused
        if not arguments.get("filename") or int(arguments.get("length") or 0) < 1:
            return refuse("invalid_arguments")
        upload = Upload(f"F{len(self._begun):08d}", str(arguments["filename"]), int(arguments["length"]))
        self._begun[upload.id] = upload
        return {"ok": True, "file_id": upload.id, "upload_url": f"{self.url[:-4]}upload/{upload.id}"}

    async def _take_file(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(Call("upload", time.monotonic(), "ok"))
        upload = self._begun.get(request.match_info["id"])
        body = await request.read()
        if upload is None or len(body) != upload.length:
            return web.Response(status=400, text="bad length")
        upload.body = body
        return web.Response(text=f"OK - {len(body)}")

    def _apps_connections_open(self, _: Json) -> Json:
        ticket = self.socket.new_ticket()
        return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/link?ticket={ticket}&app_id=A0"}

    async def _show(self, _: web.Request) -> web.Response:
        state = {
            "posts": [asdict(post) for post in self.posts],
            "calls": [asdict(call) for call in self.calls],
            "whispers": self.whispers,
            "uploads": len(self.uploads),
            "refusals": self.refusals,
            "acks": [asdict(envelope) for envelope in self.socket.envelopes],
        }
        return web.json_response(state)

    async def _steer(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        for name in ("paced", "reply_loss", "errors"):
            if name in wanted:
                setattr(self, name, wanted[name])
        for method, planned in wanted.get("break_next", {}).items():
            self.break_next(method, *map(Fault, planned))
        return web.json_response({"ok": True})


async def _arguments(request: web.Request) -> Json:
    if request.content_type == "application/json":
        body = await request.json()
        return body if isinstance(body, dict) else {}
    return {**request.query, **await request.post()}


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _serve(port: int, lifetime_s: float, **knobs: Any) -> None:  # noqa: ANN401 -- the dataclass's own
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SlackApiStandIn(port=port, **knobs) as stand_in:
        print(json.dumps({"url": stand_in.url, "port": stand_in.port}), flush=True)  # noqa: T201 -- its output
        try:
            async with asyncio.timeout(lifetime_s):
                await stop.wait()
        except TimeoutError:
            return


def main() -> None:
    """Run until a signal, or until the lifetime ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lifetime-s", type=float, default=600.0)
    parser.add_argument("--reply-loss", type=float, default=0.0)
    parser.add_argument("--errors", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--unpaced", action="store_true")
    given = parser.parse_args()
    asyncio.run(
        _serve(
            given.port,
            given.lifetime_s,
            reply_loss=given.reply_loss,
            errors=given.errors,
            seed=given.seed,
            paced=not given.unpaced,
        )
    )


if __name__ == "__main__":
    main()
