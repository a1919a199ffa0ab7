"""Alerts and their transitions as stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import OPEN, Alert, AlertState, AlertTransition, Known, Marks
from alerts.reason import Reason
from daemon.storage.database import number
from daemon.storage.schema import alert_transitions
from daemon.storage.schema import alerts as table
from monitors.reading import Evidence

_COUNTERS = (
    "held",
    "fired_for",
    "value",
    "n",
    "threshold",
    "method",
    "p_value",
    "e_value",
    "counted",
    "blind",
    "flips",
    "flapping",
)
"""The columns that change while an alert stands where it stood."""

_AGE = (
    update(table)
    .where(table.c.fingerprint == bindparam("key"))
    .values({name: bindparam(name) for name in _COUNTERS})
)


class AlertStore:
    """Reads and writes alerts inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> dict[str, Alert]:
        """Return every alert by fingerprint."""
        return await self._read()

    async def concerned(
        self, rules: Collection[str] = (), subjects: Collection[str] = ()
    ) -> dict[str, Alert]:
        """Return some rules' alerts on some subjects, and every one that is open or was told of."""
        told = or_(
            table.c.state.in_([state.value for state in OPEN]),
            table.c.known != Known.NOTHING.value,
            table.c.silenced,
            table.c.inhibited,
            table.c.flapping,
        )
        own = and_(table.c.rule.in_(rules), table.c.subject.in_(subjects))
        return await self._read(or_(own, told) if rules else told)

    async def save(self, before: Mapping[str, Alert], after: Mapping[str, Alert]) -> None:
        """Write the alerts that changed."""
        changed = {
            name: alert
            for name, alert in after.items()
            if (old := before.get(name)) is not alert and old != alert
        }
        # most alerts only grow older, so that most columns stay
        aged = {name for name, alert in changed.items() if name in before and _only_ages(before[name], alert)}
        if aged:
            rows = [{"key": name, **_counters(changed[name])} for name in sorted(aged)]
            await self._connection.execute(_AGE, rows)
        moved = [name for name in changed if name not in aged]
        known = [name for name in moved if name in before]
        for first in range(0, len(known), 500):  # a database takes only so many parameters
            some = known[first : first + 500]
            await self._connection.execute(delete(table).where(table.c.fingerprint.in_(some)))
        if moved:
            await self._connection.execute(insert(table), [_row(name, after[name]) for name in moved])

    async def add_transitions(
        self, session: date, at: datetime, moved: Iterable[AlertTransition], reasons: Mapping[str, Reason]
    ) -> None:
        """Write what moved, and why it is told or not.

        Args:
            session: The session judged.
            at: The instant, aware UTC.
            moved: The transitions.
            reasons: The decisions by fingerprint; unchanged where there is none.
        """
        rows = [
            {
                "fingerprint": move.alert.fingerprint,
                "move": move.alert.moves,
                "session": session,
                "at": at,
                "rule": move.alert.rule,
                "subject": move.alert.subject,
                "before": move.before.value,
                "after": move.alert.state.value,
                "value": number(move.reading.value) if move.reading else None,
                "reason": reasons.get(move.alert.fingerprint, Reason.UNCHANGED).value,
            }
            for move in moved
        ]
        if rows:
            await self._connection.execute(insert(alert_transitions), rows)

    async def _read(self, where: ColumnElement[bool] | None = None) -> dict[str, Alert]:
        query = select(table) if where is None else select(table).where(where)
        rows = (await self._connection.execute(query)).all()
        # sorted here, because databases disagree about the order of texts
        return {row.fingerprint: _alert(row) for row in sorted(rows, key=lambda row: row.fingerprint)}


def _alert(row: Any) -> Alert:  # noqa: ANN401 - a row of `alerts`
    evidence = None
    if row.method is not None:
        evidence = Evidence(row.method, p_value=row.p_value, e_value=row.e_value)
    return Alert(
        rule=row.rule,
        subject=row.subject,
        state=AlertState(row.state),
        since=row.since,
        began=row.began,
        held=row.held,
        fired_for=row.fired_for,
        value=float("nan") if row.value is None else row.value,
        n=row.n,
        threshold=row.threshold,
        evidence=evidence,
        counted=row.counted,
        blind=row.blind,
        moves=row.moves,
        flips=tuple(row.flips),
        flapping=row.flapping,
        latches=row.latches,
        marks=Marks(
            acknowledged_by=row.acknowledged_by,
            acknowledged_at=row.acknowledged_at,
            acknowledged_until=row.acknowledged_until,
            silenced=row.silenced,
            inhibited=row.inhibited,
            known=Known(row.known),
            group=row.group_,
            told_at=row.told_at,
            escalated_at=row.escalated_at,
            reason=Reason(row.reason),
        ),
    )


def _only_ages(old: Alert, new: Alert) -> bool:
    """Tell whether an alert stands where it stood, under the same marks."""
    return (old.moves, old.latches) == (new.moves, new.latches) and (
        old.marks is new.marks or old.marks == new.marks
    )


def _counters(alert: Alert) -> dict[str, object]:
    evidence = alert.evidence
    values = (
        alert.held,
        alert.fired_for,
        number(alert.value),
        alert.n,
        number(alert.threshold),
        evidence.method if evidence else None,
        evidence.p_value if evidence else None,
        evidence.e_value if evidence else None,
        alert.counted,
        alert.blind,
        list(alert.flips),
        alert.flapping,
    )
    return dict(zip(_COUNTERS, values, strict=True))


def _row(name: str, alert: Alert) -> dict[str, object]:
    marks = alert.marks
    return {
        "fingerprint": name,
        "rule": alert.rule,
        "subject": alert.subject,
        "state": alert.state.value,
        "since": alert.since,
        "began": alert.began,
        **_counters(alert),
        "moves": alert.moves,
        "latches": alert.latches,
        "acknowledged_by": marks.acknowledged_by,
        "acknowledged_at": marks.acknowledged_at,
        "acknowledged_until": marks.acknowledged_until,
        "silenced": marks.silenced,
        "inhibited": marks.inhibited,
        "known": marks.known.value,
        "group_": marks.group,
        "told_at": marks.told_at,
        "escalated_at": marks.escalated_at,
        "reason": marks.reason.value,
    }
