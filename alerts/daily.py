"""The day's digest: what is only for information, collected by a route and told in one message a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from alerts.digest import compose_digest
from alerts.group import Group
from alerts.message import Message, Severity
from alerts.reason import Reason
from alerts.route import Routing

PREFIX: Final = "digest-"
"""Begins the name of the group that a route's digest is."""


@dataclass(frozen=True, slots=True)
class DueDigest:
    """A digest to be told now, its group afterwards, and where it goes."""

    group: Group
    message: Message
    channels: tuple[str, ...]


def collect(groups: Mapping[str, Group], route: str, message: Message) -> Group:
    """Return the group of a route's digest with one more message in it.

    A message tells its whole group, so it replaces the one of the same group that waits already.
    """
    name = PREFIX + route
    group = groups.get(name) or Group(name)
    oldest = [note.at for note in group.notes[:1]] or [message.at]
    others = tuple(note for note in group.notes if note.group != message.group)
    notes = (*others, message)
    # the wait of the first one counts, although a newer one took its place
    first = replace(notes[0], at=min(oldest[0], notes[0].at))
    return replace(group, notes=(first, *notes[1:]), reason=Reason.DIGESTED)


def due_digests(
    groups: Mapping[str, Group], routing: Routing, session: date, now: datetime
) -> tuple[DueDigest, ...]:
    """Return the digests whose hour has struck since their oldest message was collected.

    What was collected for a route that is gone, or collects no more, is due at once: for the route that takes
    it now. Where no channel of a route takes a digest, all others that want so little urgency get it. Where
    there is none at all, it goes on waiting: nothing that was collected vanishes.
    """
    found = []
    for name, group in sorted(groups.items()):
        if not name.startswith(PREFIX) or not group.notes:
            continue
        after = group
        for title, channels, notes in _shares(group, routing, now):
            kept = tuple(note for note in after.notes if note not in notes)
            count = after.count + 1
            after = replace(after, began=session, count=count, told_at=now, reason=Reason.DIGEST, notes=kept)
            digest = compose_digest(f"{name}/{count}", name, notes)
            message = replace(
                digest,
                title=f"{title}: {digest.title}",
                episode=str(count),
                reason=Reason.DIGEST.value,
                at=now.isoformat(),
            )
            found.append(DueDigest(after, message, channels))
    return tuple(found)


Share = tuple[str, tuple[str, ...], tuple[Message, ...]]


def _shares(group: Group, routing: Routing, now: datetime) -> Iterator[Share]:
    """Yield what is to be told of a digest now: its title, its channels, its messages."""
    name = group.name.removeprefix(PREFIX)
    route = routing.named(name)
    anybody = routing.every(Severity.INFO)
    if route is not None and route.digest is not None:
        if not route.digest.is_due(datetime.fromisoformat(group.notes[0].at), now):
            return
        if channels := routing.open(route.channels, Severity.INFO):
            yield "The day's digest", channels, group.notes
        elif anybody:
            wanted = ", ".join(route.channels)
            yield f"The day's digest, meant for {wanted}, which takes none now", anybody, group.notes
        return
    shares: dict[tuple[str, ...], list[Message]] = {}
    for note in group.notes:
        other = routing.find(note.severity, note.group, note.group)
        own = routing.open(other.channels, note.severity) if other else ()
        if channels := own or anybody:
            shares.setdefault(channels, []).append(note)
    for channels, notes in shares.items():
        yield f"Collected for the route {name!r}, which collects no more", channels, tuple(notes)
