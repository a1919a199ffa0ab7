"""What the configuration and the calendar say to the monitors."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import ConfigError
from daemon.configuration.settings import Settings
from daemon.facts import begins_week, watch_settings
from daemon.references import refer, reference_of
from daemon.session import Pipeline
from daemon.storage.database import Database
from daemon.storage.models import ModelStore
from daemon.storage.readings import ReadingStore
from market.exchange import Exchange
from monitors.reading import State
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
    await replay_short(database, settings.model_copy(update={"monitors": monitors}), exchange)
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
    await replay_short(database, settings, exchange)
    async with database.read() as connection:
        models = await ModelStore(connection).all()
        readings = await ReadingStore(connection).newest("drift_share", "features", END, 1)
    assert len(models) > 1
    model = models[0 if oldest else -1]
    assert f"held against model {model.version} ({model.train_from} to " in readings[0].detail
    pipeline = Pipeline(database, settings, ReplayClock(exchange.close_at(END)), Compute(None), TICKERS, ())
    await pipeline.restore()
    reference = reference_of(pipeline.memory, pipeline.memory.sessions[-1], policy)
    assert reference is not None
    assert reference.origin in readings[0].detail  # a start makes the same one anew
    await database.aclose()


async def test_a_reference_per_regime_is_that_of_sessions_as_volatile_as_the_newest(
    exchange: Exchange, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/regimes.db", durable=False)
    settings = referring(tmp_path, Policy.ROLLING)
    await replay_short(database, settings, exchange)
    clock = ReplayClock(exchange.close_at(END))
    pipeline = Pipeline(database, settings, clock, Compute(None), TICKERS, ())
    await pipeline.restore()
    memory = pipeline.memory
    assert memory.champion is not None
    memory.regimes = dict.fromkeys(memory.sessions, "up_volatile_broad")
    per_regime = referring(tmp_path, Policy.PER_REGIME)
    await refer(memory, Compute(None), per_regime.monitors.model_copy(update={"window_sessions": 5}))
    assert set(memory.by_volatility) == {"volatile"}
    newest = memory.sessions[-1]
    found = reference_of(memory, newest, Policy.PER_REGIME)
    assert found is not None
    assert found.origin.endswith(", volatile sessions")
    memory.regimes[newest] = "side_calm_narrow"
    assert reference_of(memory, newest, Policy.PER_REGIME) is None  # never judged against another regime's
    await database.aclose()


def referring(folder: Path, policy: Policy) -> Settings:
    settings = short_settings(folder)
    monitors = settings.monitors.model_copy(update={"reference": policy})
    return settings.model_copy(update={"monitors": monitors})
