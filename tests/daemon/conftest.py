import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from daemon.cli.main import main
from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.web.server import Server
from market.exchange import Exchange, load_exchange
from tests.conftest import Kept
from tests.daemon.command_line import Done, Forewarn
from tests.daemon.replays import replayed_at
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


@pytest.fixture
def replayed_url(
    kept: Kept,
    kind: str,
    new_url: Callable[[], str],
    copy_url: Callable[[str], str],
    exchange: Exchange,
    tmp_path: Path,
) -> str:
    """A store with half a year of finished replay: several models, trades, alerts, halts and lifts."""
    return copy_url(replayed_at(kept, kind, new_url, tmp_path, exchange))


@pytest.fixture
async def replayed(replayed_url: str) -> AsyncIterator[Database]:
    """The same, open."""
    store = Database(replayed_url, durable=False)
    yield store
    await store.aclose()
