"""Folding: which of a channel's unsent messages a newer one makes needless, and which go together as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from alerts.message import Event, Severity
from daemon.storage.parcel import URGENCY, WAITING, Unsent

STUCK_FAULTS: Final = 3
"""Failed attempts after which a message that holds up its group's next one is folded together with it."""

_CRITICAL: Final = URGENCY[Severity.CRITICAL]
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Folding:
    """What becomes of unsent messages.

    Attributes:
        superseded: (the older, the newer that tells it too).
        digests: Messages that go together as one, each group at most as large as asked.
    """

    superseded: tuple[tuple[Unsent, Unsent], ...] = ()
    digests: tuple[tuple[Unsent, ...], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.superseded or self.digests)


def fold(unsent: Sequence[Unsent], *, above: int, most: int, working: bool, edits: bool = False) -> Folding:
    """Decide what becomes of a channel's unsent messages.

    Within one group and episode a newer message supersedes an older one whose every subject it names; where
    it names them not, both are told. A critical one that fired and is over before anybody was told goes into
    a digest with its end. What is
    stale (over before it was told) goes as one digest, and so do the others where more than `above` wait,
    the critical ones among themselves. Only messages that surely have not arrived are touched, and a digest
    never overtakes an older message of a group: what follows one that is in doubt, or that is told in a
    digest which has not arrived, waits by itself.

    Args:
        unsent: All rows of one channel that it has not taken.
        above: Folds where more than so many wait.
        most: Messages in one digest at the most.
        working: Whether the channel works; where it does not, nothing is folded yet, so that one digest tells
            all of it afterwards.
        edits: Whether the channel edits the message it has: then the end of what it was told goes by itself,
            so that no message shows for ever what is over. An edit notifies nobody.
    """
    waiting = [row for row in unsent if row.status in WAITING]
    superseded: list[tuple[Unsent, Unsent]] = []
    kept: list[Unsent] = []
    stale: list[Unsent] = []
    for rows in _episodes(waiting):
        newest = rows[-1]
        over = newest.event == Event.RESOLVED and not newest.told
        fired = [row for row in rows[:-1] if row.severity == _CRITICAL and row.event != Event.RESOLVED]
        told = [newest]
        for row in reversed(rows[:-1]):
            own = over and fired and row is fired[-1]
            heir = None if own else next((one for one in told if _tells(one, row, over=over)), None)
            if heir is None:
                told.append(row)
            else:
                superseded.append((row, heir))
        (stale if over else kept).extend(reversed(told))
    if not working:
        return Folding(tuple(superseded))
    stuck = _stuck(kept)
    stale += [row for row in kept if row in stuck]
    kept = [row for row in kept if row not in stuck and not row.is_digest]
    critical = [row for row in kept if row.severity == _CRITICAL]
    others = [row for row in kept if row.severity < _CRITICAL]
    set_aside = {older.key for older, _ in superseded}
    digests = []
    for rows in (
        critical if len(critical) > above else [],
        [*stale, *others] if len(others) > above else stale,
    ):
        alone = _alone(unsent, {row.key for row in rows}, set_aside, edits=edits)
        free = [row for row in rows if row.revision < alone.get(row.group, row.revision + 1)]
        if len(free) > 1:
            digests += _split(free, most)
    return Folding(tuple(superseded), tuple(digests))


def heads(unsent: Sequence[Unsent]) -> tuple[Unsent, ...]:
    """Return the first unsent message of each group: no later one may overtake it. A digest stands alone.

    What follows a message that a digest tells waits until that has arrived.
    """
    first: dict[str, Unsent] = {}
    for row in unsent:
        if row.behind:
            continue
        group = row.key if row.is_digest else row.group
        held = first.get(group)
        if held is None or row.revision < held.revision:
            first[group] = row
    return tuple(first.values())


def silent(unsent: Sequence[Unsent], *, edits: bool) -> frozenset[str]:
    """Return the keys of what notifies nobody and holds up nothing of its group: it may go last."""
    waiting = Counter(row.group for row in unsent)
    return frozenset(row.key for row in unsent if _is_edit(row, edits=edits) and waiting[row.group] == 1)


def most_urgent(rows: Iterable[Unsent], *, last: Collection[str] = ()) -> Unsent | None:
    """Return the one to send first: the most severe, then the oldest; of the keys in `last` none before."""
    return min(rows, key=lambda row: (row.key in last, *_urgency(row)), default=None)


def best_probe(rows: Iterable[Unsent]) -> Unsent | None:
    """Return the one to try a failing channel with: the one not tried for longest, then the most urgent.

    One message that a channel can never take thus does not keep the others from it.
    """
    return min(rows, key=lambda row: (row.tried_at or _NEVER, *_urgency(row)), default=None)


def _tells(newer: Unsent, older: Unsent, *, over: bool) -> bool:
    """Tell whether a newer message of a group tells all of an older one.

    One that is less urgent goes to fewer people, so it never stands in for one that is more, unless all is
    over. Where a group is too large to be listed, its count stands in for names, but for no critical one's.
    """
    if older.severity > newer.severity and not over:
        return False
    counted = older.severity < _CRITICAL and not newer.lists_all
    return counted or older.subjects <= newer.subjects


def _is_edit(row: Unsent, *, edits: bool) -> bool:
    """Tell whether a message is the end of what a channel was told and shows in place."""
    return edits and row.told and row.event == Event.RESOLVED


def _alone(
    unsent: Sequence[Unsent], wanted: Collection[str], set_aside: Collection[str], *, edits: bool
) -> dict[str, int]:
    """Return, by group, the first revision that goes into no digest of those wanted: none after it does."""
    first: dict[str, int] = {}
    for row in unsent:
        if row.key in set_aside or row.is_digest:
            continue
        if row.key not in wanted or row.behind or _is_edit(row, edits=edits):
            first[row.group] = min(row.revision, first.get(row.group, row.revision))
    return first


def _urgency(row: Unsent) -> tuple[int, datetime, str, int]:
    return -row.severity, row.created_at, row.group, row.revision


def _episodes(waiting: list[Unsent]) -> list[list[Unsent]]:
    """Group by group and episode, oldest revision first; a message of no episode stands for itself."""
    found: dict[tuple[str, str, int], list[Unsent]] = defaultdict(list)
    for row in sorted(waiting, key=lambda row: row.revision):
        found[row.group, row.episode, 0 if row.episode else row.revision].append(row)
    return list(found.values())


def _stuck(kept: list[Unsent]) -> list[Unsent]:
    """Return the messages of groups whose first has failed often while later ones wait behind it."""
    groups: dict[str, list[Unsent]] = defaultdict(list)
    for row in kept:
        if not row.is_digest:
            groups[row.group].append(row)
    return [
        row
        for rows in groups.values()
        if len(rows) > 1 and min(rows, key=lambda one: one.revision).faults >= STUCK_FAULTS
        for row in rows
    ]


def _split(rows: list[Unsent], most: int) -> list[tuple[Unsent, ...]]:
    """Cut into digests of at most `most`, the oldest messages first."""
    ordered = sorted(rows, key=lambda row: (row.created_at, row.group, row.revision))
    return [tuple(ordered[start : start + most]) for start in range(0, len(ordered), most)]
