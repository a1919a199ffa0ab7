"""The same history gives the same tables, on every executor and every database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio

from daemon.storage.database import Database
from daemon.storage.origin import OriginError
from daemon.summary import summarise
from market.exchange import Exchange
from tests.daemon.replays import Tables, dump, replay_short, short_settings
from trading.gate import GateState


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replayed(tmp_path_factory: pytest.TempPathFactory, exchange: Exchange) -> AsyncIterator[Database]:
    folder = tmp_path_factory.mktemp("undisturbed")
    store = Database(f"sqlite:///{folder}/a.db", durable=False)
    await replay_short(store, short_settings(folder), exchange)
    yield store
    await store.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def undisturbed(replayed: Database) -> Tables:
    return await dump(replayed)


async def test_a_replay_fills_every_table(undisturbed: Tables) -> None:
    empty = {name for name, rows in undisturbed.items() if not rows}
    # nobody is asked in a replay, no channel was given, nobody wished for quiet
    assert (
        empty
        == {"bar_revisions", "calls", "channels", "heartbeats", "outbox", "presses", "silences"}
        & undisturbed.keys()
    )


@pytest.mark.parametrize("kind", ["thread", "process"])
async def test_another_executor_gives_the_same_tables(
    kind: Literal["thread", "process"],
    undisturbed: Tables,
    exchange: Exchange,
    tmp_path: Path,
) -> None:
    store = Database(f"sqlite:///{tmp_path}/b.db", durable=False)
    await replay_short(store, short_settings(tmp_path, kind=kind), exchange)
    assert await dump(store) == undisturbed
    await store.aclose()


async def test_both_databases_get_the_same_tables_and_a_second_replay_adds_nothing(
    undisturbed: Tables, exchange: Exchange, tmp_path: Path, database: Database
) -> None:
    settings = short_settings(tmp_path)
    await replay_short(database, settings, exchange)
    assert await dump(database) == undisturbed
    await replay_short(database, settings, exchange)
    assert await dump(database) == undisturbed


async def test_the_summary_tells_pauses_and_who_lifted_them(replayed: Database) -> None:
    async with replayed.read() as connection:
        summary = await summarise(connection)
    lifted = [pause for pause in summary.pauses if pause.lifted_by]
    assert lifted
    assert {pause.lifted_by for pause in lifted} == {"simulated-operator"}
    assert {pause.rule for pause in lifted} <= {"drawdown_10pct", "drawdown_15pct"}
    assert GateState.HALTED in {pause.strictest for pause in lifted}
    assert all(pause.sessions >= 7 for pause in lifted)
    assert summary.sessions == 128
    assert summary.to_json(1.0)["pauses"][0]["from"] == summary.pauses[0].start.isoformat()


async def test_other_settings_are_refused_and_change_nothing(
    replayed: Database, undisturbed: Tables, exchange: Exchange, tmp_path: Path
) -> None:
    settings = short_settings(tmp_path)
    other = settings.model_copy(update={"trading": settings.trading.model_copy(update={"cash": 5.0})})
    with pytest.raises(OriginError, match=r"its settings is .+ name another --database"):
        await replay_short(replayed, other, exchange)
    assert await dump(replayed) == undisturbed
