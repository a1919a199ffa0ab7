"""Strays: messages whose channel is no longer configured. They are given up aloud, never left lying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.compose import FINDINGS
from alerts.message import Event, Finding, Message, Severity
from daemon.delivery.trouble import GROUP
from daemon.storage.channels import WORKS, ChannelStore
from daemon.storage.fallbacks import FallbackStore
from daemon.storage.outbox import URGENCY, OutboxStore
from daemon.storage.outbox_rows import unsent_of

PREFIX: Final = f"{GROUP}."
"""Begins the name of the group in which the loss is told."""
WHY: Final = "its channel is no longer configured"
RUNBOOK: Final = (
    "What was critical went to its fallback, where there is one. Read the others here; "
    "`forewarn alerts list` shows what still fires."
)


async def give_up_strays(
    connection: AsyncConnection, levels: Mapping[str, Severity], wall: datetime
) -> dict[str, int]:
    """Give up what waits for channels that are gone, let it fall back, and tell the others.

    Args:
        connection: The caller's transaction.
        levels: Every channel there is, with the least severity it is told of.
        wall: The machine's own time, aware UTC.

    Returns:
        How many messages were given up, by channel.
    """
    counts: dict[str, int] = {}
    for channel, found in groupby(await OutboxStore(connection).strays(levels), lambda row: str(row.channel)):
        rows = list(found)
        counts[channel] = len(rows)
        fallbacks = FallbackStore(connection)
        for row in rows:
            one = unsent_of(row, told=False)
            await fallbacks.give_up(one, WHY)
            await fallbacks.fall_back(one, levels, wall=wall)
        await ChannelStore(connection).save(channel, WORKS)
        await _tell(connection, channel, rows, levels, wall)
    return counts


async def _tell(
    connection: AsyncConnection,
    channel: str,
    rows: list[Any],
    levels: Mapping[str, Severity],
    wall: datetime,
) -> None:
    """Write one message that names what was lost, the most urgent first."""
    group, outbox = f"{PREFIX}{channel}", OutboxStore(connection)
    revision = await outbox.next_revision(group)
    ordered = sorted(rows, key=lambda row: (-row.severity, row.created_at))
    worst = next(severity for severity, rank in URGENCY.items() if rank == ordered[0].severity)
    severity = max(worst, Severity.WARNING, key=URGENCY.__getitem__)
    message = Message(
        key=group,
        group=group,
        event=Event.FIRING,
        severity=severity,
        title=f"{len(rows):,} messages for {channel} were given up: {WHY}",
        session=wall.date().isoformat(),
        findings=tuple(
            Finding(f"{row.group_}/{row.revision}", str(row.message.get("title", "")), "", 0, "", _day(row))
            for row in ordered[:FINDINGS]
        ),
        done="",
        runbook=RUNBOOK,
        episode=str(revision),
        at=wall.isoformat(),
        others=max(len(rows) - FINDINGS, 0),
    )
    names = [name for name, least in levels.items() if URGENCY[severity] >= URGENCY[least]]
    await outbox.add(group, revision, asdict(message), severity, names, at=wall, wall=wall)


def _day(row: Any) -> str:  # noqa: ANN401 - a row of the outbox
    return str(row.message.get("session", row.created_at.date().isoformat()))
