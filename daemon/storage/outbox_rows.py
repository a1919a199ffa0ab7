"""The rows of the outbox: which columns tell where one stands, and the clauses that name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import tuple_

from daemon.storage.parcel import UNSENT, WAITING, Parcel, Status, Unsent
from daemon.storage.schema import outbox

CHUNK: Final = 200
"""Rows named in one statement."""

UNSENT_STATUSES = sorted(UNSENT)
WAITING_STATUSES = sorted(WAITING)
UNSENT_COLUMNS: Final = (
    outbox.c.group_,
    outbox.c.revision,
    outbox.c.channel,
    outbox.c.episode,
    outbox.c.event,
    outbox.c.severity,
    outbox.c.status,
    outbox.c.faults,
    outbox.c.created_at,
    outbox.c.due_wall_at,
    outbox.c.tried_wall_at,
    outbox.c.lease_wall_until,
)


def unsent_of(row: Any, *, told: bool, behind: bool = False) -> Unsent:  # noqa: ANN401 - a row of the columns above
    """Return a row of `UNSENT_COLUMNS` as a value."""
    return Unsent(
        group=row.group_,
        revision=row.revision,
        channel=row.channel,
        episode=row.episode,
        event=row.event,
        severity=row.severity,
        status=Status(row.status),
        faults=row.faults,
        created_at=row.created_at,
        due_at=row.due_wall_at,
        tried_at=row.tried_wall_at,
        leased_until=row.lease_wall_until,
        told=told,
        behind=behind,
    )


def names_of(message: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON, which a person may have changed
    """Return whom a stored message names, as fields of `Unsent`; one that cannot be read names nobody."""
    try:
        subjects = frozenset(str(finding["subject"]) for finding in message["findings"])
        return {"subjects": subjects, "lists_all": not message.get("others", 0)}
    except (AttributeError, KeyError, TypeError):
        return {}


def is_row(row: Unsent | Parcel) -> tuple[Any, ...]:
    """Return the clauses that name one row."""
    return (
        outbox.c.group_ == row.group,
        outbox.c.revision == row.revision,
        outbox.c.channel == row.channel,
    )


def among(rows: Sequence[Unsent]) -> Any:  # noqa: ANN401 - a clause
    """Return the clause that names several rows of one channel."""
    return tuple_(outbox.c.group_, outbox.c.revision).in_([(row.group, row.revision) for row in rows])


def chunks(rows: Sequence[Unsent]) -> Iterable[Sequence[Unsent]]:
    """Cut rows into as many as one statement may name."""
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
