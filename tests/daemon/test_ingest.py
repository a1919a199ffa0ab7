"""Readings that another program posts: who may, what is refused and why, and what follows at once."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from alerts.message import Severity
from alerts.rule import Action
from daemon.clock import ReplayClock
from daemon.configuration.settings import INGEST_KEY
from daemon.judge import Decision
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.web.server import Server
from tests.alerts.cases import rule
from tests.daemon.judged import Court
from tests.daemon.status_store import settings_with
from trading.gate import GateState

KEY = "a-key-of-some-length"
AUTH = {"Authorization": f"Bearer {KEY}"}
HALT = rule("foreign_halt", metric="foreign_psi", severity=Severity.CRITICAL, action=Action.HALT)


@dataclass
class Place:
    """A server that takes readings, its judge, and what it told others."""

    server: Server
    court: Court
    woken: int = 0
    decisions: list[Decision] = field(default_factory=list)

    def wake(self) -> None:
        self.woken += 1

    async def post(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.server.url}ingest/readings"
        shown = AUTH if headers is None else headers
        async with (
            aiohttp.ClientSession() as visitor,
            visitor.post(url, data=io.BytesIO(data), headers=shown) as reply,
        ):
            found: dict[str, Any] = json.loads(await reply.text())
            return reply.status, found


@pytest.fixture
async def place(database: Database, health: Health) -> AsyncIterator[Place]:
    court = Court(database, (HALT,))
    await court.hear(a=0.0)
    clock = ReplayClock(court.now)
    settings = settings_with(0).model_copy(update={"secrets": {INGEST_KEY: SecretStr(KEY)}})
    server = Server(database, health, clock, settings, version="1.2.3")
    found = Place(server, court)
    server.ingest.open(court.judge, found.wake, found.decisions.extend)
    await server.start()
    yield found
    await server.stop()


def one(place: Place, **changes: object) -> dict[str, Any]:
    usual = {
        "session": place.court.session.isoformat(),
        "metric": "foreign_psi",
        "subject": "a",
        "value": 0.9,
        "n": 250,
        "evidence": {"method": "theirs", "p_value": 0.001},
    }
    return usual | changes


async def test_a_posted_breach_closes_the_gate_and_is_told_in_one_transaction(place: Place) -> None:
    status, said = await place.post([one(place)])
    assert status == 200
    assert (said["accepted"], said["repeated"], said["gate"]["state"]) == (1, 0, "HALTED")
    assert said["decisions"][0] == {
        "alert": "foreign_halt/a", "group": "foreign_halt", "state": "firing", "reason": "first",
    }  # fmt: skip
    assert (await place.court.gate()).state is GateState.HALTED
    assert "foreign_halt" in {message.group for _, message in await place.court.messages()}
    assert (place.woken, len(place.decisions)) == (1, 1)


async def test_the_same_again_says_nothing_twice_and_a_newer_value_counts(place: Place) -> None:
    _, first = await place.post([one(place)])
    messages = len(await place.court.messages())
    status, again = await place.post([one(place)])
    assert (status, again["accepted"], again["repeated"], again["decisions"]) == (200, 0, 1, [])
    assert again["gate"] == first["gate"]
    assert len(await place.court.messages()) == messages
    _, newer = await place.post([one(place, value=0.0)])
    assert (newer["accepted"], newer["decisions"][0]["state"]) == (1, "resolved")
    assert newer["gate"]["state"] == "HALTED", "what latched is lifted by a person only"


async def test_what_could_not_be_measured_is_posted_as_null(place: Place) -> None:
    status, said = await place.post([one(place, value=None, evidence=None)])
    assert (status, said["accepted"]) == (200, 1)
    assert (await place.post([one(place, value=None, evidence=None)]))[1]["repeated"] == 1


async def test_a_session_that_is_over_is_kept_and_moves_no_alert(place: Place) -> None:
    old = (place.court.session - timedelta(days=3)).isoformat()
    status, said = await place.post([one(place, session=old)])
    assert (status, said["accepted"], said["late"], said["decisions"]) == (200, 0, 1, [])


async def test_of_two_sessions_of_the_same_thing_the_newer_counts(place: Place) -> None:
    today, tomorrow = place.court.session, place.court.session + timedelta(days=1)
    _, said = await place.post([one(place, session=day.isoformat(), value=0.0) for day in (tomorrow, today)])
    assert (said["accepted"], said["late"]) == (2, 0)
    _, said = await place.post([one(place, session=today.isoformat())])
    assert (said["accepted"], said["late"], said["decisions"]) == (0, 1, [])
    assert said["gate"]["state"] == "ACTIVE"


@pytest.mark.parametrize(("days", "why"), [(5, "lies in the future"), (-400, "is more than 366 days old")])
async def test_a_session_far_from_today_is_refused(place: Place, days: int, why: str) -> None:
    far = place.court.session + timedelta(days=days)
    status, said = await place.post([one(place, session=far.isoformat())])
    assert status == 422
    assert f"session {far} {why}; post one from " in said["detail"]


@pytest.mark.parametrize(
    ("changes", "field_", "words", "fix"),
    [
        ({"value": "much"}, "[0].value", "number", "post a JSON list"),
        ({"n": -1}, "[0].n", "greater than or equal to 0", "the limit is 0"),
        (
            {"evidence": {"method": "x", "p_value": 1.5}},
            "[0].evidence.p_value",
            "less than",
            "the limit is 1",
        ),
        ({"evidence": {"method": "x"}}, "[0].evidence", "exactly one", "see"),
        ({"metric": "psi"}, "[0]", "'psi' is Forewarn's own", "see"),
        ({"sate": "ok"}, "[0].sate", "not permitted", "did you mean 'state'?"),
        ({"session": "1/2/2024"}, "[0].session", "date", "2024-01-02"),
        ({"state": "bad"}, "[0].state", "'ok'", "write one of"),
        ({"state": "no_data"}, "[0]", "does not go with value 0.9", "see"),
        ({"subject": "x" * 65}, "[0].subject", "at most 64", "the limit is 64"),
        ({"subject": "a\x00b"}, "[0].subject", "U+0000, which is not printable", "see"),
        ({"detail": "a\u202eb"}, "[0].detail", "U+202E, which is not printable", "see"),
        ({"metric": "a\nb"}, "[0].metric", "U+000A", "see"),
        ({"monitor": "\x1b[31m"}, "[0].monitor", "U+001B", "see"),
        ({"value": True}, "[0].value", "number", "post a JSON list"),
        ({"value": 1e308}, "[0].value", "less than", "the limit is 1e+100"),
        ({"session": 1_700_000_000}, "[0].session", "date", "2024-01-02"),
    ],
)
async def test_what_is_wrong_is_named_with_its_value_its_limit_and_the_fix(
    place: Place, changes: dict[str, object], field_: str, words: str, fix: str
) -> None:
    status, said = await place.post([one(place, **changes)])
    assert status == 422
    (fault,) = said["faults"]
    assert fault["field"] == field_
    assert words in fault["problem"]
    assert fix in fault["fix"]
    assert (await place.court.gate()).state is not GateState.HALTED


async def test_one_that_lacks_its_metric_or_is_there_twice_is_refused(place: Place) -> None:
    lacking = one(place)
    del lacking["metric"]
    assert (await place.post([lacking]))[1]["faults"][0]["fix"] == "give metric"
    status, said = await place.post([one(place), one(place, value=0.1)])
    assert (status, said["faults"][0]["problem"][:12]) == (422, "repeats [0]:")


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[]", b"null", b"[1]", b"\xff"])
async def test_a_body_that_is_no_list_of_readings_is_refused(place: Place, body: bytes) -> None:
    status, said = await place.post(body)
    assert status == 422
    assert said["faults"]


async def test_a_body_that_is_too_large_is_refused(place: Place) -> None:
    assert (await place.post(b" " * (1024 * 1024 + 1)))[0] == 413


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": "Bearer \udcff"}],
)
async def test_nobody_without_the_key_is_heard(place: Place, headers: dict[str, str]) -> None:
    status, said = await place.post([one(place)], headers)
    assert status == 401
    assert KEY not in json.dumps(said)


async def test_without_a_key_in_the_configuration_nobody_may_post(
    database: Database, health: Health, clock: ReplayClock
) -> None:
    server = Server(database, health, clock, settings_with(0), version="1")
    await server.start()
    try:
        status, said = await Place(server, Court(database, ())).post([])
        assert status == 403
        assert "FOREWARN_INGEST_KEY" in said["detail"]
    finally:
        await server.stop()


async def test_before_the_daemon_can_judge_a_caller_is_told_to_come_again(place: Place) -> None:
    place.server.ingest._judge = None
    assert (await place.post([one(place)]))[0] == 503


async def test_many_readings_are_taken_at_once(place: Place) -> None:
    many = [one(place, subject=f"s{number}", value=0.1) for number in range(2000)]
    status, said = await place.post(many)
    assert (status, said["accepted"]) == (200, 2000)
    assert (await place.post(many))[1]["repeated"] == 2000
