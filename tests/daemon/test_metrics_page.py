"""The metrics page, read as Prometheus reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from alerts.alert import AlertState
from alerts.channels.channel import TransientError
from alerts.message import Severity
from alerts.reason import Reason
from daemon.clock import ReplayClock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.breaker import BreakerState
from daemon.delivery.delivery import Delivery
from daemon.judge import Decision
from daemon.live.health import Health
from daemon.live.lag import watch_lag
from daemon.live.outage import STORE
from daemon.storage.alerts import AlertStore
from daemon.storage.database import Database
from daemon.storage.parcel import Status
from daemon.web.server import Server
from daemon.web.tallies import Tallies
from tests.alerts.cases import BAD, GOOD, rule
from tests.daemon.judged import Court
from tests.daemon.outbox_desk import Desk, Receiver, message
from tests.daemon.status_store import settings_with

Samples = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def tallies() -> Tallies:
    return Tallies()


@pytest.fixture
async def server(
    database: Database, health: Health, clock: ReplayClock, tallies: Tallies
) -> AsyncIterator[Server]:
    running = Server(database, health, clock, settings_with(0), version="1.2.3", tallies=tallies)
    await running.start()
    yield running
    await running.stop()


async def scrape(server: Server) -> Samples:
    """Return every sample by name and its labels' values."""
    async with aiohttp.ClientSession() as visitor, visitor.get(f"{server.url}metrics") as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith("text/plain; version=")
        text = await reply.text()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def test_it_tells_readings_alerts_gate_and_the_last_session(server: Server, database: Database) -> None:
    court = Court(database, (rule("psi", for_sessions=2), rule("fast")))
    await court.hear(a=GOOD)
    await court.hear(a=BAD)
    found = await scrape(server)
    assert found["forewarn_readings"]["ok",] == 2
    assert found["forewarn_alerts"]["firing",] == 1
    assert found["forewarn_alerts"]["pending",] == 1
    assert found["forewarn_gate_state"]["ACTIVE",] == 1
    assert found["forewarn_gate_epoch"][()] == 1
    assert set(found["forewarn_job_seconds"]) == {("judge",)}


async def test_it_tells_how_deep_the_outbox_is_and_how_old(
    server: Server, database: Database, tallies: Tallies
) -> None:
    desk, slack = Desk(database), Receiver("slack")
    slack.down = TransientError("refused")
    delivery = Delivery(
        database,
        (slack,),
        DeliverySettings(breaker_failures=1),
        desk.clock,
        sleep=desk.sleep,
        tally=tallies.sent,
    )
    tallies.breakers = delivery.breakers
    await desk.put(message("a", Severity.WARNING), message("b", Severity.WARNING))
    await delivery.drain()
    found = await scrape(server)
    assert sum(found["forewarn_outbox_messages"].values()) == 2
    assert min(found["forewarn_outbox_oldest_seconds"].values()) > 0
    assert found["forewarn_sends_total"]["slack", "retry"] == 1
    assert found["forewarn_breaker_state"]["slack", "open"] == 1
    assert found["forewarn_breaker_state"]["slack", "closed"] == 0


async def test_it_counts_decisions_by_reason_and_keeps_two_apps_apart(
    server: Server, tallies: Tallies
) -> None:
    one = Decision("psi/a", "psi", AlertState.FIRING, Reason.FIRST)
    tallies.decided([one, one, replace(one, reason=Reason.SILENCED)])
    found = await scrape(server)
    assert found["forewarn_decisions_total"] == {("first",): 2, ("silenced",): 1}
    other = Tallies()
    assert isinstance(other.registry, CollectorRegistry)
    assert other.registry.get_sample_value("forewarn_decisions_total", {"reason": "first"}) is None


async def test_it_still_answers_while_the_store_cannot_be_read(
    server: Server, database: Database, health: Health, tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Database) -> None:
        raise OSError("gone")

    monkeypatch.setattr(Database, "read", broken)
    health.fail(STORE, "gone")
    tallies.breakers = lambda: {"slack": BreakerState.CLOSED}
    tallies.sent("slack", Status.SENT)
    found = await scrape(server)
    assert found["forewarn_store_up"][()] == 0
    assert found["forewarn_gate_state"]["ACTIVE",] == 0
    assert found["forewarn_gate_state"]["UNKNOWN",] == 1
    assert found["forewarn_sends_total"]["slack", "sent"] == 1


async def test_the_loops_lag_is_seen_and_fades(tallies: Tallies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.live.lag.EVERY_S", 0.01)
    seen: list[float] = []
    stop = asyncio.Event()

    def lagged(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 3:
            stop.set()

    async with asyncio.timeout(10):
        await watch_lag(stop, lagged)
    assert min(seen) >= 0.0
    tallies.lagged(2.0)
    tallies.lagged(0.1)
    assert tallies.registry.get_sample_value("forewarn_loop_lag_seconds") == pytest.approx(1.8)


async def test_marks_are_counted(server: Server, database: Database) -> None:
    court = Court(database, (rule("psi"),))
    await court.hear(a=BAD, b=BAD)
    alerts = await court.alerts()
    held = {
        name: replace(one, marks=replace(one.marks, silenced=True))
        for name, one in alerts.items()
        if name == "psi/a"
    }
    async with database.write() as connection:
        await AlertStore(connection).save(alerts, held)
    assert (await scrape(server))["forewarn_alerts_marked"]["silenced",] == 1
