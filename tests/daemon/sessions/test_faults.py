"""A death, or a store that fails, between any two steps of a first start or of a session changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.clock import ReplayClock
from daemon.due import Due, due_of
from daemon.session import WARM_UP
from daemon.storage.database import Database, DatabaseError
from daemon.storage.schema import bars, features, forecasts, outside, regimes, runs, sessions
from daemon.today import Today
from market.exchange import Exchange
from market.outside import Outside
from market.short_volume import ShortVolume, known_at
from tests.daemon.replays import short_settings
from tests.daemon.sessions.desk import FIRST, Desk

HISTORY = 2
EVERY = {"sqlite": 1, "postgres": 5}
"""Of the places one in so many is tried: a new Postgres database takes longer than the rest."""
DAYS = (FIRST, date(2004, 6, 2), date(2004, 6, 3))
KEPT = (sessions, bars, outside, features, regimes, forecasts)


class Killed(BaseException):
    """The process is gone."""


class Fault(StrEnum):
    """What happens."""

    KILL = "kill"
    OUTAGE = "outage"


class Posted:
    """Gives FINRA's file of a session, which is not asked for before it is posted."""

    def __init__(self, tickers: tuple[str, ...], clock: ReplayClock, passed: Callable[[str], None]) -> None:
        self._tickers, self._clock, self._passed = tickers, clock, passed

    async def of(self, session: date) -> ShortVolume | None:
        self._passed(f"file of {session}")
        assert self._clock.now() >= known_at(session), f"the file of {session} is asked for too early"
        total = np.full(len(self._tickers), 4.0 + session.day)
        return ShortVolume(session, self._tickers, total / 4.0, total)

    @asynccontextmanager
    async def expecting(self, sessions: Sequence[date]) -> AsyncIterator[None]:
        assert len(set(sessions)) == len(sessions), f"asked twice for one of {sessions}"
        yield


class FaultyDatabase(Database):
    """A store that fails at one place between two lines, or takes the process with it."""

    def __init__(self, url: str, fails_at: int, fault: Fault) -> None:
        super().__init__(url, durable=False)
        self.fails_at, self.fault = fails_at, fault
        self.places: list[str] = []

    def passed(self, where: str) -> None:
        self.places.append(where)
        if len(self.places) == self.fails_at:
            raise Killed if self.fault is Fault.KILL else DatabaseError(f"gone at {where}")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        self.passed("write")
        async with super().write() as connection:
            yield connection
            self.passed("commit")
        self.passed("committed")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        self.passed("read")
        async with super().read() as connection:
            yield connection


class FaultyDesk(Desk):
    """A desk on such a store; the beginning of a forecast is a place, too."""

    def __init__(self, store: FaultyDatabase, folder: Path, exchange: Exchange) -> None:
        self.store = store
        super().__init__(store, short_settings(folder), exchange, history=HISTORY)
        tickers = self.provider.panel.tickers
        splits = dict.fromkeys(tickers, ())
        self.outside = Outside(Posted(tickers, self.clock, store.passed), splits=splits)

    def restart(self) -> None:
        super().restart()
        forecast = self.pipeline._forecast

        async def marked(due: Due, today: Today) -> None:
            self.store.passed("forecast")
            await forecast(due, today)

        self.pipeline._forecast = marked  # type: ignore[method-assign]

    async def look(self) -> int:
        self.store.passed("look")
        return await super().look()


async def run(desk: FaultyDesk, later: date | None = None) -> None:
    """Run what is due; after a death start again, after a failure go on as the loop of a daemon does.

    Args:
        desk: Whose clock shows what is due.
        later: When it starts again after a death; None at once.
    """
    began = False
    while True:
        try:
            if not began:
                desk.restart()
                await desk.pipeline.restore()
                await desk.sessions.start()
                began = True
            await desk.look()
        except Killed:
            began = False
            if later is not None:
                desk.at(later)
        except DatabaseError:
            try:
                await desk.sessions.restore()
            except (Killed, DatabaseError):
                began = False
        else:
            return


async def tables(desk: FaultyDesk, apart: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return what is kept, one column apart, and the steps in the ledger."""
    async with Database.read(desk.database) as connection:
        out = {}
        for table in KEPT:
            columns = [one for one in table.columns if "wall" not in one.name and one.name != apart]
            rows = await connection.execute(select(*columns).order_by(*table.primary_key.columns))
            out[table.name] = [tuple(row) for row in rows]
        steps = await connection.execute(
            select(runs.c.session, runs.c.job).order_by(*runs.primary_key.columns)
        )
        out["steps"] = [tuple(row) for row in steps]
    return out


async def story(
    url: str,
    folder: Path,
    exchange: Exchange,
    fails_at: int = 0,
    fault: Fault = Fault.KILL,
    *,
    later: date | None = None,
    apart: str = "",
) -> tuple[dict[str, list[tuple[Any, ...]]], list[str]]:
    """Run a first start and the two sessions after it; return what is kept in the end, and every place."""
    database = FaultyDatabase(url, fails_at, fault)
    desk = FaultyDesk(database, folder, exchange)
    for session in DAYS:
        if later is None or desk.clock.now() < due_of(exchange, later, desk.settings.schedule).due_at:
            desk.at(session)
            await run(desk, later)
    found = await tables(desk, apart)
    assert desk.pipeline.memory.sessions == [session for session, *_ in found["sessions"]]
    await database.aclose()
    return found, database.places


def before_the_forecasts(places: list[str], count: int) -> list[int]:
    """Return the places before the forecast of the first sessions to be forecast, numbered from 1.

    They are what a start reads, and all up to the features of each; the rest is `test_kill_and_resume`'s.
    """
    looks = [i for i, where in enumerate(places) if where == "look"]
    ends = [places.index("forecast", at) for at in looks[:count]]
    return [i + 1 for begin, end in zip([0, *looks[1:count]], ends, strict=True) for i in range(begin, end)]


@pytest.mark.parametrize("fault", Fault)
async def test_wherever_a_first_start_or_a_session_ends_all_is_kept_as_in_an_undisturbed_one(
    kind: str, migrated_url: Callable[[], str], exchange: Exchange, tmp_path: Path, fault: Fault
) -> None:
    expected, places = await story(migrated_url(), tmp_path, exchange)
    told = {session: of for session, _, of, *_ in expected["outside"]}
    days = [session for session, *_ in expected["sessions"]]
    assert told == dict(zip(days[1:], days[:-1], strict=True))
    chosen = before_the_forecasts(places, 2)
    assert len(chosen) > 30, places
    if fault is Fault.OUTAGE:
        chosen = [place for place in chosen if places[place - 1] in {"commit", "committed"}]
    for place in chosen[:: EVERY[kind]]:
        found, _ = await story(migrated_url(), tmp_path, exchange, place, fault)
        for table in expected:
            assert found[table] == expected[table], f"{table} after a fault at {place}, {places[place - 1]}"


async def test_a_start_days_after_a_death_in_the_first_one_keeps_the_same_history(
    kind: str, migrated_url: Callable[[], str], exchange: Exchange, tmp_path: Path
) -> None:
    expected, places = await story(migrated_url(), tmp_path, exchange, apart="known_at")
    chosen = [place for place in before_the_forecasts(places, 1) if places[place - 1] == "committed"]
    chosen = chosen[1:]  # at the first one no session is kept yet
    for place in chosen[:: EVERY[kind]]:
        found, _ = await story(migrated_url(), tmp_path, exchange, place, later=DAYS[-1], apart="known_at")
        for table in ("sessions", "bars", "outside", "features", "regimes"):
            assert found[table] == expected[table], f"{table} after {place}"
        steps = [step for step in found["steps"] if step[1] in WARM_UP]
        assert steps == [step for step in expected["steps"] if step[1] in WARM_UP]
