"""The digest: many messages folded into one, so that a storm does not bury what it tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alerts.message import Event, Finding, Message, Severity

MOST_FINDINGS: Final = 200
"""Findings a digest carries, at least one of every message and all critical ones; the others are counted."""

_EACH: Final = 5
_URGENCY: Final = list(Severity)
_OVER: Final = frozenset({Event.RESOLVED})
_WORDS: Final = {
    Event.FIRING: "firing",
    Event.REMINDER: "still firing",
    Event.RESOLVED: "over",
    Event.NO_DATA: "without data",
    Event.GATE: "about trading",
}


def compose_digest(key: str, group: str, messages: Sequence[Message]) -> Message:
    """Fold messages into one that names every one of them, the most urgent first.

    A critical alert that is over already is told together with its end: both are among the messages.

    Args:
        key: The digest's own key.
        group: The digest's own group.
        messages: At least one, the oldest first.

    Raises:
        ValueError: There is none.
    """
    if not messages:
        raise ValueError("a digest of no message says nothing; give at least one")
    over = {(one.group, one.episode) for one in messages if one.event in _OVER}
    ordered = sorted(messages, key=lambda one: _rank(one, over))
    each = max(1, min(_EACH, MOST_FINDINGS // len(messages)))
    findings = [finding for one in ordered for finding in _findings(one, each)]
    newest = messages[-1]
    gates = [one for one in messages if one.trading is not None]
    told = next((one.done for one in reversed(messages) if one.done), "")
    return Message(
        key=key,
        group=group,
        event=Event.DIGEST,
        severity=max(
            (Severity.WARNING if (one.group, one.episode) in over else one.severity for one in messages),
            key=_URGENCY.index,
        ),
        title=f"{len(messages):,} messages in one: {_counted(messages)}",
        session=max(one.session for one in messages),
        findings=tuple(findings),
        done=told,
        runbook="",
        at=max(one.at for one in messages),
        others=sum(one.others + max(len(one.findings) - _most(one, each), 0) for one in messages),
        trading=gates[-1].trading if gates else newest.trading,
    )


def _rank(message: Message, over: set[tuple[str, str]]) -> tuple[bool, int]:
    """What is not over comes first, then by severity."""
    return (message.group, message.episode) in over, -_URGENCY.index(message.severity)


def _findings(message: Message, each: int) -> list[Finding]:
    """Return a message's worst findings under its own title; a message without any stands for itself."""
    about = f"{message.title} ({_WORDS.get(message.event, message.event.value)})"
    critical = message.severity is Severity.CRITICAL
    if not message.findings:
        return [Finding(message.group, message.done, "", 0, "", message.session, about, critical)]
    return [
        replace(finding, about=finding.about or about, critical=finding.critical or critical)
        for finding in message.findings[: _most(message, each)]
    ]


def _most(message: Message, each: int) -> int:
    """Return how many findings of a message go into a digest: of a critical one all."""
    return len(message.findings) if message.severity is Severity.CRITICAL else each


def _counted(messages: Sequence[Message]) -> str:
    counted = Counter(_WORDS.get(one.event, one.event.value) for one in messages)
    return ", ".join(f"{n:,} {word}" for word, n in counted.most_common())
