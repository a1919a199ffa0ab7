"""The receipt: who has a mail, who is still to get it and who never will, as the outbox keeps it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

_REFUSAL: Final = re.compile(r"(\S+) \((\d+)\)")
_REFUSED: Final = "; refused: "
_LEFT: Final = "; left: "
_ANSWERS: Final = "; answers: "


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient whom the server did not take, and its code."""

    recipient: str
    code: int

    @property
    def is_final(self) -> bool:
        """Whether the server says that asking again is useless."""
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.recipient} ({self.code})"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the mail server said about each recipient of a mail.

    Attributes:
        message_id: The mail's Message-ID, "" for none.
        refused: Who never gets it.
        left: Who is to get it later.
        answers: The Message-ID it answers; kept only while somebody is left.
    """

    message_id: str
    refused: tuple[Refusal, ...] = ()
    left: tuple[Refusal, ...] = ()
    answers: str = ""

    def write(self) -> str:
        """Return it as one line: `<...@domain>; refused: bob@example.org (550)`."""
        parts = [self.message_id]
        parts += [_REFUSED + listed(self.refused)] if self.refused else []
        parts += [_LEFT + listed(self.left)] if self.left else []
        parts += [_ANSWERS + self.answers] if self.left and self.answers else []
        return "".join(parts)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote; from "" one that nobody has."""
        text, _, answers = text.partition(_ANSWERS)
        text, _, left = text.partition(_LEFT)
        message_id, _, refused = text.partition(_REFUSED)
        return cls(message_id, _refusals(refused), _refusals(left), answers)


def listed(refusals: tuple[Refusal, ...]) -> str:
    """Return refusals as people read them."""
    return ", ".join(str(one) for one in refusals)


def _refusals(text: str) -> tuple[Refusal, ...]:
    return tuple(Refusal(one[1], int(one[2])) for one in _REFUSAL.finditer(text))
