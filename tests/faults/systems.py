"""The systems the matrix compares: Forewarn's worker and Prometheus Alertmanager, driven in the same way."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
from asyncio.subprocess import Process
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
from sqlalchemy import select

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.storage.schema import outbox
from tests.faults.feed import Feed
from tests.faults.hook import Hook
from tests.faults.nemesis import Nemesis
from tests.faults.worker import Spec

ALERTMANAGER: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
GROUP_WAIT_S: Final = 2.0
GROUP_INTERVAL_S: Final = 20.0
"""A fifteenth of Alertmanager's defaults of 30 s and 5 min, so that a run takes minutes."""

CONFIG: Final = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: {wait:g}s
  group_interval: {interval:g}s
  repeat_interval: 4h
receivers:
  - name: hook
    slack_configs:
      - api_url: {url}
        channel: "#alerts"
        send_resolved: true
        text: '{{{{ range .Alerts }}}}{{{{ .Labels.subject }}}} {{{{ .Status }}}} {{{{ end }}}}'
"""


class System(Protocol):
    """An alerting system with one receiver.

    Attributes:
        quiet_s: Seconds without a request after which nothing more is to be expected.
        disk: Where its data are kept.
        store: Its SQLite file; None where it has none.
    """

    quiet_s: float
    disk: Path
    store: Path | None

    async def start(self) -> None:
        """Start the process; wait until it takes alerts."""
        ...

    async def kill(self) -> None:
        """End it by SIGKILL."""
        ...

    async def post(self, names: list[str], *, firing: bool = True) -> None:
        """Hand over alerts, each of a group of its own; return once it has taken them."""
        ...

    async def untold(self, names: list[str]) -> int:
        """Return how many of the alerts no message that the receiver took names or counts."""
        ...

    def named(self, names: list[str]) -> int:
        """Return how many of the alerts' names can be read in the messages that the receiver took."""
        ...

    async def aclose(self) -> None:
        """End everything."""
        ...


class Forewarn:
    """The worker, with the default settings of delivery. Alerts are called `s0000`, `s0001`..."""

    quiet_s = 12.0

    def __init__(self, hook: Hook, folder: Path, disk: Path | None = None) -> None:
        self._hook = hook
        self.disk = disk or folder
        self.store: Path | None = self.disk / "store.db"
        self._url = f"sqlite:///{self.store}"
        self._log = folder / "worker.log"
        self._feed = _Script(rules=1000)
        self._nemesis: Nemesis | None = None

    async def start(self) -> None:
        """Give birth to a life; the first time, make everything it needs."""
        if self._nemesis is None:
            store = Database(self._url)
            await upgrade(store)
            await store.aclose()
            await self._feed.__aenter__()
            spec = Spec(
                self._url, self._feed.port, 1000, hook=self._hook.url, paced=True, critical=1000, delivery={}
            )
            self._nemesis = await Nemesis(spec, self._log, seed=1).__aenter__()
        self._feed.connected.clear()
        await self._nemesis.start()
        await self._feed.connected.wait()

    async def kill(self) -> None:
        """End the life."""
        assert self._nemesis is not None
        await self._nemesis.kill()

    async def post(self, names: list[str], *, firing: bool = True) -> None:
        """Hand over one line an alert, and wait for the acknowledgement."""
        for name in names:
            self._feed.add(f"m{name[1:]} {0.9 if firing else 0.1} {name}")
        await self._feed.settle(120)

    async def untold(self, names: list[str]) -> int:
        """Follow each alert's message to the one that told or counted it, and look for that one's title."""
        store = Database(self._url)
        async with store.read() as connection:
            rows = {row.key: row for row in await connection.execute(select(outbox))}
        await store.aclose()
        told = set()
        for row in rows.values():
            end = row
            while end.folded_into:
                end = rows[end.folded_into]
            if end.status == "sent" and self._hook.telling(json.dumps(end.message["title"])[1:-1]):
                told |= {finding["subject"] for finding in row.message["findings"]}
        return len(set(names) - told)

    def named(self, names: list[str]) -> int:
        """Look for each alert's name in what the receiver took."""
        return named_at(self._hook, names)

    async def aclose(self) -> None:
        """End the worker and the feed."""
        if self._nemesis is not None:
            await self._nemesis.__aexit__()
        await self._feed.__aexit__()


class _Script(Feed):
    """A feed whose lines are said by a test."""

    def __init__(self, rules: int) -> None:
        super().__init__(rules=rules)
        self._said: list[bytes] = []

    @property
    def made(self) -> int:
        """How many lines there are."""
        return len(self._said)

    def add(self, text: str) -> None:
        """Say one more."""
        self._said.append(f"{len(self._said)} {text}\n".encode())

    def line(self, number: int) -> bytes:
        """Return one line."""
        return self._said[number]


class Alertmanager:
    """Prometheus Alertmanager as installed, with one Slack receiver and a group for each alert."""

    quiet_s = GROUP_INTERVAL_S + 2.0

    def __init__(self, hook: Hook, folder: Path, disk: Path | None = None) -> None:
        assert ALERTMANAGER is not None
        self.disk = disk or folder
        self.store: Path | None = None
        self._folder = folder
        self._config = folder / "alertmanager.yml"
        self._config.write_text(CONFIG.format(url=hook.url, wait=GROUP_WAIT_S, interval=GROUP_INTERVAL_S))
        self._hook = hook
        self._process: Process | None = None
        self._began: dict[str, datetime] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        assert ALERTMANAGER is not None
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                ALERTMANAGER,
                f"--config.file={self._config}",
                f"--storage.path={self.disk / 'data'}",
                f"--web.listen-address={self._address}",
                "--cluster.listen-address=",
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(30), aiohttp.ClientSession() as visitor:
            while True:
                try:
                    async with visitor.get(f"http://{self._address}/-/ready") as reply:
                        if reply.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it by SIGKILL."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def post(self, names: list[str], *, firing: bool = True) -> None:
        """Post alerts as Prometheus does; an end has an `endsAt`."""
        now = datetime.now(UTC)
        alerts: list[dict[str, Any]] = []
        for name in names:
            began = self._began.setdefault(name, now)
            end = now + timedelta(hours=1) if firing else now
            alerts.append(
                {
                    "labels": {"alertname": f"rule {name}", "subject": name},
                    "startsAt": began.isoformat(),
                    "endsAt": end.isoformat(),
                }
            )
        url = f"http://{self._address}/api/v2/alerts"
        async with aiohttp.ClientSession() as visitor, visitor.post(url, json=alerts) as reply:
            assert reply.status == 200, await reply.text()

    async def untold(self, names: list[str]) -> int:
        """Look for each alert's name in what the receiver took."""
        return len(names) - self.named(names)

    def named(self, names: list[str]) -> int:
        """Look for each alert's name in what the receiver took."""
        return named_at(self._hook, names)

    async def aclose(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()


def named_at(hook: Hook, names: list[str]) -> int:
    """Return how many of the names can be read in what a receiver took."""
    return sum(bool(hook.telling(name)) for name in names)


def alertmanager_version() -> str:
    """Return the installed version, as `0.25.0`; "" where there is none."""
    if ALERTMANAGER is None:
        return ""
    said = subprocess.run([ALERTMANAGER, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return (said.stdout + said.stderr).split("version ")[1].split()[0].rstrip(",")
