"""The timeline: what happened to an alert or a group of them, who was told, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert
from alerts.reason import Reason
from alerts.rulebook import Rulebook
from daemon.storage.alerts import AlertStore
from daemon.storage.groups import GroupStore
from daemon.storage.schema import alert_transitions, audit, outbox
from daemon.storage.silences import SilenceStore


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline.

    Attributes:
        at: When, aware UTC.
        what: `alert`, `message` or `person`.
        text: What happened.
        why: The decision about telling it, in words; "" where there was none.
    """

    at: datetime
    what: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A group as it stands, and what happened to it.

    Attributes:
        group: The group.
        reason: The newest decision about the group.
        alerts: Its alerts, by fingerprint.
        entries: What happened, oldest first.
    """

    group: str
    reason: Reason
    alerts: tuple[Alert, ...]
    entries: tuple[Entry, ...]


async def read_timeline(connection: AsyncConnection, target: str, book: Rulebook) -> Timeline | None:
    """Read what happened to an alert (by fingerprint) or a group; None where neither has that name."""
    every = await AlertStore(connection).all()
    if target in every:
        found = {target: every[target]}
        group = place_of(every[target], book)
    else:
        found = {name: alert for name, alert in every.items() if place_of(alert, book) == target}
        group = target
    known = (await GroupStore(connection).all()).get(group)
    if not found and known is None:
        return None
    entries = [
        *await _moves(connection, found),
        *await _messages(connection, group),
        *await _persons(connection, group, found),
    ]
    return Timeline(
        group=group,
        reason=known.reason if known else Reason.UNCHANGED,
        alerts=tuple(found.values()),
        entries=tuple(sorted(entries, key=lambda entry: entry.at)),
    )


def place_of(alert: Alert, book: Rulebook) -> str:
    """Return the group an alert is told in."""
    rule = book.get(alert.rule)
    return alert.marks.group or (rule.place if rule else alert.rule)


async def _moves(connection: AsyncConnection, names: Collection[str]) -> Iterable[Entry]:
    table = alert_transitions
    query = select(table).where(table.c.fingerprint.in_(names)).order_by(table.c.at, table.c.move)
    return [
        Entry(
            at=row.at,
            what="alert",
            text=f"{row.fingerprint}: {row.before} -> {row.after}"
            + ("" if row.value is None else f" at {row.value:.3g}"),
            why=_words(row.reason),
        )
        for row in await connection.execute(query)
    ]


async def _messages(connection: AsyncConnection, group: str) -> Iterable[Entry]:
    query = select(outbox).where(outbox.c.group_ == group).order_by(outbox.c.revision, outbox.c.channel)
    return [
        Entry(
            at=row.created_at,
            what="message",
            text=f"{row.key} {row.message['event']} to {row.channel}: {row.status}",
            why=_words(row.message.get("reason", "")),
        )
        for row in await connection.execute(query)
    ]


async def _persons(connection: AsyncConnection, group: str, alerts: Mapping[str, Alert]) -> list[Entry]:
    query = select(audit).where(or_(audit.c.action == "alert.acknowledged", audit.c.action.like("silence.%")))
    held = {
        one.number
        for one in await SilenceStore(connection).all()
        for alert in alerts.values()
        if one.covers(alert.rule, group, alert.subject, one.starts)
    }
    entries = []
    for row in await connection.execute(query.order_by(audit.c.seq)):
        detail = row.detail
        if detail.get("alert") in alerts:
            entries.append(Entry(row.at, "person", f"{row.actor}: acknowledged {detail['alert']}", ""))
        elif detail.get("silence") in held:
            entries.append(Entry(row.at, "person", f"{row.actor}: {_wish(detail)}", detail.get("reason", "")))
    return entries


def _wish(detail: Mapping[str, str]) -> str:
    if "ends" not in detail:
        return f"ended silence {detail['silence']}"
    what, ends = f"{detail['rule']} / {detail['subject']}", datetime.fromisoformat(detail["ends"])
    return f"silence {detail['silence']} over {what} until {ends:%Y-%m-%d %H:%M}"


def _words(reason: str) -> str:
    if not reason or reason == Reason.UNCHANGED:
        return ""
    told = Reason(reason)
    return f"{'told' if told.told else 'not told'}: {told.words}"
