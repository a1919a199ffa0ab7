"""The bars as stored: one row a session and ticker, and what it replaced.

Each bar says since when it is known. A correction keeps what was known before, so that the bars can be read
as they were known at any instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.schema import bar_revisions, bars, sessions
from market.panel import FIELDS, FloatArray, Panel
from market.revisions import RESTATED, Revision, RevisionKind
from market.splits import Splits

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class SessionBars:
    """One session's bars.

    Attributes:
        session: The session.
        values: Shape (fields, tickers), fields in the order of `market.panel.FIELDS`; NaN where unknown.
        revisions: What the provider tells otherwise of older sessions, together with this one.
        quarantined: Bars that were left out, and why.
        splits: Those that the provider tells together with it, by which kept volumes differ from raw shares.
    """

    session: date
    values: FloatArray
    revisions: tuple[Revision, ...] = ()
    quarantined: tuple[str, ...] = ()
    splits: Splits = field(default_factory=dict)

    @classmethod
    def unknown(cls, session: date, tickers: int) -> SessionBars:
        """Return a session of which nothing is known."""
        return cls(session, np.full((len(FIELDS), tickers), np.nan))

    @property
    def missing(self) -> float:
        """Share of the tickers without a close."""
        return float(np.isnan(self.values[FIELDS.index("close")]).mean())


class BarStore:
    """Reads and writes bars inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self,
        day: SessionBars,
        tickers: tuple[str, ...],
        *,
        calendar: str,
        closed_at: datetime,
        known_at: datetime,
    ) -> int:
        """Write one session and its bars, known from an instant on; a ticker without any value has no row.

        Its revisions are written by `revise`. Returns the bars written.
        """
        rows = [
            {
                "session": day.session,
                "ticker": ticker,
                "known_at": known_at,
                **_columns(tuple(column.tolist())),
            }
            for ticker, column in zip(tickers, day.values.T, strict=True)
            if not np.isnan(column).all()
        ]
        if rows:
            await self._connection.execute(insert(bars), rows)
        session_row = {
            "session": day.session,
            "calendar": calendar,
            "closed_at": closed_at,
            "bars": len(rows),
            "missing": len(tickers) - len(rows),
        }
        await self._connection.execute(insert(sessions), [session_row])
        return len(rows)

    async def revise(self, changes: tuple[Revision, ...], known_at: datetime) -> int:
        """Write what is told otherwise from an instant on, and keep what it replaces.

        A split or dividend changes no kept bar, as new ones are brought into their unit; it is written once.
        Returns the bars that changed.
        """
        changed = [one for one in changes if one.values]
        kept = await self._rows_of({one.session for one in changed})
        told = await self._factors() if len(changed) < len(changes) else {}
        rows, new, old = [], [], []
        for one in changes:
            before = kept.get((one.session, one.ticker))
            if not one.values:
                last = told.get((one.ticker, one.kind), 1.0)
                if abs(one.factor / last - 1.0) <= RESTATED:
                    continue
                before = None
            rows.append(
                {
                    "session": one.session,
                    "ticker": one.ticker,
                    "kind": one.kind.value,
                    "replaced_at": known_at,
                    "factor": number(one.factor),
                    "known_at": before["known_at"] if before else None,
                    **{field: before[field] if before else None for field in FIELDS},
                }
            )
            if one.values:
                fresh = {"known_at": known_at, **_columns(one.values)}
                if before:
                    old.append({"at": one.session, "of": one.ticker, **fresh})
                else:
                    new.append({"session": one.session, "ticker": one.ticker, **fresh})
        await self._write(bar_revisions, rows)
        await self._write(bars, new)
        if old:
            key = (bars.c.session == bindparam("at")) & (bars.c.ticker == bindparam("of"))
            await self._connection.execute(update(bars).where(key), old)
        return len(changed)

    async def _write(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            await self._connection.execute(insert(table), rows)

    async def _rows_of(self, days: set[date]) -> dict[tuple[date, str], dict[str, Any]]:
        found = await self._connection.execute(select(bars).where(bars.c.session.in_(sorted(days))))
        return {(row.session, row.ticker): dict(row._mapping) for row in found}

    async def split_factors(self, session: date) -> dict[str, float]:
        """Return by ticker a kept session's shares for one of the kept unit, where they differ.

        A split is told by all bars before its first day, and that day is not told. One told since the
        session was kept is later than it. One told with the session, on its own day in New York, has happened
        by then; one told with it on a later day, as when the daemon was down, may be later too: that is NaN.
        """
        split = (bar_revisions.c.kind == RevisionKind.SPLIT.value) & (bar_revisions.c.session < session)
        found = await self._connection.execute(
            select(bar_revisions).where(split).order_by(bar_revisions.c.replaced_at)
        )
        out: dict[str, float] = {}
        for row in found:
            in_time = row.replaced_at.astimezone(NEW_YORK).date() <= session
            out[row.ticker] = row.factor if in_time else float("nan")
        return out

    async def _factors(self) -> dict[tuple[str, str], float]:
        """Return the newest factor of each ticker and kind that has one."""
        known = select(bar_revisions).where(bar_revisions.c.factor.is_not(None))
        found = await self._connection.execute(known.order_by(bar_revisions.c.replaced_at))
        return {(row.ticker, row.kind): row.factor for row in found}

    async def tail(self, count: int, tickers: tuple[str, ...]) -> Panel:
        """Return the newest `count` sessions as a panel; sessions without a bar are rows of NaN."""
        newest = select(sessions.c.session).order_by(sessions.c.session.desc()).limit(count)
        days = sorted((await self._connection.execute(newest)).scalars())
        found = []
        if days:
            query = select(bars.c.session, bars.c.ticker, *(bars.c[field] for field in FIELDS))
            found = list(await self._connection.execute(query.where(bars.c.session >= days[0])))
        return _panel(days, tickers, found)

    async def as_known(self, instant: datetime, count: int, tickers: tuple[str, ...]) -> Panel:
        """Return the newest `count` sessions that had closed at an instant, as their bars were known then.

        Bars that came later are NaN, and corrected ones are what they were before.
        """
        closed = select(sessions.c.session).where(sessions.c.closed_at <= instant)
        newest = closed.order_by(sessions.c.session.desc()).limit(count)
        days = sorted((await self._connection.execute(newest)).scalars())
        found = []
        if days:
            for table in (bars, bar_revisions):
                query = select(table.c.session, table.c.ticker, *(table.c[field] for field in FIELDS))
                query = query.where(table.c.session.between(days[0], days[-1]), table.c.known_at <= instant)
                if table is bar_revisions:
                    query = query.where(table.c.replaced_at > instant)
                found += list(await self._connection.execute(query))
        return _panel(days, tickers, found)

    async def last_session(self) -> date | None:
        """Return the newest stored session."""
        found: date | None = (await self._connection.execute(select(func.max(sessions.c.session)))).scalar()
        return found


def _columns(values: tuple[float, ...]) -> dict[str, float | None]:
    return {field: number(value) for field, value in zip(FIELDS, values, strict=True)}


def _panel(days: list[date], tickers: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> Panel:
    values = np.full((len(FIELDS), len(days), len(tickers)), np.nan)
    row_of = {day: i for i, day in enumerate(days)}
    column_of = {ticker: i for i, ticker in enumerate(tickers)}
    for session, ticker, *fields in rows:
        if ticker in column_of:
            place = (slice(None), row_of[session], column_of[ticker])
            values[place] = [np.nan if x is None else x for x in fields]
    return Panel(tuple(days), tickers, *values)
