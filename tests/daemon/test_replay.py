"""The same history gives the same tables, on every executor and every database."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from daemon.commands.terminal import print_summary
from daemon.replay import History, make_history, replay
from daemon.storage.database import Database
from daemon.storage.origin import OriginError
from daemon.summary import summarise
from market.exchange import Exchange
from market.price_file import read_bars, read_prices
from market.sample import SAMPLE_PATH
from tests.conftest import Kept
from tests.daemon.replays import Tables, dump, replay_short, replayed_at, short_settings
from trading.gate import GateState


@pytest.fixture
async def undisturbed(kept: Kept, exchange: Exchange, tmp_path: Path) -> Tables:
    """Every row of a replay that nothing disturbed."""
    store = Database(replayed_at(kept, "sqlite", str, tmp_path, exchange), durable=False)
    tables = await dump(store)
    await store.aclose()
    return tables


async def test_a_replay_fills_every_table(undisturbed: Tables) -> None:
    empty = {name for name, rows in undisturbed.items() if not rows}
    # nobody is asked in a replay, no channel was given, nobody wished for quiet
    assert (
        empty
        == {"bar_revisions", "calls", "channels", "heartbeats", "outbox", "outside", "presses", "silences"}
        & undisturbed.keys()
    )


@pytest.mark.no_cover  # it repeats what other tests count
async def test_both_databases_and_any_executor_get_the_same_tables_and_a_second_replay_adds_nothing(
    undisturbed: Tables, exchange: Exchange, tmp_path: Path, database: Database
) -> None:
    settings = short_settings(tmp_path, kind="thread" if database.is_sqlite else "process")
    await replay_short(database, settings, exchange)
    assert await dump(database) == undisturbed
    await replay_short(database, settings, exchange)
    assert await dump(database) == undisturbed


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_the_summary_tells_pauses_and_who_lifted_them(replayed: Database) -> None:
    async with replayed.read() as connection:
        summary = await summarise(connection)
    lifted = [pause for pause in summary.pauses if pause.lifted_by]
    assert lifted
    assert {pause.lifted_by for pause in lifted} == {"simulated-operator"}
    assert {pause.rule for pause in lifted} <= {"drawdown_10pct", "drawdown_15pct"}
    assert GateState.HALTED in {pause.strictest for pause in lifted}
    assert all(pause.sessions >= 7 for pause in lifted)
    assert (summary.sessions, summary.note) == (128, "")
    assert summary.to_json(1.0)["pauses"][0]["from"] == summary.pauses[0].start.isoformat()


async def test_bars_that_cannot_be_right_are_left_out_and_named(exchange: Exchange, tmp_path: Path) -> None:
    panel = read_prices(SAMPLE_PATH).rows(0, 30)
    clean = make_history(panel, exchange, "clean")
    assert clean.findings == ()
    assert clean.fingerprint == History(panel, clean.sessions, clean.start, "clean").fingerprint
    close = panel.close.copy()
    close[20, 0] = 1.05 * panel.high[20, 0]
    faulty = make_history(replace(panel, close=close), exchange, "faulty", start=panel.sessions[29])
    assert np.isnan(faulty.panel.close[20, 0])
    assert np.array_equal(faulty.panel.close[:20], panel.close[:20], equal_nan=True)
    store = Database(f"sqlite:///{tmp_path}/f.db", durable=False)
    await replay(faulty, exchange, short_settings(tmp_path), store, (), lambda done, total, session: None)
    async with store.read() as connection:
        summary = await summarise(connection)
    await store.aclose()
    left_out = summary.left_out[-1]
    assert left_out.startswith(f"{panel.tickers[0]} {panel.sessions[20]}: outside_high_low")
    assert summary.to_json(1.0)["left_out"] == list(summary.left_out)
    console = Console(record=True, width=200, file=StringIO())
    print_summary(console, summary, "faulty", 1.0)
    assert left_out in console.export_text()


async def test_a_history_too_short_to_forecast_says_so_and_names_a_row_that_cannot_be_a_bar(
    exchange: Exchange, tmp_path: Path
) -> None:
    panel = read_prices(SAMPLE_PATH).rows(0, 3)
    row = "{},{},10,11,9,{},100"
    lines = [row.format(day, name, 10) for day in panel.sessions for name in ("AAA", "BBB")]
    lines[2] = row.format(panel.sessions[1], "AAA", 0)
    (tmp_path / "p.csv").write_text("\n".join(["date,ticker,open,high,low,close,volume", *lines]))
    bars, unusable = read_bars(tmp_path / "p.csv")
    history = make_history(bars, exchange, "short", unusable=unusable)
    store = Database(f"sqlite:///{tmp_path}/s.db", durable=False)
    await replay(history, exchange, short_settings(tmp_path), store, (), lambda done, total, session: None)
    async with store.read() as connection:
        summary = await summarise(connection)
    await store.aclose()
    assert summary.note.startswith(
        "Nothing was forecast in 3 sessions, and the account is untouched: too few"
    )
    assert summary.to_json(1.0)["note"] == summary.note
    assert [words[:30] for words in summary.left_out] == [f"AAA {panel.sessions[1]}: price_unusable"]
    console = Console(record=True, width=200, file=StringIO())
    print_summary(console, summary, "short", 1.0)
    assert summary.note in console.export_text()


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_other_settings_are_refused_and_change_nothing(
    replayed: Database, undisturbed: Tables, exchange: Exchange, tmp_path: Path
) -> None:
    settings = short_settings(tmp_path)
    other = settings.model_copy(update={"trading": settings.trading.model_copy(update={"cash": 5.0})})
    with pytest.raises(OriginError, match=r"its settings is .+ name another --database"):
        await replay_short(replayed, other, exchange)
    assert await dump(replayed) == undisturbed
