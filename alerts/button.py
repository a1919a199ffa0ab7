"""The button: what a person can press under a message, what it carries, and when it is too old to obey."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.message import Event, Message

FRESH_FOR: Final = timedelta(minutes=15)
"""How long after it was drawn a button is obeyed: its reader saw that state of things, not today's."""

AHEAD: Final = timedelta(minutes=1)
"""How far in the future a button may seem to have been drawn, for clocks that differ."""

_NAME_LIMIT = 100  # characters of a group or an episode that a button carries; Slack takes 2,000 in all


class Role(StrEnum):
    """What a person is allowed to do with buttons."""

    ACK = "ack"
    PAUSE = "pause"
    RESUME = "resume"


class Verb(StrEnum):
    """What a button does."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    PAUSE = "pause"
    RESUME = "resume"

    @property
    def role(self) -> Role:
        """What it takes to press it."""
        return {Verb.PAUSE: Role.PAUSE, Verb.RESUME: Role.RESUME}.get(self, Role.ACK)

    @property
    def moves_trading(self) -> bool:
        """Whether it moves the gate."""
        return self in {Verb.PAUSE, Verb.RESUME}


class ButtonError(Exception):
    """What a button carries cannot be read."""


@dataclass(frozen=True, slots=True)
class Button:
    """One button as it was drawn.

    Attributes:
        verb: What it does.
        group: The alert group it was drawn for; told, not trusted.
        episode: The spell of firing it was drawn for; told, not trusted.
        epoch: The gate's epoch when it was drawn; None where the message did not speak of trading.
        drawn_at: When, aware UTC.
        key: The message it was drawn under; told, not trusted. A newer word about the spell makes it stale.
    """

    verb: Verb
    group: str
    episode: str
    epoch: int | None
    drawn_at: datetime
    key: str = ""

    def write(self) -> str:
        """Return it as JSON, well below what a chat lets a button carry."""
        return json.dumps(
            {
                "verb": self.verb.value,
                "group": self.group[:_NAME_LIMIT],
                "episode": self.episode[:_NAME_LIMIT],
                "epoch": self.epoch,
                "key": self.key[: 2 * _NAME_LIMIT],
                "drawn_at": self.drawn_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            },
            separators=(",", ":"),
        )


def read_button(text: str) -> Button:
    """Return a button from what `Button.write` wrote.

    Raises:
        ButtonError: It is anything else.
    """
    try:
        found = json.loads(text)
        epoch, drawn_at = found["epoch"], datetime.fromisoformat(found["drawn_at"])
        group, episode, key = str(found["group"]), str(found["episode"]), str(found.get("key", ""))
        button = Button(Verb(found["verb"]), group, episode, epoch, drawn_at, key)
    except (ValueError, TypeError, KeyError):
        raise ButtonError("the button carries nothing Forewarn wrote") from None
    if drawn_at.tzinfo is None or not (epoch is None or type(epoch) is int):
        raise ButtonError("the button carries nothing Forewarn wrote")
    return button


def verbs_for(message: Message) -> tuple[Verb, ...]:
    """Return what makes sense under the message: nobody can acknowledge what is over or resume what runs."""
    verbs: list[Verb] = []
    if message.event in {Event.FIRING, Event.NO_DATA, Event.REMINDER}:
        verbs += [Verb.ACKNOWLEDGE, Verb.SILENCE]
    trading = message.trading
    if trading is None or message.event in {Event.DIGEST, Event.TEST}:
        return tuple(verbs)
    paused = trading.state == "HALTED" or (trading.state == "REDUCE_ONLY" and trading.latched)
    if not paused and message.event is not Event.RESOLVED:
        verbs.append(Verb.PAUSE)
    if trading.latched:
        verbs.append(Verb.RESUME)
    return tuple(verbs)


def why_stale(button: Button, *, epoch: int, state: str, newest: str, now: datetime) -> str:
    """Return why a button is too old to obey, as a sentence; "" when it is fresh.

    Args:
        button: As it was drawn.
        epoch: The gate's epoch now.
        state: The gate's state now.
        newest: The key of the newest message about the spell, whether or not it is shown yet.
        now: The instant of the click, aware UTC.
    """
    if button.epoch is None and button.verb.moves_trading:
        return "The button does not say which state of trading it was drawn for."
    if button.epoch is not None and button.epoch != epoch:
        return f"Trading has moved since this was drawn: it is {state} now (epoch {epoch})."
    age = now - button.drawn_at
    if age > FRESH_FOR:
        return f"The button is {_length(age)} old; one is obeyed for {FRESH_FOR.seconds // 60} minutes."
    if not button.verb.moves_trading and button.key != newest:
        return f"There is newer word about {button.group} than this was drawn for."
    if age < -AHEAD:
        return "The button was drawn in the future; check the clocks."
    return ""


def _length(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"
