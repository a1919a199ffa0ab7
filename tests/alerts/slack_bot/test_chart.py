"""The chart in the thread: one that fails never fails the alert."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from alerts.message import Curve
from tests.alerts.slack_bot.bot import (
    CURVE,
    FIRST,
    SECOND,
    SOON_S,
    THIRD,
    Bot,
)
from tests.stand_ins.slack_api import Fault, SlackApiStandIn


class TestChart:
    async def test_it_goes_into_the_thread_with_the_first_message_and_the_last(
        self, slack: SlackApiStandIn, bot: Bot
    ) -> None:
        channel = bot()
        living = await channel.send(replace(FIRST, curve=CURVE))
        await channel.send(replace(SECOND, curve=CURVE), living=living)
        await channel.send(replace(THIRD, curve=CURVE), living=living)
        await channel.aclose()
        ts = living.partition(":")[2]
        assert [(file.thread_ts, file.body, file.title) for file in slack.uploads] == [
            (ts, b"PNG", "psi of momentum_21")
        ] * 2

    async def test_it_is_drawn_off_the_loop(self, slack: SlackApiStandIn, bot: Bot) -> None:
        drawn_in: list[int] = []

        def draw(_: Curve) -> bytes:
            drawn_in.append(threading.get_ident())
            return b"PNG"

        channel = bot(draw=draw)
        await channel.send(replace(FIRST, curve=CURVE))
        await channel.aclose()
        assert drawn_in != [threading.get_ident()]
        assert len(slack.uploads) == 1

    @pytest.mark.parametrize("step", ["files.getUploadURLExternal", "files.completeUploadExternal"])
    @pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.ACT_THEN_DROP, Fault.HANG, Fault.LIST])
    async def test_one_that_cannot_be_uploaded_never_fails_the_alert(
        self, slack: SlackApiStandIn, bot: Bot, step: str, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        slack.break_next(step, fault)
        channel = bot(timeout_s=SOON_S)
        assert await channel.send(replace(FIRST, curve=CURVE))
        await channel.aclose()
        assert "a chart was left out" in caplog.text

    async def test_one_that_cannot_be_drawn_never_fails_the_alert(
        self, slack: SlackApiStandIn, bot: Bot, caplog: pytest.LogCaptureFixture
    ) -> None:
        def draw(_: Curve) -> bytes:
            raise RuntimeError("no fonts in the secret folder")

        channel = bot(draw=draw)
        assert await channel.send(replace(FIRST, curve=CURVE))
        await channel.aclose()
        assert "a chart was left out: RuntimeError" in caplog.text
        assert "secret" not in caplog.text
        assert slack.uploads == []

    async def test_one_that_hangs_does_not_keep_the_channel_from_closing(
        self, slack: SlackApiStandIn, bot: Bot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.channels.slack_bot.CHART_GRACE_S", 0.05)
        slack.break_next("files.getUploadURLExternal", Fault.HANG)
        channel = bot()
        await channel.send(replace(FIRST, curve=CURVE))
        async with asyncio.timeout(2):
            await channel.aclose()
