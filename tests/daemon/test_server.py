from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.web import server as server_module
from daemon.web.server import HEADERS, Server
from tests.daemon.status_store import fill, later, open_store, settings_with

SECRET = "hunter2"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    store = await open_store(f"sqlite:///{tmp_path}/server.db")
    await fill(store)
    yield store
    await store.aclose()


@pytest.fixture
async def visitor() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def ask(
    visitor: aiohttp.ClientSession, server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[aiohttp.ClientResponse, str]:
    async with visitor.request(method, server.url.rstrip("/") + path, headers=headers) as response:
        return response, await response.text()


async def test_the_page_is_html(visitor: aiohttp.ClientSession, server: Server) -> None:
    response, body = await ask(visitor, server, "/")
    assert (response.status, response.content_type, response.charset) == (200, "text/html", "utf-8")
    assert "HALTED" in body
    assert 'http-equiv="refresh"' in body


async def test_a_visitor_may_hold_the_page_still(visitor: aiohttp.ClientSession, server: Server) -> None:
    _, body = await ask(visitor, server, "/?reload=off")
    assert 'http-equiv="refresh"' not in body


async def test_the_status_is_json(visitor: aiohttp.ClientSession, server: Server) -> None:
    response, body = await ask(visitor, server, "/status")
    assert (response.status, response.content_type) == (200, "application/json")
    status = json.loads(body)
    assert (status["gate"]["state"], status["version"]) == ("HALTED", "1.2.3")
    assert status["alerts"][0]["severity"] == "critical"


async def test_healthy_loops_are_ok(visitor: aiohttp.ClientSession, server: Server, health: Health) -> None:
    health.stamp("schedule", within_s=60, note="")
    response, body = await ask(visitor, server, "/health")
    assert (response.status, json.loads(body)) == (200, {"status": "ok"})


async def test_a_late_loop_is_named(
    visitor: aiohttp.ClientSession, server: Server, health: Health, clock: ReplayClock
) -> None:
    health.stamp("schedule", within_s=60, note="ran 1 session")
    health.stamp("delivery", within_s=600, note="")
    later(clock, 120)
    response, body = await ask(visitor, server, "/health")
    assert response.status == 503
    answer = json.loads(body)
    assert answer["status"] == "late"
    assert [(loop["name"], loop["within_s"]) for loop in answer["late"]] == [("schedule", 60)]


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", "/../etc/passwd", 404, "Not Found"),
        ("POST", "/", 405, "Method Not Allowed"),
        ("DELETE", "/status", 405, "Method Not Allowed"),
    ],
)
async def test_errors_are_problem_details(
    visitor: aiohttp.ClientSession, server: Server, method: str, path: str, status: int, title: str
) -> None:
    response, body = await ask(visitor, server, path, method)
    assert (response.status, response.content_type) == (status, "application/problem+json")
    problem = json.loads(body)
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", title, status)
    assert problem["detail"]
    if status == 405:
        assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/", "/status", "/health"])
async def test_head_answers_like_get_without_a_body(
    visitor: aiohttp.ClientSession, server: Server, path: str
) -> None:
    response, body = await ask(visitor, server, path, "HEAD")
    assert (response.status, body) == (200, "")


@pytest.mark.parametrize("path", ["/", "/status", "/health", "/nothing"])
async def test_every_answer_carries_the_security_headers(
    visitor: aiohttp.ClientSession, server: Server, path: str
) -> None:
    response, _ = await ask(visitor, server, path)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe-inline" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:99", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8087"]
)
async def test_local_names_are_served(visitor: aiohttp.ClientSession, server: Server, host: str) -> None:
    response, _ = await ask(visitor, server, "/status", Host=host)
    assert response.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8087", "127.0.0.1.evil.example", "[::2]", ""]
)
async def test_another_name_for_this_machine_is_refused(
    visitor: aiohttp.ClientSession, server: Server, host: str
) -> None:
    response, body = await ask(visitor, server, "/status", Host=host)
    assert (response.status, response.content_type) == (421, "application/problem+json")
    assert "HALTED" not in body


async def test_an_open_address_serves_every_name(
    visitor: aiohttp.ClientSession, database: Database, health: Health, clock: ReplayClock
) -> None:
    server = Server(database, health, clock, settings_with(0, "0.0.0.0"), version="1")  # noqa: S104
    await server.start()
    url = f"http://127.0.0.1:{server.address[1]}/health"
    async with visitor.get(url, headers={"Host": "quant.example"}) as response:
        assert response.status == 200
    await server.stop()


async def test_a_missing_store_shows_an_unknown_gate_and_is_not_created(
    visitor: aiohttp.ClientSession, health: Health, clock: ReplayClock, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/none.db")
    server = Server(database, health, clock, settings_with(0), version="1")
    await server.start()
    response, page = await ask(visitor, server, "/")
    assert (response.status, response.content_type) == (503, "text/html")
    assert "UNKNOWN" in page
    assert "no such store" in page
    assert not (tmp_path / "none.db").exists()
    response, body = await ask(visitor, server, "/status")
    assert (response.status, response.content_type) == (503, "application/problem+json")
    assert json.loads(body)["gate"]["state"] == "UNKNOWN"
    assert (await ask(visitor, server, "/health"))[0].status == 200
    await server.stop()
    await database.aclose()


async def test_an_unreachable_database_tells_no_password(
    visitor: aiohttp.ClientSession, health: Health, clock: ReplayClock
) -> None:
    url = f"postgresql://ann:{SECRET}@127.0.0.1:1/forewarn?password={SECRET}"
    database = Database(url)
    server = Server(database, health, clock, settings_with(0), version="1")
    await server.start()
    for path in ("/", "/status"):
        response, body = await ask(visitor, server, path)
        assert response.status == 503
        assert "127.0.0.1:1/forewarn" in body
        assert SECRET not in body
    await server.stop()
    await database.aclose()


@pytest.mark.parametrize("path", ["/", "/status"])
async def test_the_reference_of_a_channel_is_never_shown(
    visitor: aiohttp.ClientSession, server: Server, path: str
) -> None:
    _, body = await ask(visitor, server, path)
    assert "hooks.slack.com" not in body


async def test_a_database_that_does_not_answer_is_not_waited_for(
    visitor: aiohttp.ClientSession, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(server_module, "READ_S", 0.05)
    monkeypatch.setattr(server_module, "read_status", hang)
    response, page = await ask(visitor, server, "/")
    assert response.status == 503
    assert "did not answer" in page


async def test_what_goes_wrong_inside_stays_inside(
    visitor: aiohttp.ClientSession, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(server_module, "read_status", fail)
    response, body = await ask(visitor, server, "/")
    assert (response.status, response.content_type) == (500, "application/problem+json")
    assert SECRET not in body
    assert "Traceback" not in body
    assert "RuntimeError" not in body
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


async def test_many_visitors_at_once_all_get_their_page(
    visitor: aiohttp.ClientSession, server: Server
) -> None:
    answers = await asyncio.gather(*(ask(visitor, server, "/status") for _ in range(20)))
    assert {response.status for response, _ in answers} == {200}


async def test_the_event_loop_is_never_held_for_long(
    visitor: aiohttp.ClientSession, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(visitor, server, "/")  # the first visit compiles the queries
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 0.5  # a busy machine is no fault of ours
    loop.set_debug(True)
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        response, _ = await ask(visitor, server, "/")
    assert response.status == 200
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
