"""What a summary says of a pause."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from daemon.storage.database import Database
from daemon.storage.readings import ReadingStore
from daemon.storage.schema import alert_transitions, gate_transitions
from daemon.summary import summarise
from monitors.reading import Reading, State

FIRED, LIFTED = date(2008, 10, 28), date(2008, 11, 4)
AT = datetime(2008, 10, 1, 21, tzinfo=UTC)


def move(epoch: int, session: date, before: str, after: str, rule: str, reason: str) -> dict[str, object]:
    actor = "ann" if not rule and after == "UNKNOWN" else "forewarn"
    return {
        "scope": "global",
        "epoch": epoch,
        "at": AT + timedelta(days=epoch),
        "session": session,
        "before": before,
        "after": after,
        "rule": rule,
        "reason": reason,
        "actor": actor,
    }


def firing(session: date, value: float | None) -> dict[str, object]:
    return {
        "fingerprint": "market_break/features",
        "move": 1,
        "session": session,
        "at": AT,
        "rule": "market_break",
        "subject": "features",
        "before": "pending",
        "after": "firing",
        "value": value,
        "reason": "new",
    }


@pytest.mark.parametrize(
    ("session", "value", "told"),
    [
        (FIRED, 0.5, "drift (features 32.1%); it has fired since 2008-10-28, then at 50.0%"),
        (LIFTED, 0.321, "drift (features 32.1%)"),
        (FIRED, None, "drift (features 32.1%)"),
    ],
)
async def test_a_pause_that_an_older_alert_begins_tells_at_what_value_it_fired(
    database: Database, session: date, value: float | None, told: str
) -> None:
    share = Reading(FIRED, "drift", "drift_share", "features", 0.5, 28, 0.25, State.BREACH)
    twin = replace(share, metric="psi", value=0.7, monitor="drift")
    async with database.write() as connection:
        await ReadingStore(connection).add((share, twin))
        await connection.execute(insert(alert_transitions), [firing(session, value)])
        moves = [
            move(1, date(2008, 10, 1), "UNKNOWN", "ACTIVE", "", "fresh"),
            move(2, date(2008, 10, 20), "ACTIVE", "REDUCE_ONLY", "drawdown_10pct", "money"),
            move(3, LIFTED, "REDUCE_ONLY", "UNKNOWN", "", "looked at"),
            move(4, LIFTED, "UNKNOWN", "REDUCE_ONLY", "market_break", "drift (features 32.1%)"),
        ]
        await connection.execute(insert(gate_transitions), moves)
    async with database.read() as connection:
        first, second = (await summarise(connection)).pauses
    assert (first.rule, first.reason) == ("drawdown_10pct", "money")
    assert (second.rule, second.start) == ("market_break", LIFTED)
    assert second.reason == told
