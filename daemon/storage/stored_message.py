"""A message as stored: JSON in the outbox, a value everywhere else."""

from __future__ import annotations

from typing import Any, Final

from alerts.message import Curve, Event, Finding, Message, Severity, Trading

UNREADABLE: Final = (KeyError, TypeError, ValueError)
"""What reading something that is no message raises."""


def read_message(stored: dict[str, Any]) -> Message:
    """Return a stored message as a value.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    trading, curve = stored.get("trading"), stored.get("curve")
    values = {
        **stored,
        "event": Event(stored["event"]),
        "severity": Severity(stored["severity"]),
        "findings": tuple(Finding(**finding) for finding in stored["findings"]),
        "trading": Trading(**trading) if trading else None,
        "curve": (
            Curve(curve["label"], tuple(curve["sessions"]), tuple(curve["values"]), curve["limit"])
            if curve
            else None
        ),
    }
    return Message(**values)
