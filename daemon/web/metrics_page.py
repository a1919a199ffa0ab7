"""The metrics page: what the store and the process know, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import AlertState
from daemon.clock import Clock
from daemon.delivery.breaker import BreakerState
from daemon.live.health import Health
from daemon.live.outage import STORE
from daemon.storage.database import Database
from daemon.storage.gates import GateStore
from daemon.storage.outbox_rows import UNSENT_STATUSES
from daemon.storage.schema import alerts, outbox, readings, runs, sessions
from daemon.web.status import GateStatus
from daemon.web.tallies import Tallies
from monitors.reading import State
from trading.gate import GateState

Labelled = Iterable[tuple[tuple[str, ...], float]]
MARKS: Final = ("silenced", "inhibited", "flapping")


async def metrics_page(database: Database, health: Health, clock: Clock, tallies: Tallies) -> bytes:
    """Return the page.

    Raises:
        DatabaseError: The store cannot be reached.
        SQLAlchemyError: It cannot be read.
    """
    async with database.read() as connection:
        stored = [
            *await _session(connection),
            *await _alerts(connection),
            *await _outbox(connection, clock.now()),
        ]
        saved = GateStatus.of(await GateStore(connection).read())
    gate = saved.doubted(health.doubt(STORE))  # last, for what failed meanwhile
    return _written([*stored, *_gate(gate), *_process(health, tallies)], tallies)


def without_store(health: Health, tallies: Tallies) -> bytes:
    """Return what is known while the store cannot be read."""
    return _written([*_gate(GateStatus.unknown("")), *_process(health, tallies)], tallies)


async def _session(connection: AsyncConnection) -> list[Metric]:
    newest = (await connection.execute(select(func.max(readings.c.session)))).scalar()
    counted = await _counts(connection, readings.c.state, readings.c.session == newest)
    judged = select(func.max(runs.c.session)).where(runs.c.job == "judge")
    last = (await connection.execute(judged)).scalar()
    closed = (
        await connection.execute(select(sessions.c.closed_at).where(sessions.c.session == last))
    ).scalar()
    took = await connection.execute(
        select(runs.c.job, runs.c.started_wall_at, runs.c.finished_wall_at).where(runs.c.session == last)
    )
    seconds = {row.job: (row.finished_wall_at - row.started_wall_at).total_seconds() for row in took}
    return [
        _gauge(
            "readings",
            "Readings of the newest session, by state.",
            ["state"],
            [((one.value,), counted.get(one.value, 0)) for one in State],
        ),
        _gauge("last_session_close_timestamp_seconds", "The close of the last session judged.", [],
               [((), closed.timestamp())] if closed else []),
        _gauge("job_seconds", "How long each step of that session took.", ["job"],
               [((job,), took_s) for job, took_s in sorted(seconds.items())]),
    ]  # fmt: skip


async def _alerts(connection: AsyncConnection) -> list[Metric]:
    states = await _counts(connection, alerts.c.state)
    marked = [((name,), (await _counts(connection, alerts.c[name])).get(True, 0)) for name in MARKS]
    found = [((one.value,), states.get(one.value, 0)) for one in AlertState]
    return [
        _gauge("alerts", "Alerts, by state.", ["state"], found),
        _gauge("alerts_marked", "Alerts that are held back, by mark.", ["mark"], marked),
    ]


async def _outbox(connection: AsyncConnection, now: datetime) -> list[Metric]:
    query = select(
        outbox.c.channel, outbox.c.status, func.count().label("n"), func.min(outbox.c.written_wall_at)
    ).group_by(outbox.c.channel, outbox.c.status)
    rows = sorted((await connection.execute(query)).all())
    unsent = [row for row in rows if row.status in UNSENT_STATUSES]
    return [
        _gauge("outbox_messages", "Messages, by channel and delivery status.", ["channel", "status"],
               [((row.channel, row.status), row.n) for row in rows]),
        _gauge("outbox_oldest_seconds", "Age of the oldest message not taken yet.", ["channel", "status"],
               [((row.channel, row.status), max((now - row[3]).total_seconds(), 0.0)) for row in unsent]),
    ]  # fmt: skip


def _gate(gate: GateStatus) -> list[Metric]:
    return [
        _gauge("gate_state", "1 for the state trading is in.", ["state"],
               [((one.value,), one is gate.state) for one in GateState]),
        _gauge("gate_epoch", "How often the gate has moved.", [], [((), gate.epoch)]),
    ]  # fmt: skip


def _process(health: Health, tallies: Tallies) -> list[Metric]:
    states = tallies.breakers()
    return [
        _gauge("breaker_state", "1 for the state of a channel's breaker.", ["channel", "state"],
               [((name, one.value), one is state) for name, state in states.items() for one in BreakerState]),
        _gauge("loop_ok", "Whether each loop is in time.", ["loop"],
               [((loop.name,), loop.ok) for loop in health.loops()]),
        _gauge("store_up", "Whether the store can be written.", [], [((), not health.doubt(STORE))]),
    ]  # fmt: skip


def _gauge(name: str, what: str, labels: list[str], values: Labelled) -> Metric:
    family = GaugeMetricFamily(f"forewarn_{name}", what, labels=labels)
    for own, value in values:
        family.add_metric(list(own), float(value))
    return family


async def _counts(connection: AsyncConnection, column: Any, *where: Any) -> dict[Any, int]:  # noqa: ANN401
    found = await connection.execute(select(column, func.count()).where(*where).group_by(column))
    return {row[0]: row[1] for row in found}


class _Snapshot(Collector):
    """What was found at one scrape."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def _written(families: list[Metric], tallies: Tallies) -> bytes:
    once = CollectorRegistry(auto_describe=False)
    once.register(_Snapshot(families))
    return generate_latest(once) + generate_latest(tallies.registry)
