"""The outbox as stored: one row a message and channel; claim, send, mark, in that order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.message import Event, Severity
from daemon.storage.outbox_rows import CHUNK, UNSENT_COLUMNS, UNSENT_STATUSES, is_row, names_of, unsent_of
from daemon.storage.parcel import GROUP_PREFIX, URGENCY, Parcel, Status, Unsent
from daemon.storage.schema import outbox

_STANDING: Final = frozenset({Event.FIRING, Event.REMINDER, Event.NO_DATA})

__all__ = ["URGENCY", "OutboxStore", "Parcel", "Status", "Unsent"]


class OutboxStore:
    """Reads and writes the outbox inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next_revision(self, group: str) -> int:
        """Return the number of a group's next message."""
        found = await self._connection.execute(
            select(func.max(outbox.c.revision)).where(outbox.c.group_ == group)
        )
        return (found.scalar() or 0) + 1

    async def add(
        self,
        group: str,
        revision: int,
        message: dict[str, Any],
        severity: Severity,
        channels: Iterable[str],
        *,
        at: datetime,
        wall: datetime,
        fallback: Sequence[str] = (),
    ) -> None:
        """Write a message once for each channel, ready to be sent.

        A channel that was told of the episode in place of another one hears how it goes on, too.

        Args:
            group: The alert group.
            revision: The message's number within it, see `next_revision`.
            message: The message, JSON-safe; its key becomes GROUP/REVISION.
            severity: How urgent it is.
            channels: Where it goes.
            at: The instant of the decision, aware UTC.
            wall: The machine's own time, aware UTC.
            fallback: Channels to try in turn where one of `channels` does not take it in time.
        """
        key, episode = f"{group}/{revision}", message.get("episode", "")
        wanted = dict.fromkeys(channels, "")
        for channel, stands_for in (await self._stand_ins(group, episode)).items():
            wanted.setdefault(channel, stands_for)
        rows = []
        for channel, stands_for in wanted.items():
            # one that stands in already falls back on those that have not been asked yet
            others = [name for name in fallback if name not in (wanted if stands_for else (channel,))]
            rows.append(
                {
                    "group_": group,
                    "revision": revision,
                    "channel": channel,
                    "severity": URGENCY[severity],
                    "message": {**message, "key": key},
                    "created_at": at,
                    "key": key,
                    "episode": episode,
                    "event": message.get("event", ""),
                    "status": Status.PENDING.value,
                    "attempts": 0,
                    "faults": 0,
                    "copies": 0,
                    "reference": "",
                    "error": "",
                    "fallback": others,
                    "fallback_of": stands_for,
                    "folded_into": "",
                    "written_wall_at": wall,
                    "fallback_wall_from": wall if others else None,
                    "due_wall_at": wall,
                }
            )
        if rows:
            await self._connection.execute(insert(outbox), rows)

    async def unsent(self, channel: str) -> tuple[Unsent, ...]:
        """Return what a channel has not taken, oldest first."""
        query = (
            select(*UNSENT_COLUMNS)
            .where(outbox.c.channel == channel, outbox.c.status.in_(UNSENT_STATUSES))
            .order_by(outbox.c.created_at, outbox.c.group_, outbox.c.revision)
        )
        found = (await self._connection.execute(query)).all()
        named = await self._named(channel, found)
        over = {row.group_ for row in found if row.event == Event.RESOLVED}
        told = await self._told(channel, sorted(over))
        folded = await self._folded(channel, found)
        return tuple(
            replace(
                unsent_of(
                    row,
                    told=(row.group_, row.episode) in told,
                    behind=folded.get(row.group_, row.revision) < row.revision,
                ),
                **named.get((row.group_, row.revision), {}),
            )
            for row in found
        )

    async def claim(self, row: Unsent, *, now: datetime, lease_s: float) -> Parcel | None:
        """Take a message for `lease_s` seconds; None where somebody else was faster."""
        unknown = row.status in (Status.UNKNOWN, Status.CLAIMED)
        lease = now + timedelta(seconds=lease_s)
        # When a send whose outcome is unknown was under way is what `find` has to wait for.
        tried = (row.tried_at or now) if unknown else now
        taken = await self._connection.execute(
            update(outbox)
            .where(
                *is_row(row),
                outbox.c.status == row.status.value,
                outbox.c.lease_wall_until.is_(None)
                if row.leased_until is None
                else outbox.c.lease_wall_until == row.leased_until,
            )
            .values(status=Status.CLAIMED.value, lease_wall_until=lease, tried_wall_at=tried)
        )
        if taken.rowcount != 1:
            return None
        found = (await self._connection.execute(_claimed(row))).one()
        return Parcel(
            group=row.group,
            revision=row.revision,
            channel=row.channel,
            severity=row.severity,
            message=found.message,
            attempts=found.attempts,
            faults=found.faults,
            copies=found.copies,
            unknown=unknown,
            living=found.reference or await self._living(row),
            written_at=found.written_wall_at,
            tried_at=row.tried_at,
            current=row.event in _STANDING and found.newest == row.revision,
        )

    async def mark(
        self,
        parcel: Parcel,
        status: Status,
        *,
        wall: datetime,
        reference: str = "",
        error: str = "",
        due: datetime | None = None,
        counted: bool = True,
        fault: bool = False,
        copy: bool = False,
    ) -> None:
        """Write how a send ended. That it arrived is never overwritten.

        Args:
            parcel: What was sent.
            status: How it ended.
            wall: Now.
            reference: The receiver's name for it, or for what it is to be added to.
            error: Why it did not succeed.
            due: When to try again; None where it is over.
            counted: Whether it counts as an attempt.
            fault: Whether it failed although the channel works.
            copy: Whether it may have arrived, so that another send may be a copy.
        """
        values: dict[str, Any] = {
            "status": status.value,
            "attempts": parcel.attempts + counted,
            "faults": parcel.faults + fault,
            "copies": parcel.copies + copy,
            "error": error,
            "lease_wall_until": None,
            "sent_wall_at": wall if status is Status.SENT else None,
            "due_wall_at": due or wall,
        }
        if reference or status is Status.SENT:
            values["reference"] = reference
        if status is Status.UNKNOWN and not parcel.unknown:
            values["tried_wall_at"] = wall  # until now it may have been under way
        allowed = [] if status is Status.SENT else [outbox.c.status.in_(UNSENT_STATUSES)]
        await self._connection.execute(update(outbox).where(*is_row(parcel), *allowed).values(values))

    async def abandon_claims(self, *, now: datetime) -> int:
        """Mark every claim as of unknown outcome: its sender is gone, as after a start. Returns how many."""
        done = await self._connection.execute(
            update(outbox)
            .where(outbox.c.status == Status.CLAIMED.value)
            .values(status=Status.UNKNOWN.value, lease_wall_until=None, tried_wall_at=now, due_wall_at=now)
        )
        return done.rowcount

    async def hurry(self, *, now: datetime, channel: str | None = None) -> None:
        """Let everything that waits be tried now: the channel works again, or the clock was set."""
        where = [] if channel is None else [outbox.c.channel == channel]
        await self._connection.execute(
            update(outbox)
            .where(outbox.c.status.in_(UNSENT_STATUSES), outbox.c.due_wall_at > now, *where)
            .values(due_wall_at=now)
        )

    async def forget_age(self, *, now: datetime) -> None:
        """Let everything that waits be as old as if it were written now: the clock was set."""
        unsent = outbox.c.status.in_(UNSENT_STATUSES)
        await self._connection.execute(update(outbox).where(unsent).values(written_wall_at=now))

    async def forget_future(self, *, now: datetime) -> None:
        """Let nothing that waits lie in the future, as after a clock that was ahead: it is tried now."""
        unsent = outbox.c.status.in_(UNSENT_STATUSES)
        for column in (
            outbox.c.due_wall_at,
            outbox.c.written_wall_at,
            outbox.c.fallback_wall_from,
            outbox.c.tried_wall_at,
        ):
            await self._connection.execute(
                update(outbox).where(unsent, column > now).values({column.name: now})
            )

    async def strays(self, channels: Collection[str]) -> list[Any]:
        """Return the rows that wait for channels which are not among those given, by channel and age."""
        query = select(*UNSENT_COLUMNS, outbox.c.message).where(
            outbox.c.status.in_(UNSENT_STATUSES), outbox.c.channel.not_in(list(channels))
        )
        ordered = query.order_by(outbox.c.channel, outbox.c.created_at, outbox.c.group_, outbox.c.revision)
        return list(await self._connection.execute(ordered))

    async def newest(self, group: str) -> tuple[dict[str, Any], frozenset[str]] | None:
        """Return a group's newest message and all channels of its episode; None where there is no message."""
        query = select(outbox.c.message, outbox.c.episode).where(outbox.c.group_ == group)
        row = (await self._connection.execute(query.order_by(outbox.c.revision.desc()).limit(1))).first()
        if row is None:
            return None
        of_episode = select(outbox.c.channel).where(outbox.c.group_ == group, outbox.c.episode == row.episode)
        return row.message, frozenset((await self._connection.execute(of_episode)).scalars())

    async def _living(self, row: Unsent) -> str:
        if not row.episode:
            return ""
        query = (
            select(outbox.c.reference)
            .where(
                outbox.c.group_ == row.group,
                outbox.c.episode == row.episode,
                outbox.c.channel == row.channel,
                outbox.c.status == Status.SENT.value,
            )
            .order_by(outbox.c.revision.desc())
            .limit(1)
        )
        found: str | None = (await self._connection.execute(query)).scalar_one_or_none()
        return found or ""

    async def _told(self, channel: str, groups: list[str]) -> set[tuple[str, str]]:
        """Return the (group, episode) of which a channel has taken a message."""
        found: set[tuple[str, str]] = set()
        for start in range(0, len(groups), CHUNK):
            query = select(outbox.c.group_, outbox.c.episode).where(
                outbox.c.group_.in_(groups[start : start + CHUNK]),
                outbox.c.channel == channel,
                outbox.c.status == Status.SENT.value,
                outbox.c.episode != "",
            )
            found |= {(row.group_, row.episode) for row in await self._connection.execute(query)}
        return found

    async def _folded(self, channel: str, found: Sequence[Any]) -> dict[str, int]:
        """Return, by group, the first message that is told in a digest which has not arrived."""
        digests = {f"{row.group_}/{row.revision}" for row in found if row.group_.startswith(GROUP_PREFIX)}
        groups = sorted({row.group_ for row in found if not row.group_.startswith(GROUP_PREFIX)})
        first: dict[str, int] = {}
        for start in range(0, len(groups) if digests else 0, CHUNK):
            query = select(outbox.c.group_, func.min(outbox.c.revision).label("first")).where(
                outbox.c.group_.in_(groups[start : start + CHUNK]),
                outbox.c.channel == channel,
                outbox.c.status == Status.FOLDED.value,
                outbox.c.folded_into.in_(sorted(digests)),
            )
            grouped = query.group_by(outbox.c.group_)
            first |= {row.group_: row.first for row in await self._connection.execute(grouped)}
        return first

    async def _named(self, channel: str, found: Sequence[Any]) -> dict[tuple[str, int], dict[str, Any]]:
        """Return whom each message names, where several of one group wait: one may stand in for another."""
        waiting = Counter(row.group_ for row in found)
        groups = sorted(group for group, count in waiting.items() if count > 1)
        named: dict[tuple[str, int], dict[str, Any]] = {}
        for start in range(0, len(groups), CHUNK):
            query = select(outbox.c.group_, outbox.c.revision, outbox.c.message).where(
                outbox.c.group_.in_(groups[start : start + CHUNK]),
                outbox.c.channel == channel,
                outbox.c.status.in_(UNSENT_STATUSES),
            )
            for row in await self._connection.execute(query):
                named[row.group_, row.revision] = names_of(row.message)
        return named

    async def _stand_ins(self, group: str, episode: str) -> dict[str, str]:
        """Return the channels told of an episode in place of another one, each with that one.

        They were told by a message of it, or by a digest that tells one.
        """
        if not episode:
            return {}
        own = and_(outbox.c.group_ == group, outbox.c.episode == episode)
        digests = select(outbox.c.folded_into).where(own, outbox.c.status == Status.FOLDED.value).distinct()
        keys = [key.rpartition("/") for key in (await self._connection.execute(digests)).scalars()]
        told = [and_(outbox.c.group_ == name, outbox.c.revision == int(number)) for name, _, number in keys]
        query = select(outbox.c.channel, outbox.c.fallback_of).where(
            or_(own, *told), outbox.c.fallback_of != ""
        )
        found = await self._connection.execute(query.order_by(outbox.c.channel))
        return {row.channel: row.fallback_of for row in found}


def _claimed(row: Unsent) -> Select[Any]:
    """Return the query of what a claimed row holds, and of its group's newest revision."""
    newest = select(func.max(outbox.c.revision)).where(outbox.c.group_ == row.group).scalar_subquery()
    return select(
        outbox.c.message,
        outbox.c.written_wall_at,
        outbox.c.attempts,
        outbox.c.faults,
        outbox.c.copies,
        outbox.c.reference,
        newest.label("newest"),
    ).where(*is_row(row))
