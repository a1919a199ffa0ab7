"""What the configuration and the calendar say to the monitors."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import ConfigError
from daemon.configuration.settings import Settings
from daemon.facts import begins_week, watch_settings
from daemon.forecast_desk import ForecastDesk
from daemon.model_rollback import rollback
from daemon.references import compared
from daemon.session import Pipeline
from daemon.storage.database import Database
from daemon.storage.models import ModelStore
from daemon.storage.readings import ReadingStore
from daemon.storage.schema import regimes
from market.exchange import Exchange
from monitors.feature_drift import drift_readings
from monitors.reading import NoData, State
from monitors.reference_policy import Policy
from monitors.watch import DEFAULTS, Facts, WatchState, watch
from tests.daemon.replays import END, replay_short, short_settings


def limit_of(text: str, folder: Path) -> float:
    (folder / "config.toml").write_text(text)
    limits = watch_settings(load_settings(folder / "config.toml"))
    state = WatchState.start()
    trades = np.tile([0.01, -0.01], 4)
    for day in range(20):
        facts = Facts(
            session=date(2024, 1, 1 + day),
            features=None,
            reference=None,
            trade_returns=trades,
            probabilities=np.empty(0),
            outcomes=np.empty(0),
            equity=1.0,
            peak=1.0,
            equity_return=0.0,
            orders=0,
            failed_orders=0,
            bars_expected=1,
            bars_missing=0,
        )
        state, readings = watch(state, facts, limits)
    found = next(one.threshold for one in readings if one.metric == "win_rate_evidence")
    assert found is not None
    return found


def test_the_false_alarms_a_year_set_the_detectors_limit(tmp_path: Path) -> None:
    assert limit_of("", tmp_path) == pytest.approx(252 / 0.25 / 5)
    assert limit_of("[monitors]\nfalse_alarms_per_year = 1.0", tmp_path) == pytest.approx(252 / 5)


def test_the_defaults_of_the_configuration_are_those_of_the_monitors() -> None:
    assert watch_settings(load_settings()) == DEFAULTS


@pytest.mark.parametrize("wrong", ["0", "-1", "13", "nan"])
def test_an_impossible_budget_is_refused(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "config.toml").write_text(f"[monitors]\nfalse_alarms_per_year = {wrong}")
    with pytest.raises(ConfigError, match="false_alarms_per_year"):
        load_settings(tmp_path / "config.toml")


def test_a_week_begins_with_its_first_session() -> None:
    assert begins_week(None, date(2024, 1, 3))
    assert begins_week(date(2024, 1, 5), date(2024, 1, 8))
    assert begins_week(date(2024, 1, 12), date(2024, 1, 16))  # a holiday on Monday
    assert not begins_week(date(2024, 1, 8), date(2024, 1, 9))
    assert begins_week(date(2023, 12, 29), date(2024, 1, 2))


async def test_a_replay_looks_at_all_features_together_once_a_week(
    exchange: Exchange, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/weeks.db", durable=False)
    settings = short_settings(tmp_path)
    monitors = settings.monitors.model_copy(update={"window_sessions": 20})
    settings = settings.model_copy(update={"monitors": monitors})
    await replay_short(database, settings, exchange, start=date(2004, 7, 26))
    async with database.read() as connection:
        store = ReadingStore(connection)
        looks: dict[int, str] = {}
        others = set()
        for day in range(2, 31):
            for reading in await store.of(date(2004, 8, day)):
                if reading.metric == "domain_auc":
                    assert reading.state is not State.NO_DATA
                    looks[day] = reading.detail.split(";")[0]
                if reading.metric in {"drift_incidents", "pooled_evidence"}:
                    others.add(reading.metric)
    assert looks[2] == looks[6] == "looked at on 2004-08-02"
    assert looks[9] == looks[13] == "looked at on 2004-08-09"
    assert others == {"drift_incidents", "pooled_evidence"}
    await database.aclose()


TICKERS = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC", "^IXIC")


@pytest.mark.parametrize(("policy", "oldest"), [(Policy.ROLLING, False), (Policy.FIXED, True)])
async def test_a_reference_is_renewed_with_the_model_or_stays_the_first_ones(
    exchange: Exchange, tmp_path: Path, policy: Policy, oldest: bool
) -> None:
    database = Database(f"sqlite:///{tmp_path}/references.db", durable=False)
    settings = referring(tmp_path, policy)
    await replay_short(database, settings, exchange, start=date(2004, 7, 1))
    async with database.read() as connection:
        models = await ModelStore(connection).all()
        readings = await ReadingStore(connection).newest("drift_share", "features", END, 1)
    assert len(models) > 1
    model = models[0 if oldest else -1]
    assert f"held against model {model.version} ({model.train_from} to " in readings[0].detail
    _, reference = compared((await started(database, settings, exchange)).memory, settings.monitors)
    assert reference is not None
    assert reference.drift.origin in readings[0].detail  # a start makes the same one anew
    await database.aclose()


async def test_no_session_is_held_against_itself(
    replayed: Database, exchange: Exchange, tmp_path: Path
) -> None:
    settings = short_settings(tmp_path)
    sessions = (await started(replayed, settings, exchange)).memory.sessions
    async with replayed.read() as connection:
        readings = await ReadingStore(connection).newest("drift_share", "features", END, 500)
    judged = [one for one in readings if "held against" in one.detail]
    assert len(judged) > 100  # from the first model's first session on
    for reading in judged:
        newest_held = date.fromisoformat(reading.detail.split(" to ")[1][:10])
        place = sessions.index(reading.session)
        assert newest_held < sessions[place - settings.monitors.window_sessions + 1]


async def test_a_rollback_a_start_and_a_process_that_ran_on_hold_against_the_same(
    replayed: Database, exchange: Exchange, tmp_path: Path
) -> None:
    settings = short_settings(tmp_path)
    ran = await started(replayed, settings, exchange, depth=40)
    async with replayed.write() as connection:
        await rollback(connection, 1, reason="worse", actor="ann", at=datetime.now(UTC))
    async with replayed.read() as connection:
        first = await ModelStore(connection).get(1)
        assert first is not None
        seen = await ReadingStore(connection).newest("drift_share", "features", first.fitted_on, 1)
        await ForecastDesk(ran.memory, replayed, Compute(None), settings).look(connection, END)
    anew = await started(replayed, settings, exchange, depth=40)
    assert ran.memory.champion == anew.memory.champion == first
    assert ran.memory.sessions[0] > first.train_to  # the memory alone could not tell
    judged = []
    for one in (ran, anew):
        window, reference = compared(one.memory, settings.monitors)
        assert window is not None
        assert reference is not None
        assert reference.drift.origin in seen[0].detail  # as when it was first in use
        judged.append(drift_readings(END, window, reference.drift, DEFAULTS))
    assert judged[0] == judged[1]


async def test_a_reference_per_regime_is_that_of_sessions_as_volatile_as_the_whole_window(
    replayed: Database, exchange: Exchange, tmp_path: Path
) -> None:
    async with replayed.write() as connection:
        await connection.execute(update(regimes).values(name="up_volatile_broad"))
    settings = referring(tmp_path, Policy.PER_REGIME)
    memory = (await started(replayed, settings, exchange)).memory
    memory.regimes = dict.fromkeys(memory.sessions, "down_volatile_narrow")
    assert set(memory.references) == {"volatile"}
    window, reference = compared(memory, settings.monitors)
    assert window is not None
    assert reference is not None
    assert reference.drift.origin.endswith(", volatile sessions")
    memory.regimes[memory.sessions[-1]] = "side_calm_narrow"
    assert compared(memory, settings.monitors) == (None, None)  # never judged against another regime's
    memory.regimes[memory.sessions[-1]] = "side_volatile_narrow"
    memory.regimes[memory.sessions[-10]] = "side_calm_narrow"
    window, reference = compared(memory, settings.monitors)
    share = drift_readings(END, window, reference.drift if reference else None, DEFAULTS)[-1]
    assert (share.state, share.reason) == (State.NO_DATA, NoData.TOO_FEW)  # a window of two regimes
    memory.regimes[memory.sessions[-10]] = "side_volatile_narrow"
    memory.regimes[memory.sessions[-11]] = "side_calm_narrow"
    assert compared(memory, settings.monitors)[0] is not None


async def started(
    database: Database, settings: Settings, exchange: Exchange, depth: int | None = None
) -> Pipeline:
    pipeline = Pipeline(database, settings, ReplayClock(exchange.close_at(END)), Compute(None), TICKERS, ())
    pipeline.memory.depth = depth or pipeline.memory.depth
    await pipeline.restore()
    return pipeline


def referring(folder: Path, policy: Policy) -> Settings:
    settings = short_settings(folder)
    monitors = settings.monitors.model_copy(update={"reference": policy})
    return settings.model_copy(update={"monitors": monitors})
