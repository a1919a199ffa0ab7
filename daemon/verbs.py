"""The verbs a person has about alerts: acknowledge, silence, end a silence. None of them touches the gate.

Each works inside the caller's transaction and leaves an audit row. What people are told changes with the next
tick.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert
from alerts.silence import Silence
from daemon.storage.alerts import AlertStore
from daemon.storage.audit import AuditStore
from daemon.storage.gates import GateStore
from daemon.storage.silences import SilenceStore


class VerbError(Exception):
    """What a person asked for was refused; the text says why and what to do."""


LONGEST_ACTOR: Final = 64
LONGEST_GLOB: Final = 200
"""Characters, as the store keeps them."""


async def acknowledge(
    connection: AsyncConnection, target: str, *, actor: str, at: datetime, until: datetime | None = None
) -> tuple[Alert, ...]:
    """Say that somebody takes care of an alert: it is neither repeated nor escalated any more.

    It holds until the alert's spell is over. Another alert of the group that fires later is told as ever.

    Args:
        connection: The caller's transaction.
        target: A group, or an alert's fingerprint.
        actor: Who takes care of it.
        at: The instant, aware UTC.
        until: When the acknowledgement runs out; None for not before the end.

    Returns:
        The alerts that were acknowledged; empty where somebody had acknowledged all of them before.

    Raises:
        VerbError: No open alert has that name, `until` lies in the past, or `actor` is no name.
    """
    _check_text("the name of who acknowledges", actor, LONGEST_ACTOR)
    if until is not None and until <= at:
        raise VerbError(
            f"an acknowledgement until {until:%Y-%m-%d %H:%M} UTC is over already; name a later end"
        )
    await GateStore(connection).hold(at)
    store = AlertStore(connection)
    before = await store.concerned()
    found = {
        name: alert
        for name, alert in before.items()
        if alert.is_open and target in (name, alert.marks.group, alert.rule)
    }
    if not found:
        raise VerbError(f"nothing called {target!r} is open; see `forewarn alerts list`")
    after = {
        name: replace(
            alert,
            marks=replace(alert.marks, acknowledged_by=actor, acknowledged_at=at, acknowledged_until=until),
        )
        for name, alert in found.items()
        if not alert.marks.is_acknowledged(at)
    }
    await store.save(before, after)
    for name in after:
        detail = {"alert": name, "until": until.isoformat() if until else None}
        await AuditStore(connection).add(at, actor, "alert.acknowledged", detail)
    return tuple(after.values())


async def silence(
    connection: AsyncConnection,
    rule: str,
    subject: str = "*",
    *,
    starts: datetime,
    ends: datetime,
    reason: str,
    actor: str,
    at: datetime | None = None,
) -> Silence:
    """Hold back what is told of some alerts for a while; what they do about trading goes on.

    Args:
        connection: The caller's transaction.
        rule: A glob over the rule's name or its group's.
        subject: A glob over the alert's subject.
        starts: From when, aware UTC.
        ends: Until when, aware UTC.
        reason: Why, in words.
        actor: Who wishes it.
        at: The instant of the wish; `starts` by default.

    Raises:
        VerbError: It has no reason, ends before it starts or in the past, or a glob or a name cannot be kept.
    """
    now = at or starts
    _check_text("the name of who silences", actor, LONGEST_ACTOR)
    for what, glob in (("the glob over rules", rule), ("the glob over subjects", subject)):
        _check_text(what, glob, LONGEST_GLOB)
    if not reason.strip():
        raise VerbError("a silence needs a reason; give one")
    if ends <= max(starts, now):
        raise VerbError(
            f"a silence until {ends:%Y-%m-%d %H:%M} UTC is over before it starts; name a later end"
        )
    await GateStore(connection).hold(now)
    made = await SilenceStore(connection).add(Silence(0, rule, subject, starts, ends, reason, actor))
    detail = {
        "silence": made.number,
        "rule": rule,
        "subject": subject,
        "starts": starts.isoformat(),
        "ends": ends.isoformat(),
        "reason": reason,
    }
    await AuditStore(connection).add(now, actor, "silence.made", detail)
    return made


async def end_silence(connection: AsyncConnection, number: int, *, actor: str, at: datetime) -> Silence:
    """End a silence before its time.

    Raises:
        VerbError: There is none of that number, it has ended, or `actor` is no name.
    """
    _check_text("the name of who ends it", actor, LONGEST_ACTOR)
    await GateStore(connection).hold(at)
    store = SilenceStore(connection)
    found = next((one for one in await store.all() if one.number == number), None)
    if found is None:
        raise VerbError(f"there is no silence {number}; see `forewarn alerts silences`")
    if found.ends <= at:
        raise VerbError(f"silence {number} ended at {found.ends:%Y-%m-%d %H:%M} UTC already")
    ended = replace(found, starts=min(found.starts, at), ends=at)
    await store.end(number, at)
    await AuditStore(connection).add(at, actor, "silence.ended", {"silence": number})
    return ended


def _check_text(what: str, text: str, longest: int) -> None:
    """Refuse what no store keeps as it is."""
    if len(text) > longest:
        raise VerbError(f"{what} has {len(text)} characters; the limit is {longest}")
    if not text.isprintable():
        raise VerbError(f"{what} is {text!r}; leave out what is not printable")
