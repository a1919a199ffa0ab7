"""The nemesis: ends a worker's lives at random instants, freezes them, and starts the next."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Final, Self

from tests.faults.feed import Feed
from tests.faults.waiting import until
from tests.faults.worker import Spec

ROOT = Path(__file__).parents[2]
START_S: Final = 60.0
"""Seconds the worker may take until its first life."""
BACKLOG_S: Final = 1.0
"""Seconds by which a worker may lag behind the stream before a life is let go on."""
PATIENCE_S: Final = 2.0


class Nemesis:
    """Owns one worker. `log` takes what the worker says on standard error."""

    def __init__(self, spec: Spec, log: Path, *, seed: int) -> None:
        self._spec = spec
        self._log = log
        self._random = random.Random(seed)
        self.kills = 0
        self.ends: list[int] = []
        self.pid = 0

    async def __aenter__(self) -> Self:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with self._log.open("ab") as log:
            self._worker: Process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.worker", self._spec.write(),
                cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=log, env=environment,
            )  # fmt: skip
        await self._hear()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._worker.stdin is not None
        self._worker.stdin.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            await self._worker.wait()

    async def start(self) -> None:
        """Give birth to the next life."""
        assert self._worker.stdin is not None
        self._worker.stdin.write(b"born\n")
        self.pid = (await self._hear())["born"]

    async def kill(self) -> None:
        """End the present life by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        await self.wait()
        self.kills += 1

    async def wait(self) -> int:
        """Wait for the end of the present life and return how it ended."""
        ended = int((await self._hear())["ended"])
        self.pid = 0
        self.ends.append(ended)
        return ended

    async def haunt(self, feed: Feed, kills: int, *, within_s: float, longest_s: float) -> None:
        """Kill life after life, each at a random instant, until there were so many kills or time is up.

        A quarter dies before it is connected, at some instant of its start.

        Args:
            feed: What tells that a life is connected.
            kills: How many at the most.
            within_s: Seconds after which no further life begins.
            longest_s: The longest life, in seconds.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while self.kills < kills and loop.time() < end_s:
            feed.connected.clear()
            await self.start()
            if self._random.random() < 0.25:
                await asyncio.sleep(self._random.uniform(0.0, 0.05))
            else:
                async with asyncio.timeout(START_S):
                    await feed.connected.wait()
                await asyncio.sleep(self._random.uniform(0.0, longest_s))
                await self._let_catch_up(feed)
            await self.kill()

    async def _let_catch_up(self, feed: Feed) -> None:
        """Where lives have been too short to keep up with the stream, let this one go on for a while."""
        if feed.backlog_s <= BACKLOG_S:
            return
        with contextlib.suppress(TimeoutError):
            await until(lambda: feed.backlog_s <= BACKLOG_S / 2, PATIENCE_S)
        await asyncio.sleep(self._random.uniform(0.0, 0.1))

    def freeze(self) -> None:
        """Stop the present life's clock."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen life go on."""
        os.kill(self.pid, signal.SIGCONT)

    async def _hear(self) -> dict[str, Any]:
        assert self._worker.stdout is not None
        async with asyncio.timeout(START_S):
            line = await self._worker.stdout.readline()
        if not line:
            raise AssertionError(f"the worker ended: {self._log.read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found
