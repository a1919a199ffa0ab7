"""The loops of a live daemon: each named, each restarted by nobody. One that dies ends the process.

A store that cannot be used for a while is no reason to die: a loop waits and tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from daemon.clock import Clock
from daemon.decisions import log_decisions
from daemon.delivery.delivery import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, Delivery
from daemon.judge import Decision, Judge
from daemon.live.alarm import Alarm
from daemon.live.feed import FeedError
from daemon.live.health import Health
from daemon.live.lag import watch_lag
from daemon.live.outage import Outage, is_outage
from daemon.live.probe import Probe
from daemon.live.sessions import Sessions
from daemon.storage.database import Database

DRAIN_S: Final = 5.0
"""Seconds a stop waits for messages that are being sent."""

log = structlog.get_logger("live")


@dataclass(frozen=True, slots=True)
class Loops:
    """Everything that goes round until the process is told to stop.

    Attributes:
        database: The store.
        clock: The machine's own.
        health: Where every loop leaves its stamp.
        outage: Whether the store can be used.
        probe: What finds that out.
        sessions: What is due.
        judge: What tells people something when only time has passed.
        delivery: What carries it to them.
        check_s: Seconds between two looks for what is due.
        tick_s: Seconds between two looks for what to tell.
        decided: Hears what was decided about telling, once that is committed.
        lagged: Hears every second how late the event loop is.
    """

    database: Database
    clock: Clock
    health: Health
    outage: Outage
    probe: Probe
    sessions: Sessions
    judge: Judge
    delivery: Delivery
    check_s: float
    tick_s: float
    decided: Callable[[Sequence[Decision]], None] = log_decisions
    lagged: Callable[[float], None] = lambda seconds: None

    async def run(self, stop: asyncio.Event) -> None:
        """Run every loop until told to stop, then send what can be sent quickly.

        Raises:
            ExceptionGroup: A loop died; its name is in the log.
        """
        loops = {
            "schedule": self._schedule(stop),
            "tell": self._tell(stop),
            "store": self.probe.run(stop, lambda seconds: _wait(stop, seconds)),
            "delivery": self.delivery.run(stop, self._progress),
            "lag": watch_lag(stop, self.lagged),
        }
        async with asyncio.TaskGroup() as group:
            for name, loop in loops.items():
                group.create_task(_guard(name, loop), name=name)
        await self._drain()

    async def _schedule(self, stop: asyncio.Event) -> None:
        """Run what is due, set the alarm for what comes next, and look again every minute."""
        backoff_s, interrupted = FIRST_BACKOFF_S, False
        with Alarm(self.check_s) as alarm:
            while not stop.is_set():
                alarm.clear()
                try:
                    if interrupted:  # a commit may have happened although its answer was lost
                        await self.sessions.restore()
                        interrupted = False
                    note = await self._run_due(stop)
                except Exception as error:
                    if not is_outage(error):
                        raise
                    interrupted = True
                    self.outage.report(error, where="schedule")
                    await _wait(stop, backoff_s)
                    backoff_s = min(backoff_s * 2.0, LONGEST_BACKOFF_S)
                    continue
                backoff_s = FIRST_BACKOFF_S
                self.delivery.wake()
                self.health.stamp("schedule", within_s=5 * self.check_s + 600.0, note=note)
                alarm.set_for(self.sessions.next_due_at())
                await _first(alarm.rung(), stop.wait())

    async def _run_due(self, stop: asyncio.Event) -> str:
        try:
            ran = await self.sessions.run_due(stop)
        except FeedError as error:
            log.warning("session waits for its prices", reason=str(error))
            return str(error)
        return f"ran {ran} sessions, next at {self.sessions.next_due_at():%Y-%m-%d %H:%M} UTC"

    async def _tell(self, stop: asyncio.Event) -> None:
        """Tell what time alone has made due: the end of a silence, a repeat, an escalation, a digest."""
        backoff_s = FIRST_BACKOFF_S
        while not stop.is_set():
            now = self.clock.now()
            try:
                async with self.database.write() as connection:
                    verdict = await self.judge.tick(connection, now, now)
            except Exception as error:
                if not is_outage(error):
                    raise
                self.outage.report(error, where="tell")
                await _wait(stop, backoff_s)
                backoff_s = min(backoff_s * 2.0, LONGEST_BACKOFF_S)
                continue
            backoff_s = FIRST_BACKOFF_S
            told = len(verdict.messages) if verdict else 0
            self.decided(verdict.decisions if verdict else ())
            if told:
                self.delivery.wake()
            self.health.stamp("tell", within_s=4 * self.tick_s + 60.0, note=f"told {told} messages")
            await _wait(stop, self.tick_s)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.delivery.drain()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("messages wait in the outbox for the next start", reason=str(error) or "time is up")

    def _progress(self, name: str, note: str) -> None:
        self.health.stamp(name, within_s=300.0, note=note)


async def _guard(name: str, loop: Coroutine[Any, Any, None]) -> None:
    """Say which loop died, and why; then let it end the process."""
    try:
        await loop
    except Exception:
        log.exception("a loop died; the process ends", loop=name)
        raise


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait for some seconds or the stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


async def _first(*waits: Awaitable[object]) -> None:
    """Wait for the first of several and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
