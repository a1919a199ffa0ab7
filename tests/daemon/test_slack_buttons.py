"""Slack's buttons, pressed over a real websocket: who may, whether it is still meant, that it acts once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert, AlertState, Known, Marks
from alerts.button import Role
from alerts.channels.channel import Sighting
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_socket import Press, SlackSocket, read_presses
from alerts.group import Group
from alerts.message import Event, Finding, Message, Severity, Trading
from alerts.route import Routing
from daemon.clock import ReplayClock
from daemon.live.health import Health
from daemon.live.slack_buttons import SlackButtons
from daemon.live.slack_buttons_loop import NAME, Pauses, SlackButtonsLoop, listening, make_slack_buttons
from daemon.storage.alerts import AlertStore
from daemon.storage.database import Database, DatabaseError
from daemon.storage.gates import GateStore
from daemon.storage.groups import GroupStore
from daemon.storage.outbox import OutboxStore
from daemon.storage.schema import audit, gate_transitions, outbox
from daemon.storage.silences import SilenceStore
from tests.daemon.status_store import open_store, settings_with
from tests.stand_ins.slack_api import APP_TOKEN, BOT_TOKEN, CHANNEL, Fault, SlackApiStandIn
from tests.stand_ins.slack_socket import interaction
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


class TestVerbs:
    @pytest.fixture
    def store(self, database: Database) -> Database:
        return database

    async def test_acknowledging_marks_the_group_and_says_so(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("acknowledge"))
        assert answer.startswith("Acknowledged: drift.")
        marks = (await desk.alert()).marks
        assert (marks.acknowledged_by, marks.acknowledged_at) == ("anna (Slack U0000ANNA)", NOW)
        assert await desk.actions() == ["alert.acknowledged", "slack.acknowledge"]
        assert desk.woken == 1

    async def test_silencing_lasts_one_hour(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("silence"))
        assert answer.startswith("Silenced: drift, until 22:30 UTC.")
        async with desk.database.read() as connection:
            (silence,) = await SilenceStore(connection).all()
        assert (silence.rule, silence.starts, silence.ends) == ("drift", NOW, NOW + timedelta(hours=1))
        assert (await desk.gate()).state is GateState.ACTIVE

    async def test_pausing_closes_the_gate_and_tells_the_others(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("pause"))
        assert answer == "Trading is REDUCE_ONLY (epoch 2) until a person resumes it."
        gate = await desk.gate()
        assert (gate.state, gate.latched, gate.epoch) == (GateState.REDUCE_ONLY, True, 2)
        assert (gate.actor, gate.reason) == ("anna (Slack U0000ANNA)", "pressed in Slack under drift")
        async with desk.database.read() as connection:
            told = (await connection.execute(select(outbox).where(outbox.c.group_ == "gate"))).one()
        assert told.message["title"] == "anna (Slack U0000ANNA) moved trading to REDUCE_ONLY"
        assert told.status == "pending"

    async def test_resuming_lifts_the_pause(self, desk: Desk) -> None:
        await desk.press(desk.press_of("pause"))
        answer = await desk.press(desk.press_of("resume"))
        assert answer.startswith("The pause is lifted: trading is UNKNOWN (epoch 3)")
        assert await desk.actions() == ["gate.REDUCE_ONLY", "slack.pause", "gate.UNKNOWN", "slack.resume"]

    async def test_the_message_is_drawn_anew_with_the_gate_as_it_is(self, desk: Desk) -> None:
        await desk.press(desk.press_of("pause"))
        resume = json.loads(desk.button("resume")["value"])
        assert resume["epoch"] == 2
        with pytest.raises(ValueError, match="not enough values"):
            desk.button("pause")

    async def test_the_thread_says_who_did_what(self, desk: Desk) -> None:
        await desk.press(desk.press_of("acknowledge"))
        thread = desk.reference.partition(":")[2]
        await desk.until(lambda: bool(desk.slack.replies(thread)))
        (line,) = desk.slack.replies(thread)
        assert line.metadata is None  # it is no revision of the message
        assert line.text.startswith("anna (Slack U0000ANNA): Acknowledged: drift.")

    async def test_the_audit_row_says_which_button_and_which_press(self, desk: Desk) -> None:
        payload = desk.press_of("acknowledge")
        await desk.press(payload)
        async with desk.database.read() as connection:
            query = select(audit).where(audit.c.action == "slack.acknowledge")
            row = (await connection.execute(query)).one()
        assert row.actor == "anna (Slack U0000ANNA)"
        assert row.detail["group"] == "drift"
        assert row.detail["button"].startswith(f"{desk.reference}/acknowledge/2026-03-12T21:30")
        assert payload["trigger_id"] in row.detail["interaction"]

    @pytest.mark.parametrize("verb", ["acknowledge", "silence", "pause"])
    async def test_a_double_click_acts_once(self, desk: Desk, verb: str) -> None:
        first, second = desk.press_of(verb), desk.press_of(verb)
        await desk.press(first)
        answer = await desk.press(second)
        assert answer == "Done already, by anna (Slack U0000ANNA) at 21:30 UTC."
        actions = await desk.actions()
        assert actions.count(f"slack.{verb}") == 1
        assert actions.count("slack.refused") == 1
        assert await desk.silences() == (verb == "silence")
        assert await desk.transitions() == 1 + (verb == "pause")

    async def test_two_clicks_at_the_same_instant_act_once(self, desk: Desk) -> None:
        payloads = [desk.press_of("silence") for _ in range(5)]
        await asyncio.gather(*(desk.slack.socket.press(payload) for payload in payloads))
        await desk.until(lambda: len(desk.slack.whispers) == 5)
        assert await desk.silences() == 1


class TestRefusals:
    @pytest.mark.parametrize("verb", ["acknowledge", "silence", "pause"])
    async def test_somebody_without_the_role_is_refused(self, desk: Desk, verb: str) -> None:
        edits = desk.slack.top()[0].edits
        answer = await desk.press(desk.press_of(verb, user=BORIS, username="boris"))
        role = "pause" if verb == "pause" else "ack"
        assert answer == f"Refused: this needs the role {role}, and you do not have it."
        assert desk.slack.whispers[-1]["user"] == BORIS
        assert await desk.actions() == ["slack.refused"]
        assert (await desk.gate()).epoch == 1
        assert desk.slack.top()[0].edits == edits
        assert desk.woken == 0

    async def test_a_handle_that_is_anothers_gives_no_role(self, desk: Desk) -> None:
        answer = await desk.press(desk.press_of("pause", user=BORIS, username="anna"))
        assert answer.startswith("Refused: this needs the role pause")

    async def test_a_button_of_an_older_epoch_is_refused_and_drawn_anew(self, desk: Desk) -> None:
        old = desk.press_of("pause")
        async with desk.database.write() as connection:
            gates = GateStore(connection)
            gate = await gates.hold(NOW)
            await gates.move(gate, replace(gate, state=GateState.HALTED, latched=True, epoch=2), session=None)
        answer = await desk.press(old)
        assert answer.startswith(
            "Refused: Trading has moved since this was drawn: it is HALTED now (epoch 2)."
        )
        assert (await desk.gate()).epoch == 2
        assert json.loads(desk.button("resume")["value"])["epoch"] == 2

    async def test_a_button_older_than_a_quarter_of_an_hour_is_refused_and_drawn_anew(
        self, desk: Desk
    ) -> None:
        desk.clock.advance(NOW + timedelta(minutes=15, seconds=1))
        answer = await desk.press(desk.press_of("pause"))
        assert answer.startswith("Refused: The button is 15 minutes old; one is obeyed for 15 minutes.")
        assert (await desk.gate()).epoch == 1
        answer = await desk.press(desk.press_of("pause"))
        assert answer.startswith("Trading is REDUCE_ONLY (epoch 2)")

    async def test_a_button_of_a_quarter_of_an_hour_is_obeyed(self, desk: Desk) -> None:
        desk.clock.advance(NOW + timedelta(minutes=15))
        assert (await desk.press(desk.press_of("pause"))).startswith("Trading is REDUCE_ONLY")

    async def test_what_is_over_can_no_longer_be_acknowledged(self, desk: Desk) -> None:
        async with desk.database.write() as connection:
            await GroupStore(connection).save([Group("drift", began=SESSION, count=2, is_open=True)])
        answer = await desk.press(desk.press_of("acknowledge"))
        assert answer == "Refused: this alert is over, there is nothing left to do."
        assert (await desk.alert()).marks.acknowledged_by == ""

    async def test_a_message_that_forewarn_does_not_know_is_refused(self, desk: Desk) -> None:
        desk.reference = f"{CHANNEL}:1.000001"
        answer = await desk.press(desk.press_of("pause"))
        assert answer == "Refused: Forewarn does not know this message any more."
        assert (await desk.gate()).epoch == 1

    async def test_the_group_a_button_names_is_not_trusted(self, desk: Desk) -> None:
        payload = desk.press_of("silence")
        action = payload["actions"][0]
        action["value"] = json.dumps({**json.loads(action["value"]), "group": "*", "episode": "x"})
        assert (await desk.press(payload)).startswith("Silenced: drift,")
        async with desk.database.read() as connection:
            (silence,) = await SilenceStore(connection).all()
        assert silence.rule == "drift"

    async def test_a_forged_button_is_refused(self, desk: Desk) -> None:
        forgeries: tuple[dict[str, Any], ...] = (
            {"verb": "sell"},
            {"epoch": "1"},
            {"epoch": True},
            {"drawn_at": "yesterday"},
            {"drawn_at": "2026-03-12T21:30:00"},
        )
        for change in forgeries:
            payload = desk.press_of("pause")
            action = payload["actions"][0]
            action["value"] = json.dumps({**json.loads(action["value"]), **change})
            assert await desk.press(payload) == "Refused: the button carries nothing Forewarn wrote."
        assert await desk.actions() == []

    async def test_a_button_from_the_future_is_refused(self, desk: Desk) -> None:
        payload = desk.press_of("pause")
        action = payload["actions"][0]
        drawn_at = (NOW + timedelta(hours=1)).isoformat()
        action["value"] = json.dumps({**json.loads(action["value"]), "drawn_at": drawn_at})
        assert (await desk.press(payload)).startswith("Refused: The button was drawn in the future")

    async def test_lifting_what_is_not_latched_is_refused_with_the_gates_own_words(self, desk: Desk) -> None:
        payload = desk.press_of("pause")
        action = payload["actions"][0]
        action["value"] = json.dumps({**json.loads(action["value"]), "verb": "resume"})
        answer = await desk.press(payload)
        assert answer == "Refused: the gate is ACTIVE and not latched, there is nothing to lift."
        assert await desk.actions() == ["slack.refused"]


class TestOnce:
    async def test_a_press_that_slack_delivers_twice_acts_and_answers_once(self, desk: Desk) -> None:
        payload = desk.press_of("silence")
        await desk.press(payload)
        await desk.slack.socket.deliver(payload, retry=1)
        answer = await desk.press(desk.press_of("acknowledge"))  # handled after the second delivery
        assert answer.startswith("Acknowledged")
        assert len(desk.slack.whispers) == 2
        assert await desk.silences() == 1

    async def test_a_press_delivered_again_to_the_next_process_acts_and_answers_once(
        self, desk: Desk
    ) -> None:
        payload, other = desk.press_of("silence"), desk.press_of("acknowledge")
        await desk.press(payload)
        await desk.slack.socket.close_all()
        successor = desk.new_loop(desk.database)
        press = read_presses(payload)[0]
        await successor._buttons.press(press)
        await successor._buttons.press(read_presses(other)[0])
        assert len(desk.slack.whispers) == 2
        assert await desk.silences() == 1

    async def test_fresh_buttons_act_again(self, desk: Desk) -> None:
        await desk.press(desk.press_of("silence"))
        desk.clock.advance(NOW + timedelta(minutes=1))
        desk.channel._now = desk.clock.now
        await desk.press(desk.press_of("acknowledge"))
        await desk.press(desk.press_of("silence"))
        assert await desk.silences() == 2

    async def test_redrawing_shows_what_delivery_has_sent_meanwhile(self, desk: Desk) -> None:
        await desk.record(replace(MESSAGE, key="drift/2", title="Features have drifted further"))
        await desk.press(desk.press_of("acknowledge"))
        assert desk.slack.top()[0].blocks[0]["text"]["text"] == "🔴 Critical: Features have drifted further"

    async def test_redrawing_again_shows_what_delivery_sent_in_between(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        redraw, later = desk.channel.redraw, replace(MESSAGE, key="drift/2", title="Worse")

        async def overtaken(message: Message, living: str, trading: Trading | None) -> None:
            if message.title != later.title:
                await desk.record(later)
            await redraw(message, living, trading)

        monkeypatch.setattr(desk.channel, "redraw", overtaken)
        await desk.press(desk.press_of("acknowledge"))
        assert desk.slack.top()[0].blocks[0]["text"]["text"] == "🔴 Critical: Worse"

    async def test_a_refusal_that_slack_asks_for_twice_is_given_once(self, desk: Desk) -> None:
        payload = desk.press_of("pause", user=BORIS)
        await desk.press(payload)
        await desk.slack.socket.deliver(payload, retry=1)
        await desk.press(desk.press_of("acknowledge"))  # handled after the second delivery
        assert len(desk.slack.whispers) == 2
        assert (await desk.actions()).count("slack.refused") == 1


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


class Silent:
    """Stands for the buttons where only the connection counts."""

    def __init__(self) -> None:
        self.taken: list[Press] = []

    async def press(self, press: Press) -> None:
        self.taken.append(press)


@pytest.fixture
def health() -> Health:
    return Health(ReplayClock(NOW))


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


class TestNewerWord:
    async def test_a_button_drawn_for_an_older_revision_is_refused_for_acknowledge_and_silence(
        self, desk: Desk
    ) -> None:
        presses = [desk.press_of("acknowledge"), desk.press_of("silence")]
        async with desk.database.write() as connection:
            store = OutboxStore(connection)
            await store.add("drift", 2, asdict(MESSAGE), MESSAGE.severity, ("slack",), at=NOW, wall=NOW)
        for press in presses:
            answer = await desk.press(press)
            assert answer.startswith("Refused: There is newer word about drift than this was drawn for.")
        assert (await desk.alert()).marks.acknowledged_by == ""
        assert await desk.silences() == 0

    async def test_a_button_that_names_no_message_is_refused(self, desk: Desk) -> None:
        press = desk.press_of("acknowledge")
        value = json.loads(press["actions"][0]["value"])
        del value["key"]
        press["actions"][0]["value"] = json.dumps(value)
        assert (await desk.press(press)).startswith("Refused: There is newer word")

    async def test_a_message_drawn_anew_is_still_known_as_ones_own(
        self, slack: SlackApiStandIn, store: Database
    ) -> None:
        desk = Desk(slack, store)
        await desk.tell()
        desk.loop._buttons._store = "aaa"
        own = replace(MESSAGE, store="aaa")
        async with listening(desk.loop):
            await desk.press(desk.press_of("acknowledge"))
            await desk.until(lambda: "takes care of it" in json.dumps(desk.slack.top()[0].blocks))
        assert (await desk.channel.find(own)).sighting is Sighting.ARRIVED
        await desk.channel.aclose()

    async def test_who_acknowledged_stands_in_the_message_drawn_anew(self, desk: Desk) -> None:
        await desk.press(desk.press_of("acknowledge"))
        await desk.until(lambda: "takes care of it" in json.dumps(desk.slack.top()[0].blocks))


async def test_silencing_a_group_whose_name_looks_like_a_glob_silences_that_group_only(
    slack: SlackApiStandIn, store: Database
) -> None:
    desk = Desk(slack, store)
    await desk.tell()
    odd = replace(MESSAGE, key="psi_[ab]*/1", group="psi_[ab]*")
    async with store.write() as connection:
        await GroupStore(connection).save([Group(odd.group, began=SESSION, count=1, is_open=True)])
    desk.reference = await desk.channel.send(odd)
    await desk.record(odd)
    press = next(
        interaction(one, channel=CHANNEL, message_ts=desk.reference.partition(":")[2])
        for post in slack.top()
        for block in post.blocks
        if block["type"] == "actions"
        for one in block["elements"]
        if json.loads(one["value"])["verb"] == "silence" and json.loads(one["value"])["group"] == odd.group
    )
    async with listening(desk.loop):
        assert (await desk.press(press)).startswith("Silenced: psi_[ab]*,")
    async with store.read() as connection:
        (made,) = await SilenceStore(connection).all()
    assert made.covers(odd.group, odd.group, "x", NOW)
    assert not made.covers("psi_about", "psi_about", "x", NOW)
    await desk.channel.aclose()
