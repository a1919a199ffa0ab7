"""Folding: which of a channel's unsent messages a newer one makes needless, and which go together as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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


def fold(unsent: Sequence[Unsent], *, above: int, most: int, working: bool) -> Folding:
    """Decide what becomes of a channel's unsent messages.

    Within one group and episode a newer message supersedes an older one whose every subject it names; where
    it names them not, both are told. A critical one that fired and is over before anybody was told goes into
    a digest with its end. What is
    stale (over before it was told) goes as one digest, and so do the others where more than `above` wait,
    the critical ones among themselves. Only messages that surely have not arrived are touched.

    Args:
        unsent: All rows of one channel that it has not taken.
        above: Folds where more than so many wait.
        most: Messages in one digest at the most.
        working: Whether the channel works; where it does not, nothing is folded yet, so that one digest tells
            all of it afterwards.
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
    digests = []
    if len(critical) > above:
        digests += _split(critical, most)
    together = stale if len(stale) > 1 else []
    if len(others) > above:
        together = [*stale, *others]
    digests += _split(together, most)
    return Folding(tuple(superseded), tuple(digests))


def heads(unsent: Sequence[Unsent]) -> tuple[Unsent, ...]:
    """Return the first unsent message of each group: no later one may overtake it. A digest stands alone."""
    first: dict[str, Unsent] = {}
    for row in unsent:
        group = row.key if row.is_digest else row.group
        held = first.get(group)
        if held is None or row.revision < held.revision:
            first[group] = row
    return tuple(first.values())


def most_urgent(rows: Iterable[Unsent]) -> Unsent | None:
    """Return the one to send first: the most severe, then the oldest."""
    return min(rows, key=_urgency, default=None)


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
