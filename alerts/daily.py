"""The day's digest: what is only for information, collected by a route and told in one message a day."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Return the digests whose hour has struck since their oldest message was collected."""
    found = []
    for name, group in sorted(groups.items()):
        route = routing.named(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
        if not group.notes or route is None or route.digest is None:
            continue
        if not route.digest.is_due(datetime.fromisoformat(group.notes[0].at), now):
            continue
        count = group.count + 1
        after = replace(group, began=session, count=count, told_at=now, reason=Reason.DIGEST, notes=())
        digest = compose_digest(f"{name}/{count}", name, group.notes)
        message = replace(
            digest,
            title=f"The day's digest: {digest.title}",
            episode=str(count),
            reason=Reason.DIGEST.value,
            at=now.isoformat(),
        )
        found.append(DueDigest(after, message, routing.open(route.channels, Severity.INFO)))
    return tuple(found)
