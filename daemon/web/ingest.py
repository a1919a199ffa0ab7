"""Ingesting: `POST /ingest/readings`, the readings of a foreign monitor, judged by the same rules at once."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from daemon.clock import Clock
from daemon.judge import Decision, Judge
from daemon.live.outage import is_outage, reason_of
from daemon.storage.database import Database, DatabaseError
from daemon.storage.foreign import ForeignStore
from daemon.storage.gates import GateStore
from daemon.storage.runs import RunStore
from daemon.web.answers import answer, problem
from daemon.web.posted_reading import PostError, read_posted
from daemon.web.status import to_plain
from monitors.reading import Reading

LARGEST_BODY: Final = 1024 * 1024
OLDEST_DAYS: Final = 366
"""Days before today of which a session may still be posted."""
ANSWER_S: Final = 20.0
"""Seconds the store may take."""
RETRY_S: Final = 15
"""What a caller is told to wait where the store does not answer."""

Decided = Callable[[Sequence[Decision]], None]
log = structlog.get_logger("ingest")


class Ingest:
    """Takes readings from those who have the key, once the daemon is ready to judge them."""

    def __init__(self, database: Database, clock: Clock, key: SecretStr | None) -> None:
        """Take the store, the machine's clock, and the key; without one nobody may post."""
        self._database = database
        self._clock = clock
        self._key = key.get_secret_value().encode() if key else b""
        self._judge: Judge | None = None
        self._wake: Callable[[], None] = lambda: None
        self._decided: Decided = lambda decisions: None

    def open(self, judge: Judge, wake: Callable[[], None], decided: Decided) -> None:
        """Begin to take readings.

        Args:
            judge: What holds the rules against them.
            wake: Called when there is something to deliver.
            decided: Hears what was decided about telling, once that is committed.
        """
        self._judge, self._wake, self._decided = judge, wake, decided

    async def take(self, request: web.Request) -> web.Response:
        """Answer one post."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        judge = self._judge
        if judge is None:
            return _later("the daemon is still starting, or replays history and judges nothing else")
        try:
            readings = read_posted(await request.clone(client_max_size=LARGEST_BODY).read())
        except PostError as error:
            faults = [to_plain(fault) for fault in error.faults]
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), faults=faults)
        today = self._clock.now().date()
        first, last = today - timedelta(days=OLDEST_DAYS), today + timedelta(days=1)
        if wrong := next((one.session for one in readings if not first <= one.session <= last), None):
            why = "lies in the future" if wrong > last else f"is more than {OLDEST_DAYS} days old"
            text = f"session {wrong} {why}; post one from {first} to {last}"
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, text)
        try:
            async with asyncio.timeout(ANSWER_S):
                body, decisions = await self._judge_all(judge, readings)
        except (DatabaseError, SQLAlchemyError, OSError, TimeoutError) as error:
            if isinstance(error, SQLAlchemyError) and not is_outage(error):
                raise
            log.error("readings could not be kept", reason=reason_of(error))
            return _later("the store does not answer; nothing was kept, post the same again")
        self._decided(decisions)
        self._wake()
        return answer(HTTPStatus.OK, body)

    async def _judge_all(
        self, judge: Judge, readings: tuple[Reading, ...]
    ) -> tuple[dict[str, Any], list[Decision]]:
        """Keep and judge what is new, in one transaction; what came before says nothing twice."""
        now = self._clock.now()
        decisions: list[Decision] = []
        async with self._database.write() as connection:
            gate = await GateStore(connection).hold(now)
            judged = await RunStore(connection).last_session("judge") or date.min
            oldest = max(judged, min(one.session for one in readings))
            newer = await ForeignStore(connection).newer(readings, than=oldest)
            fresh = await ForeignStore(connection).put(readings)
            # What is older than the newest of its kind, or than the newest judged: the alerts have moved on.
            current = [
                one
                for one in fresh
                if one.session >= max(judged, newer.get((one.metric, one.subject), judged))
            ]
            for session in sorted({one.session for one in current}):
                part = tuple(one for one in current if one.session == session)
                verdict = await judge.readings(connection, part, now, now)
                gate = verdict.gate
                decisions += verdict.decisions
        body = {
            "accepted": len(current),
            "repeated": len(readings) - len(fresh),
            "late": len(fresh) - len(current),
            "decisions": [to_plain(one) for one in decisions],
            "gate": {"state": gate.state.value, "epoch": gate.epoch},
        }
        return body, decisions

    def _refusal(self, request: web.Request) -> web.Response | None:
        if not self._key:
            text = "nobody may post readings: set FOREWARN_INGEST_KEY (or FOREWARN_INGEST_KEY_FILE)"
            return problem(HTTPStatus.FORBIDDEN, text)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode(errors="surrogateescape"), self._key
        ):
            return None
        response = problem(HTTPStatus.UNAUTHORIZED, "send the key as `Authorization: Bearer KEY`")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response


def _later(text: str) -> web.Response:
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, text)
    response.headers["Retry-After"] = str(RETRY_S)
    return response
