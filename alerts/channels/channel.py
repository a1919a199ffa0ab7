"""What every channel is, and the ways a send can fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from alerts.message import Message


class DeliveryError(Exception):
    """A send did not demonstrably succeed."""


class TransientError(DeliveryError):
    """The receiver demonstrably did not take the message; sending again later is right.

    Attributes:
        retry_after_s: The receiver's own wish in seconds (HTTP `Retry-After`), or None.
    """

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class PermanentError(DeliveryError):
    """The receiver refuses this message for good (too large, malformed); sending it again is useless."""


class ChannelRefusedError(PermanentError):
    """The receiver refuses whatever we send (revoked token, wrong password, unknown channel).

    Nothing is wrong with the message: it waits until somebody has mended the channel.
    """


class UnknownOutcomeError(DeliveryError):
    """The reply was lost: the receiver may or may not have the message."""


class PartlyTakenError(DeliveryError):
    """The channel has several recipients; some have the message now and some have not.

    Attributes:
        reference: The receiver's reference; given to `send` as `living`, only the others are sent to.
        again: Whether sending it again may reach the others; where not, they never get it.
    """

    def __init__(self, text: str, *, reference: str, again: bool) -> None:
        super().__init__(text)
        self.reference = reference
        self.again = again


class Sighting(StrEnum):
    """What the receiver says when asked whether it has a message."""

    ARRIVED = "arrived"
    ABSENT = "absent"
    UNKNOWABLE = "unknowable"


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of `Channel.find`: what the receiver says, and its reference for the message."""

    sighting: Sighting
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a receiver may be sent to: `burst` messages at once, then `per_s` a second."""

    per_s: float
    burst: int = 1


class Channel(Protocol):
    """Carries one message to one place.

    The verbs raise `TransientError`, `PermanentError` or `UnknownOutcomeError`, `send` also
    `PartlyTakenError`, and let cancellation through.
    None of them waits longer than the channel's own time-out, and none tries twice: pacing and retries
    belong to delivery.
    """

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast the receiver may be sent to."""
        ...

    @property
    def edits(self) -> bool:
        """Whether a message of an episode that it has is edited in place, which notifies nobody."""
        ...

    async def send(self, message: Message, *, living: str = "") -> str:
        """Deliver the message.

        Args:
            message: What to tell.
            living: The receiver's reference of the newest message sent for the same group and episode, ""
                for the first. A channel that can edit edits that one; one that threads, answers to it.
                Where an earlier send of this message said more than its outcome, what that said.

        Returns:
            The receiver's reference, "" where it gives none.
        """
        ...

    async def find(self, message: Message, *, living: str = "") -> Found:
        """Ask the receiver whether a send whose reply was lost has arrived.

        `UNKNOWABLE` where the receiver cannot be asked; sending again is then right, and a receiver that
        honours the message's key shows it once.
        """
        ...

    async def check(self) -> None:
        """Ask the receiver whether it would take a message (credentials, permission), without sending one."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
