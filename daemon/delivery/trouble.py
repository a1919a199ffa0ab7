"""Trouble with a channel, told on the others: once when it begins, and once when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.message import Event, Finding, Message, Severity
from daemon.storage.channels import WORKS, ChannelState, ChannelStore
from daemon.storage.outbox import URGENCY, OutboxStore

GROUP: Final = "delivery"
RUNBOOK: Final = (
    "Run `forewarn check` to see what each channel answers. What waits is sent once it works again."
)


async def tell_trouble(connection: AsyncConnection, levels: Mapping[str, Severity], wall: datetime) -> int:
    """Write what has changed about the channels that fail. Level-triggered: called twice, it tells once.

    Args:
        connection: The transaction that also holds how the channels do.
        levels: Every channel, with the least severity it is told of.
        wall: The machine's own time, aware UTC.

    Returns:
        For how many channels a message was written.
    """
    states = await ChannelStore(connection).all()
    failing = {name: state for name, state in states.items() if state.trouble and name in levels}
    outbox = OutboxStore(connection)
    newest = await outbox.newest(GROUP)
    last, heard = newest or ({}, frozenset())
    firing = last.get("event") == Event.FIRING
    told = {finding["subject"]: finding["samples"] for finding in last["findings"]} if firing else {}
    if set(failing) == set(told) and not any(_is_worse(failing[name], last, told[name]) for name in told):
        return 0
    revision = await outbox.next_revision(GROUP)
    if failing:
        message = _message(failing, Event.FIRING, wall)
        urgency = URGENCY[message.severity]
        names = [name for name, least in levels.items() if name not in failing and urgency >= URGENCY[least]]
    else:
        message = _message(dict.fromkeys(told, WORKS), Event.RESOLVED, wall)
        names = [name for name in levels if name in heard]
    stored = asdict(message) | {"episode": last["episode"] if firing else str(revision)}
    await outbox.add(GROUP, revision, stored, message.severity, names, at=wall, wall=wall)
    return len(names)


def _message(states: Mapping[str, ChannelState], event: Event, wall: datetime) -> Message:
    names = ", ".join(sorted(states))
    lost = any(state.critical for state in states.values())
    failing = event is Event.FIRING
    return Message(
        key=GROUP,
        group=GROUP,
        event=event,
        severity=Severity.CRITICAL if lost else Severity.WARNING,
        title=f"Messages do not reach {names}" if failing else f"Messages reach {names} again",
        session=wall.date().isoformat(),
        findings=tuple(
            Finding(name, _words(state), "", state.lost, "", _since(state))
            for name, state in sorted(states.items())
        ),
        done="",
        runbook=RUNBOOK if failing else "",
        at=wall.isoformat(),
    )


def _is_worse(state: ChannelState, last: Mapping[str, Any], told: int) -> bool:
    """Tell whether more is lost than was told: twice as many messages, or the first critical one."""
    critical = state.critical and last["severity"] != Severity.CRITICAL
    return critical or state.lost.bit_length() > told.bit_length()


def _words(state: ChannelState) -> str:
    lost = f"; {state.lost:,} messages given up" if state.lost > 1 else ""
    return f"{state.trouble or 'works'}{lost}"


def _since(state: ChannelState) -> str:
    return f"{state.failing_since:%Y-%m-%d %H:%M} UTC" if state.failing_since else ""
