"""Socket Mode: it reconnects, says how it does, and never hinders anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from pydantic import SecretStr

from alerts.button import Role
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_socket import Press, SlackSocket
from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.live.slack_buttons_loop import NAME, SlackButtonsLoop, listening, make_slack_buttons
from daemon.storage.database import Database
from tests.daemon.slack_buttons.desk import ANNA, BORIS, FAST, NOW, SOON_S
from tests.daemon.status_store import settings_with
from tests.stand_ins.slack_api import Fault, SlackApiStandIn
from tests.stand_ins.slack_workspace import APP_TOKEN, BOT_TOKEN, CHANNEL


class Silent:
    """Stands for the buttons where only the connection counts."""

    def __init__(self) -> None:
        self.taken: list[Press] = []

    async def press(self, press: Press) -> None:
        self.taken.append(press)


class TestConnection:
    def loop(
        self,
        slack: SlackApiStandIn,
        health: Health,
        *,
        token: str = APP_TOKEN,
        timeout_s: float = SOON_S,
        url: str | None = None,
    ) -> SlackButtonsLoop:
        socket = SlackSocket(SecretStr(token), timeout_s=timeout_s, api_url=url or slack.url)
        return SlackButtonsLoop(socket, Silent(), health, FAST)  # type: ignore[arg-type]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not holds():  # noqa: ASYNC110 -- a plain attribute, which has no event
                await asyncio.sleep(0.01)

    async def test_it_says_that_it_is_connected(self, slack: SlackApiStandIn, health: Health) -> None:
        loop = self.loop(slack, health)
        async with listening(loop):
            await slack.socket.connected.wait()
            assert (await slack.socket.deliver({"type": "x"})).in_time
            (stamp,) = health.loops()
        assert (stamp.name, stamp.note, stamp.ok) == (NAME, "connected", True)

    async def test_it_connects_again_when_the_connection_drops(
        self, slack: SlackApiStandIn, health: Health
    ) -> None:
        async with listening(self.loop(slack, health)):
            for count in (1, 2, 3):
                await slack.socket.connected.wait()
                assert slack.socket.connections == count
                await slack.socket.close_all()
            assert (await slack.socket.deliver({"type": "x"})).in_time

    async def test_it_connects_again_when_slack_asks_for_it(
        self, slack: SlackApiStandIn, health: Health
    ) -> None:
        async with listening(self.loop(slack, health)):
            await slack.socket.connected.wait()
            slack.socket.connected.clear()
            await slack.socket.refresh()
            await slack.socket.connected.wait()
            assert slack.socket.connections == 2
            assert (await slack.socket.deliver({"type": "x"})).in_time

    async def test_a_server_that_throws_it_out_at_once_is_not_besieged(
        self, slack: SlackApiStandIn, health: Health
    ) -> None:
        loop = self.loop(slack, health)
        assert [loop._pause_s(failures) for failures in (1, 2, 3, 4, 100)] == [0.01, 0.02, 0.04, 0.05, 0.05]
        async with listening(loop):
            for _ in range(4):
                await slack.socket.connected.wait()
                slack.socket.connected.clear()
                await slack.socket.refresh()
            await slack.socket.connected.wait()
        opened = [call.at for call in slack.calls if call.method == "apps.connections.open"]
        gaps = [later - sooner for sooner, later in pairwise(opened[2:])]
        assert min(gaps) >= 0.01

    async def test_a_refused_token_is_said_and_tried_again_slowly(
        self, slack: SlackApiStandIn, health: Health
    ) -> None:
        loop = self.loop(slack, health, token="xapp-wrong")
        async with listening(loop):
            await self.until(lambda: slack.count("apps.connections.open") >= 2)
            await self.until(lambda: "invalid_auth" in loop.state)
            (stamp,) = health.loops()
        assert stamp.ok
        assert stamp.note.startswith("not connected: slack buttons: apps.connections.open: Slack answered")
        assert "wrong" not in stamp.note

    @pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.ACT_THEN_DROP, Fault.LIST, Fault.PORTAL])
    async def test_it_gets_through_trouble_with_the_address(
        self, slack: SlackApiStandIn, health: Health, fault: Fault
    ) -> None:
        slack.break_next("apps.connections.open", fault, fault)
        async with listening(self.loop(slack, health)):
            async with asyncio.timeout(SOON_S):
                await slack.socket.connected.wait()
        assert slack.count("apps.connections.open") == 3

    async def test_a_connection_without_a_hello_is_given_up(
        self, slack: SlackApiStandIn, health: Health
    ) -> None:
        slack.socket.says_hello = False
        loop = self.loop(slack, health, timeout_s=0.2)
        async with listening(loop):
            await self.until(lambda: slack.socket.connections >= 2)
            assert loop.state == "not connected: slack buttons: the connection was lost: TimeoutError"

    @pytest.mark.parametrize("text", ["", "hello", "[]", "{", '{"type": 7}', '{"envelope_id": 3}', "null"])
    async def test_nonsense_is_passed_over(self, slack: SlackApiStandIn, health: Health, text: str) -> None:
        async with listening(self.loop(slack, health)):
            await slack.socket.connected.wait()
            await slack.socket.say(text)
            assert (await slack.socket.deliver({"type": "x"})).in_time
        assert slack.socket.connections == 1

    async def test_socket_mode_turned_off_is_said(self, slack: SlackApiStandIn, health: Health) -> None:
        loop = self.loop(slack, health)
        async with listening(loop):
            await slack.socket.connected.wait()
            await slack.socket.say('{"type": "disconnect", "reason": "link_disabled"}')
            await self.until(lambda: "Socket Mode is off" in loop.state)

    async def test_slack_being_away_ends_nothing(self, slack: SlackApiStandIn, health: Health) -> None:
        loop = self.loop(slack, health, url="http://127.0.0.1:9/api/")
        async with listening(loop):
            await self.until(lambda: loop.state.startswith("not connected"))

    async def test_too_many_waiting_presses_are_dropped_and_never_block(
        self, slack: SlackApiStandIn, health: Health
    ) -> None:
        loop = self.loop(slack, health)
        for number in range(150):
            loop._take(Press(ANNA, "anna", "C:1", "{}", f"{number}"))
        assert loop._presses.qsize() == 100


class TestMaking:
    def test_without_slack_there_are_no_buttons(self, store: Database, health: Health) -> None:
        made = make_slack_buttons(settings_with(0), (), store, ReplayClock(NOW), health, lambda: None)
        assert made is None

    def test_with_a_bot_and_its_app_there_are(
        self, store: Database, health: Health, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slack = {
            "FOREWARN_CHANNELS__SLACK__ENABLED": "true",
            "FOREWARN_CHANNELS__SLACK__MODE": "bot",
            "FOREWARN_CHANNELS__SLACK__CHANNEL": CHANNEL,
            "FOREWARN_CHANNELS__SLACK__BUTTONS": "true",
            "FOREWARN_CHANNELS__SLACK__ROLES": '{"U0000ANNA": ["ack"], "*": ["pause"]}',
            "FOREWARN_SLACK_BOT_TOKEN": BOT_TOKEN,
            "FOREWARN_SLACK_APP_TOKEN": APP_TOKEN,
        }
        for name, value in slack.items():
            monkeypatch.setenv(name, value)
        settings = settings_with(0)
        channel = SlackBotChannel(token=SecretStr(BOT_TOKEN), channel=CHANNEL)
        made = make_slack_buttons(settings, (channel,), store, ReplayClock(NOW), health, lambda: None)
        assert made is not None
        assert made._buttons._granted(ANNA) == {Role.ACK, Role.PAUSE}
        assert made._buttons._granted(BORIS) == {Role.PAUSE}
