"""The teller: what people are told, decided and written in the transaction of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import Alert, AlertState
from alerts.compose import compose, worst_first
from alerts.daily import collect, due_digests
from alerts.message import Curve, Message, Trading
from alerts.notice import Notice
from alerts.reason import Reason
from alerts.route import Routing
from alerts.rulebook import Rulebook
from alerts.silence import Quiet, Window
from alerts.tell import tell
from daemon.post import post_to
from daemon.storage.groups import GroupStore
from daemon.storage.readings import ReadingStore
from daemon.storage.silences import SilenceStore
from monitors.reading import Reading, State
from trading.gate import Gate

CURVE_SESSIONS: Final = 120
"""Sessions the chart of a message shows at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told.

    Attributes:
        alerts: The alerts whose marks changed, by fingerprint.
        messages: What was written to the outbox.
        reasons: Why each alert that a decision was made about is told, or is not, by fingerprint.
    """

    alerts: dict[str, Alert]
    messages: tuple[Message, ...]
    reasons: dict[str, Reason]


class Teller:
    """Tells people about alerts, by the routing table and the wishes for quiet."""

    def __init__(self, book: Rulebook, routing: Routing, windows: tuple[Window, ...] = ()) -> None:
        """Take the rules in force, where messages go, and the maintenance windows."""
        self._book = book
        self._routing = routing
        self._windows = windows

    async def tell(
        self,
        connection: AsyncConnection,
        alerts: Mapping[str, Alert],
        session: date,
        gate: Gate,
        done: str,
        now: datetime,
        wall: datetime,
    ) -> Told:
        """Decide what people are told now and write it, inside the caller's transaction.

        Args:
            connection: The transaction, which holds the gate.
            alerts: At least every alert that is open or of which people were told something.
            session: The newest session.
            gate: The gate as it is now.
            done: What happened to the gate, as one clause.
            now: The pipeline's instant, aware UTC.
            wall: The machine's instant, aware UTC.
        """
        store = GroupStore(connection)
        groups = await store.all()
        silences = await SilenceStore(connection).running(now)
        quiet = Quiet.of(silences, self._windows, now)
        telling = tell(self._book, alerts, groups, quiet, self._routing, session, now)
        changed = dict(telling.groups)
        messages = []
        for notice in telling.notices:
            message = await self._compose(connection, notice, session, gate, done, now)
            if notice.digest:
                group = collect({**groups, **changed}, notice.digest, message)
                changed[group.name] = group
            else:
                messages.append(message)
                await post_to(connection, message, notice.channels, notice.fallback, now, wall)
        for due in due_digests({**groups, **changed}, self._routing, session, now):
            changed[due.group.name] = due.group
            messages.append(due.message)
            await post_to(connection, due.message, due.channels, (), now, wall)
        await store.save(changed[name] for name in sorted(changed))
        return Told(telling.alerts, tuple(messages), telling.reasons)

    async def _compose(
        self,
        connection: AsyncConnection,
        notice: Notice,
        session: date,
        gate: Gate,
        done: str,
        now: datetime,
    ) -> Message:
        store = ReadingStore(connection)
        told = worst_first(notice, self._book)
        last_known: dict[str, Reading] = {}
        for alert in told:
            rule = self._book.get(alert.rule)
            if rule is None or alert.state is not AlertState.NO_DATA:
                continue
            found = await store.newest(rule.metric, alert.subject, session, CURVE_SESSIONS)
            known = [reading for reading in found if reading.state is not State.NO_DATA]
            if known:
                last_known[alert.fingerprint] = known[-1]
        return compose(
            notice,
            self._book,
            session,
            now,
            done=done,
            trading=trading_of(gate),
            curve=await self._curve(store, told[0], session) if told else None,
            last_known=last_known,
        )

    async def _curve(self, store: ReadingStore, alert: Alert, session: date) -> Curve | None:
        rule = self._book.get(alert.rule)
        if rule is None:
            return None
        found = await store.newest(rule.metric, alert.subject, session, CURVE_SESSIONS)
        if len(found) < 2:
            return None
        return Curve(
            label=f"{rule.metric}, {alert.subject}",
            sessions=tuple(reading.session.isoformat() for reading in found),
            values=tuple(None if reading.state is State.NO_DATA else reading.value for reading in found),
            limit=alert.threshold if rule.own_limit else rule.threshold,
        )


def trading_of(gate: Gate) -> Trading:
    """Return the gate as a message shows it."""
    return Trading(gate.state.value, gate.epoch, gate.latched)
