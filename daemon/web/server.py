"""The server: the status page, the same as JSON, and the process's health, over HTTP."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from daemon.clock import Clock
from daemon.configuration.settings import INGEST_KEY, Settings
from daemon.live.health import Health, LoopHealth
from daemon.storage.database import Database, DatabaseError
from daemon.web.answers import answer, problem
from daemon.web.ingest import Ingest
from daemon.web.metrics_page import metrics_page, without_store
from daemon.web.page import STYLE_HASH, render, render_unreadable
from daemon.web.status import GateStatus, Status, read_status, to_plain
from daemon.web.tallies import Tallies

SHUTDOWN_S: Final = 3.0
READ_S: Final = 10.0
"""Seconds the store may take to answer before the page says that it does not."""
REFRESH_S: Final = 15
LARGEST_BODY: Final = 64 * 1024

HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "forewarn",
}

KNOWN: Final = "known are /, /status, /health, /metrics and, to post, /ingest/readings"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("server")


class ServerError(Exception):
    """The server cannot start; the text names the address and the fix."""


class UnreadableError(Exception):
    """The store cannot be read; the text says why, without a secret."""


class Server:
    """Answers `GET /`, `/status`, `/health` and `/metrics`, which only read, and `POST /ingest/readings`.

    Attributes:
        ingest: What takes readings; it must be opened.
    """

    def __init__(
        self,
        database: Database,
        health: Health,
        clock: Clock,
        settings: Settings,
        *,
        version: str,
        tallies: Tallies | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            database: The store to show.
            health: The loops' progress stamps.
            clock: What time it is for people who look: the machine's own clock.
            settings: The configuration: host and port, and the rules in force.
            version: Forewarn's version.
            tallies: What the process counts.
        """
        self.ingest = Ingest(database, clock, settings.secrets.get(INGEST_KEY))
        self._tallies = tallies or Tallies()
        self._database = database
        self._health = health
        self._clock = clock
        self._host, self._port = settings.server.host, settings.server.port
        self._version = version
        self._rules = settings.rule_set()
        self._reading = asyncio.Semaphore(1)  # visitors never take the pipeline's connections
        self._unreadable = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ServerError: The address cannot be had.
        """
        host, port = self._host, self._port
        runner = web.AppRunner(self._app(), shutdown_timeout=SHUTDOWN_S, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            raise ServerError(_refusal(host, port, error)) from None
        self._runner = runner

    async def stop(self) -> None:
        """Answer what has been asked, for `SHUTDOWN_S` seconds at the most, and close."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def address(self) -> tuple[str, int]:
        """The host and the real port.

        Raises:
            ServerError: It does not listen.
        """
        if self._runner is None:
            raise ServerError("the server does not listen; start it first")
        host, port = self._runner.addresses[0][:2]
        return host, port

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host, port = self.address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def _app(self) -> web.Application:
        wrappers = [
            _problems,
            *([_only_local(self._host)] if _is_loopback(self._host) else []),
        ]
        app = web.Application(middlewares=wrappers, client_max_size=LARGEST_BODY)
        app.router.add_get("/", self._page)
        app.router.add_get("/status", self._status)
        app.router.add_get("/health", self._health_)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/ingest/readings", self.ingest.take)
        app.on_response_prepare.append(_add_headers)
        return app

    async def _page(self, request: web.Request) -> web.Response:
        still = request.query.get("reload") == "off"
        try:
            code, body = HTTPStatus.OK, render(await self._read(), refresh_s=REFRESH_S, still=still)
        except UnreadableError as error:
            code, loops = HTTPStatus.SERVICE_UNAVAILABLE, self._health.loops()
            body = render_unreadable(str(error), loops, at=self._clock.now(), refresh_s=REFRESH_S)
        return web.Response(text=body, status=code, content_type="text/html", charset="utf-8")

    async def _status(self, _: web.Request) -> web.Response:
        try:
            return answer(HTTPStatus.OK, (await self._read()).to_json())
        except UnreadableError as error:
            gate = to_plain(GateStatus.unknown(str(error)))
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), gate=gate)

    async def _health_(self, _: web.Request) -> web.Response:
        late = [loop for loop in self._health.loops() if not loop.ok]
        if not late:
            return answer(HTTPStatus.OK, {"status": "ok"})
        loops = [_lateness(loop) for loop in late]
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "late", "late": loops})

    async def _metrics(self, _: web.Request) -> web.Response:
        """Answer a scrape; while the store cannot be read, with what the process itself knows."""
        try:
            async with asyncio.timeout(READ_S), self._reading:
                page = await metrics_page(self._database, self._health, self._clock, self._tallies)
        except (TimeoutError, DatabaseError, SQLAlchemyError, OSError):
            page = without_store(self._health, self._tallies)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _read(self) -> Status:
        try:
            async with asyncio.timeout(READ_S), self._reading:
                status = await read_status(
                    self._database, self._health, self._clock, version=self._version, rules=self._rules
                )
                self._unreadable = ""
                return status
        except TimeoutError:
            reason = f"{self._database.name} did not answer within {READ_S:g} s"
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            reason = self._why(error)
        if reason != self._unreadable:  # once, however many visitors ask
            log.error("the store cannot be read", reason=reason)
        self._unreadable = reason
        raise UnreadableError(reason)

    def _why(self, error: Exception) -> str:
        name = self._database.name
        if isinstance(error, DatabaseError):
            return str(error).replace(self._database.name, name)
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        return f"cannot read {name}: {text}"


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem detail; what went wrong inside stays inside."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        known = KNOWN if error.status == HTTPStatus.NOT_FOUND else ""
        allowed = error.headers.get("Allow", "")
        detail = known or (f"allowed here: {allowed}" if allowed else "")
        response = problem(HTTPStatus(error.status), detail)
        if allowed:
            response.headers["Allow"] = allowed
        return response
    except Exception:
        log.exception("a request failed", method=request.method, path=request.path)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the log of Forewarn says more")


def _only_local(bound: str) -> Any:  # noqa: ANN401 - a middleware
    """Refuse a page of another origin that had its own name point at this machine (DNS rebinding)."""
    allowed = {"localhost", "127.0.0.1", "[::1]", bound, f"[{bound}]"}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.headers.get("Host", "").lower()
        if ":" in name.rpartition("]")[2]:
            name = name.rpartition(":")[0]
        if name not in allowed:
            text = "this server answers to localhost only; set server.host to serve other names"
            return problem(HTTPStatus.MISDIRECTED_REQUEST, text)
        return await handler(request)

    return check


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _lateness(loop: LoopHealth) -> dict[str, Any]:
    return {
        "name": loop.name,
        "progressed_at": loop.progressed_at.isoformat(),
        "within_s": loop.within_s,
        "note": loop.note,
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _refusal(host: str, port: int, error: OSError) -> str:
    fix = "set server.port or --port; 0 picks a free one"
    if error.errno == errno.EADDRINUSE:
        return f"{host}:{port} is in use by another process; {fix}"
    if error.errno == errno.EACCES:
        return f"{host}:{port} needs more rights than this process has; {fix}"
    text = error.strerror or error
    return f"cannot listen on {host}:{port}: {text}; set server.host to an address of this machine"
