"""A store that is slow or fails, and a Slack that does not answer, while somebody clicks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.channels.slack_socket import read_presses
from daemon.live.slack_buttons_loop import NAME, listening
from daemon.storage.database import Database, DatabaseError
from tests.daemon.slack_buttons.desk import Desk
from tests.stand_ins.slack_api import Fault, SlackApiStandIn


class Halting(Database):
    """A store whose writing can be held up or refused."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.going = asyncio.Event()
        self.refusing = False

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        await self.going.wait()
        if self.refusing:
            raise DatabaseError("cannot use sqlite:///x.db: disk I/O error")
        async with self.inner.write() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self.inner.read() as connection:
            yield connection


class TestTrouble:
    async def test_the_acknowledgement_does_not_wait_for_the_store(
        self, slack: SlackApiStandIn, store: Database
    ) -> None:
        desk = Desk(slack, store)
        await desk.tell()
        halting = Halting(store)
        async with listening(desk.new_loop(halting)):
            payloads = [desk.press_of("acknowledge"), desk.press_of("silence"), desk.press_of("pause")]
            for payload in payloads:
                envelope = await slack.socket.press(payload)
                assert envelope.in_time
                assert envelope.acked_after_s is not None
                assert envelope.acked_after_s < 1.0
            assert slack.whispers == []
            halting.going.set()
            await desk.until(lambda: len(slack.whispers) == 3)
        assert [envelope.retry for envelope in slack.socket.envelopes] == [0, 0, 0]
        assert (await desk.gate()).epoch == 2

    async def test_a_store_that_fails_is_said_and_the_same_press_may_come_again(
        self, slack: SlackApiStandIn, store: Database
    ) -> None:
        desk = Desk(slack, store)
        await desk.tell()
        halting = Halting(store)
        halting.refusing = True
        halting.going.set()
        async with listening(desk.new_loop(halting)):
            payload = desk.press_of("pause")
            assert (await desk.press(payload)).startswith("Forewarn cannot use its store just now.")
            halting.refusing = False
            assert (await desk.press(payload)).startswith("Trading is REDUCE_ONLY")

    async def test_an_answer_waits_where_slack_asks_for_it(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("daemon.live.slack_buttons.PATIENCE_S", 0.01)
        desk.slack.break_next("chat.postMessage", Fault.RATE_LIMITED)
        await desk.press(desk.press_of("acknowledge"))
        thread = desk.reference.partition(":")[2]
        await desk.until(lambda: len(desk.slack.replies(thread)) == 1)

    async def test_without_a_loop_nothing_listens(self) -> None:
        async with listening(None):
            assert NAME not in {task.get_name() for task in asyncio.all_tasks()}

    async def test_an_answer_that_slack_does_not_take_undoes_nothing(self, desk: Desk) -> None:
        desk.slack.break_next("chat.postEphemeral", Fault.ERROR_500)
        desk.slack.break_next("chat.update", Fault.ERROR_500)
        envelope = await desk.slack.socket.press(desk.press_of("pause"))
        assert envelope.in_time
        thread = desk.reference.partition(":")[2]
        await desk.until(lambda: bool(desk.slack.replies(thread)))
        assert (await desk.gate()).epoch == 2

    @pytest.mark.parametrize(
        "payload",
        [
            {},
            {"type": "view_submission"},
            {"type": "block_actions"},
            {"type": "block_actions", "container": {}, "user": {}, "actions": []},
            {"type": "block_actions", "container": None, "user": None, "actions": None},
        ],
    )
    async def test_other_interactions_are_acknowledged_and_left_alone(
        self, desk: Desk, payload: dict[str, Any]
    ) -> None:
        assert (await desk.slack.socket.deliver(payload)).in_time
        assert (await desk.press(desk.press_of("acknowledge"))).startswith("Acknowledged")

    async def test_buttons_of_another_app_are_left_alone(self, desk: Desk) -> None:
        payload = desk.press_of("pause")
        payload["actions"][0]["action_id"] = "lunch_vote"
        assert read_presses(payload) == []

    async def test_a_bug_in_one_press_does_not_end_the_others(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:
            broken.setattr("daemon.live.slack_buttons.read_button", lambda _: 1 / 0)
            assert (await desk.slack.socket.press(desk.press_of("pause"))).in_time
            assert (await desk.slack.socket.press(desk.press_of("pause"))).in_time
        assert (await desk.press(desk.press_of("pause"))).startswith("Trading is REDUCE_ONLY")
