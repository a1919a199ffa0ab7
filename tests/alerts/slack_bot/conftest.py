"""Slack and a bot for the tests of the bot's channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.alerts.slack_bot.bot import (
    Bot,
)
from tests.stand_ins.slack_api import SlackApiStandIn


@pytest.fixture
async def slack() -> AsyncIterator[SlackApiStandIn]:
    async with SlackApiStandIn(paced=False) as stand_in:
        yield stand_in


@pytest.fixture
async def bot(slack: SlackApiStandIn) -> AsyncIterator[Bot]:
    factory = Bot(slack)
    yield factory
    for channel in factory.made:
        await channel.aclose()
