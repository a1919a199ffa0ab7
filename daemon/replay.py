"""The replay: history through the live pipeline, with the clock of the session replayed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from alerts.channels.channel import Channel
from alerts.route import Routing
from daemon.clock import ReplayClock, SystemClock
from daemon.compute import Compute
from daemon.configuration.settings import Settings
from daemon.delivery.delivery import Delivery
from daemon.due import Due, due_of
from daemon.live.instance import Instance
from daemon.outside_desk import make_outside, prints
from daemon.person import act_simulated
from daemon.session import Pipeline
from daemon.storage.bars import SessionBars
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.migrate import upgrade
from daemon.storage.origin import OriginStore
from daemon.storage.runs import RunStore
from market.exchange import Exchange
from market.panel import FIELDS, Panel
from market.quality import Finding
from market.screening import screen


class ReplayError(Exception):
    """The history cannot be replayed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class History:
    """What is to be replayed.

    Attributes:
        panel: The prices.
        sessions: The exchange's sessions from the first to the last, gaps in the prices included.
        start: The first session to forecast; those before it only fill the memory.
        name: Where the prices come from, for people.
        findings: Why bars were left out of the prices, one finding a bar.
    """

    panel: Panel
    sessions: tuple[date, ...]
    start: date
    name: str
    findings: tuple[Finding, ...] = ()

    def lined_up(self, end: date, count: int) -> Panel:
        """Return the `count` newest sessions up to `end`, those without prices too, which are unknown."""
        sessions = tuple(day for day in self.sessions if day <= end)[-count:]
        rows = {day: i for i, day in enumerate(self.panel.sessions)}
        places = np.array([rows.get(day, -1) for day in sessions], np.intp)
        known = (places >= 0)[:, None]
        fields = (np.where(known, getattr(self.panel, name)[places], np.nan) for name in FIELDS)
        return Panel(sessions, self.panel.tickers, *fields)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the prices and the dates: another history never resumes this one's store."""
        digest = hashlib.sha256()
        digest.update(json.dumps([self.panel.tickers, self.start.isoformat()]).encode())
        digest.update(json.dumps([day.isoformat() for day in self.sessions]).encode())
        digest.update(json.dumps([day.isoformat() for day in self.panel.sessions]).encode())
        for field in FIELDS:
            digest.update(np.ascontiguousarray(getattr(self.panel, field)).tobytes())
        return digest.hexdigest()


def make_history(
    panel: Panel,
    exchange: Exchange,
    name: str,
    *,
    start: date | None = None,
    end: date | None = None,
    unusable: tuple[Finding, ...] = (),
) -> History:
    """Line prices up with the exchange's sessions, without the bars that cannot be right.

    Each bar is screened by what was known at its close, so that a history that ends earlier is the same.

    Args:
        panel: The prices.
        exchange: Whose sessions they are.
        name: Where they come from.
        start: The first session to forecast; the file's first by default.
        end: The last session; the file's last by default.
        unusable: Why bars were left out of the panel already.

    Raises:
        ReplayError: A date is no session of the exchange, or no session remains.
    """
    if all(ticker.startswith("^") for ticker in panel.tickers):
        raise ReplayError(
            f"{name}: every ticker starts with ^ and is only read; add one to forecast and trade"
        )
    first, last = panel.sessions[0], min(end or panel.sessions[-1], panel.sessions[-1])
    sessions = exchange.sessions(first, last)
    strangers = [day for day in panel.sessions if day <= last and day not in set(sessions)]
    if strangers:
        raise ReplayError(
            f"{name}: {strangers[0]} is no session of {exchange.name} ({len(strangers)} such dates); "
            "set market.calendar to the exchange these prices come from, or drop the rows"
        )
    begin = start or first
    if not any(day >= begin for day in sessions):
        raise ReplayError(
            f"{name}: no session between {begin} and {last}; the file covers {first} to {panel.sessions[-1]}"
        )
    screened, findings = screen(panel)
    return History(screened, sessions, begin, name, (*unusable, *findings))


async def replay(
    history: History,
    exchange: Exchange,
    settings: Settings,
    database: Database,
    channels: tuple[Channel, ...],
    progress: Callable[[int, int, date], None],
) -> None:
    """Run every session of a history that the store does not hold yet.

    The caller owns the database. Killed at any point and called again, it continues; the tables end equal.

    Raises:
        OriginError: The store holds something else.
        InstanceError: Another process works on the store.
    """
    await upgrade(database)
    async with Instance(database), _computing(settings) as compute:
        outside = make_outside(settings.market, exchange, live=False)
        read = await asyncio.to_thread(prints, settings.market, history.sessions)
        async with database.write() as connection:
            await OriginStore(connection).claim(_origin(history, settings) | read, database.name)
        first = due_of(exchange, history.sessions[0], settings.schedule)
        clock = ReplayClock(first.due_at)
        levels = tuple((channel.name, settings.channels.console.min_severity) for channel in channels)
        tickers = history.panel.tickers
        pipeline = Pipeline(database, settings, clock, compute, tickers, levels, outside=outside)
        await pipeline.restore()
        delivery = Delivery(database, channels, settings.delivery, SystemClock())
        await delivery.recover()
        await delivery.drain()
        operator = _Operator(database, settings, clock, settings.routing(levels))
        rows = {day: i for i, day in enumerate(history.panel.sessions)}
        finished = await _finished(database)
        for count, session in enumerate(history.sessions, start=1):
            if finished is None or session > finished:
                due = due_of(exchange, session, settings.schedule)
                clock.advance(due.due_at)
                warm_up = session < history.start
                if not warm_up:
                    await operator.act(due, delivery)
                if await pipeline.run(due, _bars(history, rows, session), warm_up=warm_up):
                    await delivery.drain()
            progress(count, len(history.sessions), session)


class _Operator:
    """Calls the simulated person before each session, once."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: ReplayClock,
        routing: Routing,
    ) -> None:
        self._database = database
        self._patience = settings.replay.operator_sessions
        self._clock = clock
        self._routing = routing
        self._wall = SystemClock()

    async def act(self, due: Due, delivery: Delivery) -> None:
        async with self._database.read() as connection:
            gate = await GateStore(connection).read()
            if gate is None or not gate.latched:
                return
            runs = RunStore(connection)
            if "operator" in await runs.done(due.session):
                return
            closed_for = await runs.count_since("judge", gate.since)
        if closed_for < self._patience:
            return
        now, wall = self._clock.now(), self._wall.now()
        async with self._database.write() as connection:
            lifted = await act_simulated(
                connection,
                due.session,
                closed_for,
                self._patience,
                now=now,
                wall=wall,
                routing=self._routing,
            )
            await RunStore(connection).record(
                "operator", due.due_at, due.session, {"lifted": lifted}, started=wall, finished=wall
            )
        await delivery.drain()


@asynccontextmanager
async def _computing(settings: Settings) -> AsyncIterator[Compute]:
    compute = Compute.of(settings.executor.kind, settings.executor.workers)
    try:
        yield compute
    finally:
        compute.close()


async def _finished(database: Database) -> date | None:
    """Return the newest session whose steps are all in the ledger, so that resuming starts after it."""
    async with database.read() as connection:
        runs = RunStore(connection)
        newest = await runs.last_session("ingest")
        if newest is None:
            return None
        complete = {"order"} <= await runs.done(newest)
        return newest if complete else newest - timedelta(days=1)


def _origin(history: History, settings: Settings) -> dict[str, str]:
    relevant = settings.model_dump(
        mode="json", include={"market", "forecast", "trading", "monitors", "replay", "rules", "schedule"}
    )
    text = json.dumps(relevant, sort_keys=True)
    return {
        "kind": "replay",
        "price history": history.fingerprint,
        "settings": hashlib.sha256(text.encode()).hexdigest(),
    }


def _bars(history: History, rows: dict[date, int], session: date) -> SessionBars:
    row = rows.get(session)
    if row is None:
        return SessionBars.unknown(session, len(history.panel.tickers))
    values = np.stack([getattr(history.panel, field)[row] for field in FIELDS])
    left_out = tuple(str(one) for one in history.findings if one.sessions[-1] == session)
    return SessionBars(session, values, quarantined=left_out)
