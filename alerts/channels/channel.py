"""What every channel is, and the three ways a send can fail."""

from __future__ import annotations

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
    """The receiver refuses for good (bad credentials, unknown recipient); sending again is useless."""


class UnknownOutcomeError(DeliveryError):
    """The reply was lost: the receiver may or may not have the message."""


class Channel(Protocol):
    """Carries one message to one place.

    `send` returns the receiver's reference for the message ("" where it gives none). It raises
    `TransientError`, `PermanentError` or `UnknownOutcomeError`, and lets cancellation through.
    """

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        ...

    async def send(self, message: Message) -> str:
        """Deliver the message, waiting no longer than the channel's own time-out."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
