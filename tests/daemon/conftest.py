import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.cli.main import main
from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.web.server import Server
from market.exchange import Exchange, load_exchange
from tests.daemon.command_line import Done, Forewarn
from tests.daemon.status_store import clock_at, settings_with


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    return load_exchange("XNYS")


@pytest.fixture
def clock() -> ReplayClock:
    return clock_at()


@pytest.fixture
def health(clock: ReplayClock) -> Health:
    return Health(clock)


@pytest.fixture
async def server(database: Database, health: Health, clock: ReplayClock) -> AsyncIterator[Server]:
    running = Server(database, health, clock, settings_with(0), version="1.2.3")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def forewarn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Forewarn:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["forewarn", *map(str, words)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return run
