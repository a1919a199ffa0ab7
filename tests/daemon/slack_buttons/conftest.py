"""Slack, a store and a desk for the tests of the buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.live.slack_buttons_loop import listening
from daemon.storage.database import Database
from tests.daemon.slack_buttons.desk import NOW, Desk
from tests.daemon.status_store import open_store
from tests.stand_ins.slack_api import SlackApiStandIn


@pytest.fixture
async def slack() -> AsyncIterator[SlackApiStandIn]:
    async with SlackApiStandIn(paced=False) as stand_in:
        yield stand_in


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    """One store, for what does not depend on the database."""
    database = await open_store(f"sqlite:///{tmp_path}/store.db")
    yield database
    await database.aclose()


@pytest.fixture
async def desk(slack: SlackApiStandIn, store: Database) -> AsyncIterator[Desk]:
    found = Desk(slack, store)
    await found.tell()
    async with listening(found.loop):
        yield found
    await found.channel.aclose()


@pytest.fixture
def health() -> Health:
    return Health(ReplayClock(NOW))
