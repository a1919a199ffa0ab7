"""Slack's buttons: who may press what, whether it is still meant, and what is done about it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from glob import escape
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert
from alerts.button import FRESH_FOR, Button, ButtonError, Role, Verb, read_button, why_stale
from alerts.channels.channel import DeliveryError, TransientError
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_socket import Press
from alerts.compose import compose_gate
from alerts.message import Severity
from alerts.reason import Reason
from alerts.route import Routing
from daemon.clock import Clock
from daemon.person import lift, pause
from daemon.post import post
from daemon.storage.alerts import AlertStore
from daemon.storage.audit import AuditStore
from daemon.storage.database import UNREACHABLE, Database, DatabaseError
from daemon.storage.gates import GateStore
from daemon.storage.groups import GroupStore
from daemon.storage.presses import PressStore, Shown
from daemon.storage.stored_message import read_message
from daemon.teller import trading_of
from daemon.verbs import VerbError, acknowledge, silence
from trading.gate import Gate, GateError, GateState

SILENCE: Final = timedelta(hours=1)
"""How long the button silences a group."""

REMEMBERED: Final = 1000
"""Presses remembered, so that one which Slack delivers twice is answered once."""

EVERYBODY: Final = "*"
"""The member that stands for everybody in the channel."""

PATIENCE_S: Final = 10.0
"""Seconds an answer waits at the most where Slack asks to slow down."""

ACTOR_LIMIT: Final = 64
"""Characters of who acted, as the store keeps them."""

log = structlog.get_logger("slack_buttons")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a press.

    Attributes:
        text: For the person, a sentence; "" for none.
        done: Whether something was done.
        redraw: Whether the message's buttons are drawn anew.
    """

    text: str
    done: bool = False
    redraw: bool = False


class SlackButtons:
    """Turns presses into verbs. A button acts once, and nothing it says is trusted but its verb and its age.

    The group is the one of the message the button stands under, as the outbox knows it; the person is who
    Slack says; the rest is looked up in the transaction that acts.
    """

    def __init__(
        self,
        database: Database,
        channel: SlackBotChannel,
        roles: Mapping[str, tuple[Role, ...]],
        routing: Routing,
        clock: Clock,
        wake: Callable[[], None],
        store: str = "",
    ) -> None:
        """Take the store, the channel to answer through, and who may do what.

        Args:
            database: The store.
            channel: Where the buttons are, and where answers go.
            roles: By member's ID; `*` for everybody.
            routing: Where messages go that tell what a person did to trading.
            clock: The machine's own.
            wake: Called when something was done that others are to be told.
            store: The store's identity, as delivery sends it.
        """
        self._store = store
        self._database = database
        self._channel = channel
        self._roles = roles
        self._routing = routing
        self._clock = clock
        self._wake = wake
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def press(self, press: Press) -> None:
        """Handle one press: check it, act, answer the person, and draw fresh buttons."""
        if press.interaction in self._seen:
            return
        self._seen[press.interaction] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        try:
            answer = await self._answer(press)
        except (DatabaseError, *UNREACHABLE) as error:
            self._seen.pop(press.interaction, None)
            log.error("a press could not be handled", user=press.user, error=type(error).__name__)
            answer = Answer(
                "Forewarn cannot use its store just now. Press again in a minute: a button acts only once. "
                "If it is urgent, use the command line."
            )
        if answer.done:
            self._wake()
        await self._tell(press, answer)

    async def _answer(self, press: Press) -> Answer:
        try:
            button = read_button(press.value)
        except ButtonError as error:
            return Answer(f"Refused: {error}.")
        async with self._database.write() as connection:
            now = self._clock.now()
            gate = await GateStore(connection).hold(now)
            shown = await PressStore(connection).shown(self._channel.name, press.reference)
            answer = await self._judge(connection, press, button, shown, gate, now)
            if answer.text:
                action = f"slack.{button.verb if answer.done else 'refused'}"
                detail = _detail(press, button, shown, answer)
                await AuditStore(connection).add(now, _actor(press), action, detail)
        return answer

    async def _judge(
        self,
        connection: AsyncConnection,
        press: Press,
        button: Button,
        shown: Shown | None,
        gate: Gate,
        now: datetime,
    ) -> Answer:
        """Refuse the press with the reason, or act."""
        if button.verb.role not in self._granted(press.user):
            return Answer(f"Refused: this needs the role {button.verb.role}, and you do not have it.")
        if shown is None:
            return Answer("Refused: Forewarn does not know this message any more.")
        refused = await self._repeated(connection, press, button, now)
        refused = refused or await _stale(connection, button, shown, gate, now)
        if refused is not None:
            return refused
        try:
            return Answer(await self._act(connection, press, button, shown, now), done=True, redraw=True)
        except (GateError, VerbError) as error:
            why = str(error).removeprefix("refused: ")
            return Answer(f"Refused: {why}.", redraw=True)

    async def _repeated(
        self, connection: AsyncConnection, press: Press, button: Button, now: datetime
    ) -> Answer | None:
        """Return the answer to a button that has acted already; None for one that has not."""
        presses, since = PressStore(connection), now - 2 * FRESH_FOR
        acted = await presses.acted(f"slack.{button.verb}", _name(press, button), since)
        if acted is None:
            return None
        if acted.interaction == press.interaction:
            return Answer("")
        return Answer(f"Done already, by {acted.actor} at {acted.at:%H:%M} UTC.", redraw=True)

    def _granted(self, user: str) -> frozenset[Role]:
        return frozenset((*self._roles.get(user, ()), *self._roles.get(EVERYBODY, ())))

    async def _act(
        self, connection: AsyncConnection, press: Press, button: Button, shown: Shown, now: datetime
    ) -> str:
        actor, why = _actor(press), f"pressed in Slack under {shown.group}"
        match button.verb:
            case Verb.ACKNOWLEDGE:
                return await _acknowledge(connection, shown.group, actor, now)
            case Verb.SILENCE:
                ends = now + SILENCE
                literal = escape(shown.group)  # a group's name is no glob
                await silence(connection, literal, starts=now, ends=ends, reason=why, actor=actor)
                told = f"Silenced: {shown.group}, until {ends:%H:%M} UTC."
                return f"{told} The trading gate does not hear silences."
            case Verb.PAUSE:
                state, epoch = GateState.REDUCE_ONLY, button.epoch
                gate = await pause(connection, state, epoch=epoch, at=now, reason=why, actor=actor)
                told = f"Trading is {gate.state} (epoch {gate.epoch}) until a person resumes it."
            case Verb.RESUME:
                gate = await lift(connection, epoch=button.epoch, at=now, reason=why, actor=actor)
                told = f"The pause is lifted: trading is {gate.state} (epoch {gate.epoch})"
                told = f"{told} until the next session is judged."
        await self._tell_gate(connection, gate, now)
        return told

    async def _tell_gate(self, connection: AsyncConnection, gate: Gate, now: datetime) -> None:
        """Tell everybody else, through the outbox and by the routes, that a person moved the gate."""
        message = compose_gate(
            now.date(),
            f"{gate.actor} moved trading to {gate.state}",
            f"Trading is {gate.state} (epoch {gate.epoch}): {gate.reason}",
            Severity.WARNING,
            epoch=gate.epoch,
            at=now,
            trading=trading_of(gate),
            reason=Reason.PERSON,
        )
        await post(connection, (message,), self._routing, now, now)

    async def _tell(self, press: Press, answer: Answer) -> None:
        """Answer the person, note in the thread what was done, and draw the message anew.

        What Slack does not take is left out: the verb is done, and the audit trail says so.
        """
        steps: list[Callable[[], Awaitable[None]]] = []
        if answer.redraw:
            steps.append(partial(self._redraw, press.reference))
        if answer.text:
            steps.append(partial(self._channel.whisper, press.user, answer.text))
        if answer.done:
            steps.append(partial(self._channel.note, f"{_actor(press)}: {answer.text}", press.reference))
        for step in steps:
            try:
                await _patiently(step)
            except (DeliveryError, DatabaseError, *UNREACHABLE) as error:
                log.warning("an answer in Slack was left out", user=press.user, error=str(error)[:200])

    async def _redraw(self, reference: str) -> None:
        """Draw the newest message under a reference with today's gate; again where delivery was faster."""
        drawn: Shown | None = None
        for _ in range(3):
            async with self._database.read() as connection:
                shown = await PressStore(connection).shown(self._channel.name, reference)
                gate = await GateStore(connection).read()
                alerts = await AlertStore(connection).concerned()
            if shown is None or shown == drawn:
                return
            trading = trading_of(gate) if gate else None
            message = replace(
                read_message(shown.message),
                acknowledged_by=_carers(alerts, shown.group),
                store=self._store,  # or delivery would not know its own message again
            )
            await self._channel.redraw(message, reference, trading)
            drawn = shown


async def _patiently(step: Callable[[], Awaitable[None]]) -> None:
    """Do a step once more where Slack only asks to wait: delivery posts to the same channel."""
    try:
        await step()
    except TransientError as error:
        if error.retry_after_s is None:
            raise
        await asyncio.sleep(min(error.retry_after_s, PATIENCE_S))
        await step()


async def _acknowledge(connection: AsyncConnection, group: str, actor: str, now: datetime) -> str:
    if not await acknowledge(connection, group, actor=actor, at=now):
        return f"{group} had been acknowledged before."
    return f"Acknowledged: {group}. Nobody is reminded of it while this spell lasts."


async def _stale(
    connection: AsyncConnection, button: Button, shown: Shown, gate: Gate, now: datetime
) -> Answer | None:
    """Return the answer to a button whose time is over; None for one that is still meant."""
    newest = await PressStore(connection).newest(shown)
    if stale := why_stale(button, epoch=gate.epoch, state=gate.state, newest=newest, now=now):
        return Answer(f"Refused: {stale} Look at the message again; its buttons are fresh now.", redraw=True)
    if not button.verb.moves_trading and await _is_over(connection, shown):
        return Answer("Refused: this alert is over, there is nothing left to do.", redraw=True)
    return None


async def _is_over(connection: AsyncConnection, shown: Shown) -> bool:
    group = (await GroupStore(connection).all()).get(shown.group)
    return group is None or not group.is_open or group.episode != shown.episode


def _carers(alerts: Mapping[str, Alert], group: str) -> str:
    """Return who takes care of a group's alerts."""
    marks = (alert.marks for alert in alerts.values() if alert.is_open and alert.marks.group == group)
    return ", ".join(sorted({one.acknowledged_by for one in marks if one.acknowledged_by}))


def _actor(press: Press) -> str:
    """Return who pressed: the name people read, and the ID that cannot be chosen."""
    tail = f" (Slack {press.user})"
    handle = "".join(char for char in press.handle if char.isprintable())
    return f"{handle[: ACTOR_LIMIT - len(tail)]}{tail}".strip()[:ACTOR_LIMIT]


def _name(press: Press, button: Button) -> str:
    """Return the identity of a button: drawn anew, it is another one."""
    return f"{press.reference}/{button.verb}/{button.drawn_at.isoformat(timespec='milliseconds')}"


def _detail(press: Press, button: Button, shown: Shown | None, answer: Answer) -> dict[str, Any]:
    return {
        "button": _name(press, button),
        "verb": button.verb.value,
        "group": shown.group if shown else "",
        "episode": shown.episode if shown else "",
        "epoch": button.epoch,
        "interaction": press.interaction,
        "answer": answer.text,
    }
