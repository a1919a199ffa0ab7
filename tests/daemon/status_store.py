"""A small store with something in every table that the status page shows, written through the stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from alerts.alert import Alert, AlertState
from alerts.message import Severity
from daemon.clock import ReplayClock
from daemon.configuration.config import load_settings
from daemon.configuration.settings import ServerSettings, Settings
from daemon.storage.alerts import AlertStore
from daemon.storage.bars import BarStore, SessionBars
from daemon.storage.database import Database
from daemon.storage.forecasts import ForecastStore
from daemon.storage.gates import GateStore
from daemon.storage.migrate import upgrade
from daemon.storage.origin import OriginStore
from daemon.storage.outbox import OutboxStore, Status
from daemon.storage.readings import ReadingStore
from daemon.storage.runs import RunStore
from daemon.storage.trading import PAPER, UNGATED, TradingStore
from forecaster.forecast import Direction, Forecast
from market.panel import FIELDS
from monitors.reading import Evidence, NoData, Reading, State
from trading.account import Account
from trading.gate import Gate, GateState

DAYS = (date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5))
NOW = datetime(2024, 1, 5, 22, 0, tzinfo=UTC)
EQUITY = {PAPER: (100.0, 120.0, 90.0, 95.0), UNGATED: (100.0, 120.0, 80.0, 84.0)}


async def open_store(url: str) -> Database:
    """Return a migrated, empty store."""
    database = Database(url, durable=False)
    await upgrade(database)
    return database


async def fill(database: Database, *, rule: str = "drawdown_10pct", ticker: str = "AAA") -> None:
    """Write four sessions: the gate opens in the first and `rule` halts it in the third."""
    async with database.write() as connection:
        await OriginStore(connection).claim({"kind": "replay", "history": "abc"}, "test")
        gates = GateStore(connection)
        for i, day in enumerate(DAYS):
            at = closed_at(day)
            values = np.full((len(FIELDS), 2), 10.0)
            values[:, 1] = np.nan
            await BarStore(connection).add(
                SessionBars(day, values), (ticker, "^GSPC"), calendar="XNYS", closed_at=at, known_at=at
            )
            books = {book: Account(values[i], (), values[i], max(values)) for book, values in EQUITY.items()}
            await TradingStore(connection).add_accounts(day, books)
            gate = await gates.hold(at)
            after = _moved(gate, i, rule, at)
            if after is not gate:
                await gates.move(gate, after, session=day)
            await RunStore(connection).record("judge", at, day, {}, started=at, finished=at)
        forecast = Forecast(ticker, Direction.UP, 0.6, 0.6, 0.0, 0.0, (), "because", 1.0)
        await ForecastStore(connection).add(DAYS[-1], 1, 5, (forecast,))
        await ReadingStore(connection).add(readings(ticker))
        alert = Alert(rule, ticker, AlertState.FIRING, DAYS[2], DAYS[2], 0, 2, 0.25)
        await AlertStore(connection).save({}, {alert.fingerprint: alert})
        outbox = OutboxStore(connection)
        await outbox.add(rule, 1, {"key": "k"}, Severity.CRITICAL, ("console", "slack"), at=NOW, wall=NOW)
        (unsent,) = await outbox.unsent("slack")
        parcel = await outbox.claim(unsent, now=NOW, lease_s=60)
        assert parcel is not None
        await outbox.mark(parcel, Status.FAILED, wall=NOW, error="https://hooks.slack.com/services/T0/B0/x")


def readings(ticker: str) -> tuple[Reading, ...]:
    """One reading of every state, with every kind of evidence."""
    day = DAYS[-1]
    beyond = Evidence("own_windows", p_value=0.004)
    usual = Evidence("own_windows", p_value=0.43)
    bet = Evidence("e_detector", e_value=12.5)
    return (
        Reading(day, "drift", "psi", ticker, 0.31, 120, 0.2, State.BREACH, beyond),
        Reading(day, "drift", "psi", "momentum_21", 0.05, 120, 0.2, State.OK, usual),
        Reading(day, "performance", "drawdown", "account", 0.21, 4, 0.1, State.WARN, None, None, "95 USD"),
        Reading(day, "performance", "win_rate_evidence", "account", 12.5, 40, 201.6, State.OK, bet),
        Reading(
            day, "calibration", "ece", "universe", float("nan"), 3, 0.05, State.NO_DATA, None, NoData.TOO_FEW
        ),
        Reading(day, "custom", "queue_age", "intake", 7.0, 1, None, State.OK),
    )


def _moved(gate: Gate, i: int, rule: str, at: datetime) -> Gate:
    if i == 0:
        return replace(gate, state=GateState.ACTIVE, epoch=1, since=at, reason="every demand has cleared")
    if i == 2:
        why = f"{rule} says so"
        return replace(gate, state=GateState.HALTED, latched=True, epoch=2, since=at, rule=rule, reason=why)
    return gate


def closed_at(day: date) -> datetime:
    """Return the close of a session."""
    return datetime(day.year, day.month, day.day, 21, 0, tzinfo=UTC)


def clock_at(now: datetime = NOW) -> ReplayClock:
    """Return a clock that stands still."""
    return ReplayClock(now)


def later(clock: ReplayClock, seconds: float) -> None:
    """Let time pass."""
    clock.advance(clock.now() + timedelta(seconds=seconds))


def settings_with(port: int, host: str = "127.0.0.1") -> Settings:
    """Return the default settings with another address."""
    return load_settings().model_copy(update={"server": ServerSettings(host=host, port=port)})
