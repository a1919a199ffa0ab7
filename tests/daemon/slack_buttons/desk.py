"""A desk with Slack, a store and the buttons between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select, update

from alerts.alert import Alert, AlertState, Known, Marks
from alerts.button import Role
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_socket import SlackSocket
from alerts.group import Group
from alerts.message import Event, Finding, Message, Severity, Trading
from alerts.route import Routing
from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.live.slack_buttons import SlackButtons
from daemon.live.slack_buttons_loop import Pauses, SlackButtonsLoop
from daemon.storage.alerts import AlertStore
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.groups import GroupStore
from daemon.storage.outbox import OutboxStore
from daemon.storage.schema import audit, gate_transitions, outbox
from daemon.storage.silences import SilenceStore
from tests.stand_ins.slack_api import SlackApiStandIn
from tests.stand_ins.slack_socket import interaction
from tests.stand_ins.slack_workspace import APP_TOKEN, BOT_TOKEN, CHANNEL
from trading.gate import Gate, GateState

NOW = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
SESSION = date(2026, 3, 12)
ANNA, BORIS = "U0000ANNA", "U000BORIS"
EVERYTHING = (Role.ACK, Role.PAUSE, Role.RESUME)
FAST = Pauses(first_s=0.01, longest_s=0.05, refused_s=0.05, steady_s=30.0)
SOON_S = 5.0  # what a test waits for at the most

MESSAGE = Message(
    key="drift/1",
    group="drift",
    event=Event.FIRING,
    severity=Severity.CRITICAL,
    title="Features have drifted",
    session="2026-03-12",
    findings=(Finding("momentum_21", "0.31", "> 0.2", 252, "p = 0.004, own windows", "2026-03-10"),),
    done="Trading stays ACTIVE (epoch 1).",
    runbook="Look.",
    episode="2026-03-12",
    trading=Trading("ACTIVE", 1, latched=False),
)


class Desk:
    """A store with one firing alert told in Slack, and the loop that listens to its buttons."""

    def __init__(self, slack: SlackApiStandIn, database: Database) -> None:
        self.slack = slack
        self.database = database
        self.clock = ReplayClock(NOW)
        self.health = Health(self.clock)
        self.woken = 0
        self.reference = ""
        self.channel = SlackBotChannel(
            token=SecretStr(BOT_TOKEN),
            channel=CHANNEL,
            app_token=SecretStr(APP_TOKEN),
            api_url=slack.url,
            now=self.clock.now,
        )
        self.loop = self.new_loop(database)
        self.presses: dict[str, dict[str, Any]] = {}

    def new_loop(self, database: Database) -> SlackButtonsLoop:
        buttons = SlackButtons(
            database,
            self.channel,
            {ANNA: EVERYTHING},
            Routing(channels=(("slack", Severity.INFO),)),
            self.clock,
            self.wake,
        )
        socket = SlackSocket(SecretStr(APP_TOKEN), timeout_s=SOON_S, api_url=self.slack.url)
        return SlackButtonsLoop(socket, buttons, self.health, FAST)

    def wake(self) -> None:
        self.woken += 1

    async def tell(self, message: Message = MESSAGE) -> None:
        """Write a store in which the message was told."""
        async with self.database.write() as connection:
            gates = GateStore(connection)
            gate = await gates.hold(NOW)
            opened = Gate(
                "global", GateState.ACTIVE, False, 1, NOW, "", "every demand has cleared", "forewarn"
            )
            await gates.move(gate, opened, session=SESSION)
            marks = Marks(known=Known.FIRING, group="drift")
            alert = Alert(
                "drift", "momentum_21", AlertState.FIRING, SESSION, SESSION, 0, 1, 0.31, marks=marks
            )
            await AlertStore(connection).save({}, {alert.fingerprint: alert})
            await GroupStore(connection).save([Group("drift", began=SESSION, count=1, is_open=True)])
        self.reference = await self.channel.send(message)
        await self.record(message)

    async def record(self, message: Message) -> None:
        """Write the message into the outbox as sent."""
        async with self.database.write() as connection:
            store = OutboxStore(connection)
            number = await store.next_revision(message.group)
            await store.add(
                message.group, number, asdict(message), message.severity, ("slack",), at=NOW, wall=NOW
            )
            await connection.execute(
                update(outbox)
                .where(outbox.c.group_ == message.group, outbox.c.revision == number)
                .values(status="sent", reference=self.reference)
            )

    def button(self, verb: str) -> dict[str, Any]:
        """Return a button as the living message shows it now."""
        (actions,) = [block for block in self.slack.top()[0].blocks if block["type"] == "actions"]
        (found,) = [one for one in actions["elements"] if json.loads(one["value"])["verb"] == verb]
        return dict(found)

    def press_of(self, verb: str, **who: str) -> dict[str, Any]:
        return interaction(
            self.button(verb), channel=CHANNEL, message_ts=self.reference.partition(":")[2], **who
        )

    async def press(self, payload: dict[str, Any]) -> str:
        """Press, wait for the answer, and return it."""
        before = len(self.slack.whispers)
        envelope = await self.slack.socket.press(payload)
        assert envelope.in_time
        await self.until(lambda: len(self.slack.whispers) > before)
        return str(self.slack.whispers[-1]["text"])

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what Slack is asked for until something holds."""
        async with asyncio.timeout(SOON_S):
            while not holds():
                self.slack.asked.clear()
                await self.slack.asked.wait()

    async def gate(self) -> Gate:
        async with self.database.read() as connection:
            found = await GateStore(connection).read()
            assert found is not None
            return found

    async def alert(self) -> Alert:
        async with self.database.read() as connection:
            return (await AlertStore(connection).all())["drift/momentum_21"]

    async def actions(self) -> list[str]:
        async with self.database.read() as connection:
            found = await connection.execute(select(audit.c.action).order_by(audit.c.seq))
            return [row.action for row in found]

    async def transitions(self) -> int:
        async with self.database.read() as connection:
            return len((await connection.execute(select(gate_transitions))).all())

    async def silences(self) -> int:
        async with self.database.read() as connection:
            return len(await SilenceStore(connection).all())
