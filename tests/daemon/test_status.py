from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import SQLAlchemyError

from alerts.message import Severity
from daemon.configuration.config import load_settings
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.storage.silences import SilenceStore
from daemon.verbs import silence
from daemon.web.page_alerts import beside, firing
from daemon.web.status import Status, read_status
from daemon.web.status_alerts import RECENT, read_alerts, recently_over
from daemon.web.status_curve import MAX_POINTS, EquityPoint, thin
from tests.alerts.cases import BAD, DAY, GOOD, reading, rule
from tests.daemon.judged import Court
from tests.daemon.status_store import DAYS, NOW, clock_at, closed_at, fill
from trading.gate import GateState


async def read(database: Database) -> Status:
    clock = clock_at()
    health = Health(clock)
    health.stamp("delivery", within_s=60, note="nothing to send")
    rules = load_settings().rule_set()
    return await read_status(database, health, clock, version="1.2.3", rules=rules)


async def test_an_empty_store_has_an_unknown_gate_and_nothing_else(database: Database) -> None:
    status = await read(database)
    assert status.gate.state is GateState.UNKNOWN
    assert status.gate.since is None
    assert status.gate.reason == "no session has been judged yet"
    assert status.kind == "new"
    assert status.session is None
    assert (status.alerts, status.readings, status.equity, status.moves) == ((), (), (), ())
    assert status.summary.sessions == 0
    assert set(status.outbox.values()) == {0}
    assert json.loads(json.dumps(status.to_json(), allow_nan=False))["session"] is None


async def test_the_gate_is_shown_with_its_cause(database: Database) -> None:
    await fill(database)
    status = await read(database)
    gate = status.gate
    assert (gate.state, gate.latched, gate.epoch, gate.rule) == (GateState.HALTED, True, 2, "drawdown_10pct")
    assert gate.since == closed_at(DAYS[2])
    assert [(move.epoch, move.after) for move in status.moves] == [
        (2, GateState.HALTED),
        (1, GateState.ACTIVE),
    ]
    assert [(pause.start, pause.end, pause.sessions) for pause in status.summary.pauses] == [
        (DAYS[2], None, 2)
    ]


async def test_the_last_session_is_counted(database: Database) -> None:
    await fill(database)
    session = (await read(database)).session
    assert session is not None
    assert (session.session, session.judged, session.bars, session.missing) == (DAYS[-1], True, 1, 1)
    assert session.forecasts == {"up": 1, "down": 0, "no_call": 0}
    assert session.readings == {"ok": 3, "warn": 1, "breach": 1, "no_data": 1}


async def test_an_alert_takes_its_severity_from_the_rules(database: Database) -> None:
    await fill(database)
    (alert,) = (await read(database)).alerts
    assert (alert.severity, alert.metric, alert.since, alert.sessions) == (
        Severity.CRITICAL,
        "drawdown",
        DAYS[2],
        2,
    )


async def test_an_alert_whose_rule_is_gone_is_still_shown(database: Database) -> None:
    await fill(database, rule="forgotten")
    (alert,) = (await read(database)).alerts
    assert (alert.rule, alert.severity, alert.summary) == ("forgotten", None, "")


async def test_both_books_are_drawn(database: Database) -> None:
    await fill(database)
    status = await read(database)
    assert [(point.paper, point.ungated) for point in status.equity] == [
        (100.0, 100.0),
        (120.0, 120.0),
        (90.0, 80.0),
        (95.0, 84.0),
    ]
    assert status.summary.max_drawdown == pytest.approx(0.25)
    assert status.summary.max_drawdown_ungated == pytest.approx(1 / 3)


async def test_undelivered_messages_are_counted(database: Database) -> None:
    await fill(database)
    outbox = (await read(database)).outbox
    assert (outbox["pending"], outbox["failed"], outbox["unknown"], outbox["sent"]) == (1, 1, 0, 0)


async def test_json_holds_plain_values_only(database: Database) -> None:
    await fill(database)
    plain = json.loads(json.dumps((await read(database)).to_json(), allow_nan=False))
    assert plain["gate"]["state"] == "HALTED"
    assert plain["at"] == NOW.isoformat()
    assert plain["summary"]["pauses"][0]["from"] == DAYS[2].isoformat()
    unjudged = [reading for reading in plain["readings"] if reading["state"] == "no_data"]
    assert [(reading["value"], reading["reason"]) for reading in unjudged] == [(None, "too_few")]
    assert plain["loops"][0]["ok"] is True


async def test_a_database_without_tables_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "none.db").touch()
    database = Database(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(SQLAlchemyError):
        await read(database)
    await database.aclose()


def test_no_password_is_in_the_name_wherever_it_was_written() -> None:
    database = Database("postgresql://ann:hunter2@db/forewarn?password=hunter3")
    assert database.name == "postgresql://ann:***@db/forewarn"


def test_a_short_curve_is_left_as_it_is() -> None:
    points = curve(np.arange(MAX_POINTS, dtype=float))
    assert thin(points) == points


@given(st.integers(0, 10_000), st.integers(601, 1500), st.integers(10, 600))
def test_a_thinned_curve_keeps_its_ends_and_extremes(seed: int, n: int, limit: int) -> None:
    points = curve(np.random.default_rng(seed).normal(1e6, 1e4, n))
    kept = thin(points, limit)
    assert len(kept) <= limit
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert {point.session for point in kept} <= {point.session for point in points}
    for name in ("paper", "ungated"):
        whole = [getattr(point, name) for point in points]
        shown = [getattr(point, name) for point in kept]
        assert (min(shown), max(shown)) == (min(whole), max(whole))


def test_thinning_passes_over_what_is_unknown() -> None:
    points = tuple(EquityPoint(point.session, point.paper, math.nan) for point in curve(np.arange(2000.0)))
    assert thin(points)[-1].paper == 1999.0


def curve(equity: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[EquityPoint, ...]:
    start = date(2000, 1, 1)
    pairs = enumerate(zip(equity.tolist(), equity[::-1].tolist(), strict=True))
    return tuple(EquityPoint(start + timedelta(days=i), paper, ungated) for i, (paper, ungated) in pairs)


async def test_what_is_pending_cannot_be_judged_or_is_held_back_is_listed_with_its_state(
    database: Database,
) -> None:
    rules = (rule("fires"), rule("waits", for_sessions=3), rule("blind", metric="ks", no_data_sessions=1))
    court = Court(database, rules)
    await court.hear(reading(GOOD, DAY + timedelta(days=1), metric="ks"), a=BAD)
    await court.hear(a=BAD)
    async with database.write() as connection:
        end = court.now + timedelta(days=1)
        await silence(connection, "fires", starts=court.now, ends=end, reason="known", actor="anna")
    await court.tick(minutes=1)
    async with database.read() as connection:
        alerts = await read_alerts(connection, {one.name: one for one in rules})
        silences = await SilenceStore(connection).running(court.now)
    listed = [(one.rule, one.state.value, one.silenced) for one in alerts]
    assert listed == [("fires", "firing", True), ("blind", "no_data", False), ("waits", "pending", False)]
    (card,) = beside(alerts[1:], silences, court.now)
    words = [">No data<", "About blind", ">Pending<", "About waits", ">Silence<", "fires / *", "by anna"]
    assert [card.index(word) for word in words] == sorted(card.index(word) for word in words)
    assert beside((), (), court.now) == []
    assert "silenced" in firing(alerts[:1])


async def test_what_was_over_lately_is_listed_for_a_week_the_newest_first(database: Database) -> None:
    rules = (rule("first"), rule("second"), rule("older"))
    court = Court(database, rules)
    for values in ({"a": BAD}, {"a": GOOD}):
        await court.hear(**values)
    async with database.read() as connection:
        found = await read_alerts(connection, {one.name: one for one in rules})
    over = recently_over(found, court.session)
    assert [one.state.value for one in over] == ["resolved"] * 3
    older = replace(over[0], rule="older", since=over[0].since - timedelta(days=1))
    stale = replace(over[0], since=court.session - RECENT - timedelta(days=1))
    assert recently_over([older, over[1], stale], court.session) == (over[1], older)
