"""The webhook's body: a message as JSON, versioned and the same for every attempt to send it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from alerts.message import Message
from alerts.render_text import render_text

VERSION: Final = 1
"""Raised when a field changes its meaning or goes; a field that is added raises nothing."""


def render_webhook(message: Message) -> dict[str, Any]:
    """Return the body as JSON-safe values.

    `type` is `alert.` and the event, `timestamp` the instant of the decision (ISO, UTC). `data` holds the
    message's own fields and, as `text`, the whole message as people read it.
    """
    data = asdict(message)
    data.pop("at")
    for finding in data["findings"]:
        finding.pop("critical")  # it decides what a digest lists; here nothing is left out
    return {
        "version": VERSION,
        "type": f"alert.{message.event}",
        "timestamp": message.at,
        "data": {**data, "text": render_text(message)},
    }


def render_body(message: Message) -> str:
    """Return the body as compact ASCII: byte for byte the same each time, as its signature needs."""
    return json.dumps(render_webhook(message), separators=(",", ":"))
