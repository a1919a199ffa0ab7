"""The command line as a person meets it: what it says when something is wrong; nothing changes then."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import make_url

from daemon.storage.database import Database
from market.exchange import Exchange
from tests.conftest import Kept
from tests.daemon.command_line import Forewarn
from tests.daemon.replays import (
    START,
    Tables,
    dump,
    replayed_at,
    write_config,
    write_prices,
)


def prices(folder: Path, rows: str) -> Path:
    path = folder / "prices.csv"
    path.write_text("date,ticker,open,high,low,close,volume\n" + rows)
    return path


GOOD = "2013-01-02,AAA,10,11,9,10,100\n2013-01-03,AAA,10,11,9,10,100\n"

FAULTS = {
    "a negative price in all there is": ("2013-01-04,AAA,10,11,9,-1,100\n", ["row 1", "close", "-1"]),
    "a missing price in all there is": ("2013-01-04,AAA,10,,9,10,100\n", ["row 1", "high"]),
    "an unparsable date": (GOOD + "soon,AAA,10,11,9,10,100\n", ["row 3", "date", "soon"]),
    "a duplicate": (GOOD + "2013-01-03,AAA,10,11,9,10,100\n", ["row", "2013-01-03", "AAA"]),
    "an empty file": ("", ["no rows"]),
    "a weekend": (GOOD + "2013-01-05,AAA,10,11,9,10,100\n", ["2013-01-05", "XNYS", "market.calendar"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_prices_are_named_and_nothing_is_created(fault: str, tmp_path: Path, forewarn: Forewarn) -> None:
    rows, words = FAULTS[fault]
    path = prices(tmp_path, rows)
    done = forewarn("replay", "--prices", path, "--database", "sqlite:///new.db", "--json")
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("forewarn: ")
    for word in [path.name, *words]:
        assert word in done.stderr
    assert not (tmp_path / "new.db").exists()


def test_a_price_that_is_none_costs_its_bar_and_a_replay_without_a_forecast_says_so(
    tmp_path: Path, forewarn: Forewarn
) -> None:
    path = prices(tmp_path, GOOD + "2013-01-04,AAA,10,11,9,-1,100\n2013-01-04,BBB,10,11,9,10,100\n")
    done = forewarn("replay", "--prices", path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["left_out"] == [
        "AAA 2013-01-04: price_unusable: row 3, column 'close': '-1' is not above 0; "
        "correct it or drop the row"
    ]
    assert told["note"].startswith("Nothing was forecast in 3 sessions")


def test_a_missing_column_is_named(tmp_path: Path, forewarn: Forewarn) -> None:
    path = tmp_path / "prices.parquet"
    pq.write_table(pa.table({"date": ["2013-01-02"], "ticker": ["AAA"], "Close_": [1.0]}), path)
    done = forewarn("replay", "--prices", path)
    assert done.returncode == 3
    assert "open" in done.stderr
    assert "column" in done.stderr


def test_unsorted_rows_give_the_replay_of_sorted_ones(tmp_path: Path, forewarn: Forewarn) -> None:
    rows = [
        f"2013-01-{day:02d},{ticker},{10 + day},{12 + day},{9 + day},{11 + day},1000\n"
        for day in (2, 3, 4, 7, 8, 9, 10, 11)
        for ticker in ("AAA", "BBB")
    ]
    found = []
    for name, order in (("sorted", rows), ("unsorted", rows[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        done = forewarn("replay", "--prices", prices(folder, "".join(order)), "--json")
        assert done.returncode == 0, done.stderr
        found.append({key: value for key, value in json.loads(done.stdout).items() if key != "seconds"})
    assert found[0] == found[1]
    assert found[0]["sessions"] == 8
    assert found[0]["forecasts"] == 0  # too short to train on


def test_a_typo_in_the_configuration_names_the_nearest_key(tmp_path: Path, forewarn: Forewarn) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[trading]\nmax_wieght = 0.3\n")
    done = forewarn("demo", "--config", config, "--no-serve")
    assert done.returncode == 3
    assert "mine.toml: unknown key 'trading.max_wieght'; did you mean 'max_weight'?" in done.stderr


def test_a_channel_without_its_secret_is_named(tmp_path: Path, forewarn: Forewarn) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[channels.slack]\nenabled = true\n")
    done = forewarn("run", "--config", config)
    assert done.returncode == 3
    assert "FOREWARN_SLACK_WEBHOOK_URL" in done.stderr


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path, forewarn: Forewarn) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/forewarn"
    done = forewarn("replay", "--prices", prices(tmp_path, GOOD), "--database", url)
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_a_port_in_use_is_named_with_the_fix(tmp_path: Path, forewarn: Forewarn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = forewarn("replay", "--prices", prices(tmp_path, GOOD), "--serve", "--port", str(port))
    assert done.returncode == 3
    assert str(port) in done.stderr
    assert "--port" in done.stderr


def test_a_wrong_date_is_a_usage_error(tmp_path: Path, forewarn: Forewarn) -> None:
    done = forewarn("replay", "--prices", "x.csv", "--start", "yesterday")
    assert done.returncode == 2
    assert "2013-01-02" in done.stderr


@pytest.fixture
def replayed(kept: Kept, exchange: Exchange, tmp_path: Path) -> Path:
    """A store with a finished replay."""
    source = make_url(replayed_at(kept, "sqlite", str, tmp_path, exchange)).database
    return Path(shutil.copy(str(source), tmp_path / "a.db"))


def tables_of(path: Path) -> Tables:
    async def go() -> Tables:
        store = Database(f"sqlite:///{path}")
        try:
            return await dump(store)
        finally:
            await store.aclose()

    return asyncio.run(go())


def test_a_person_pauses_and_resumes_a_store_that_no_daemon_works_on(
    replayed: Path, forewarn: Forewarn
) -> None:
    url = ("--database", f"sqlite:///{replayed}")
    before = json.loads(forewarn("trading", "status", *url, "--json").stdout)

    halted = forewarn("trading", "halt", *url, "--reason", "fat finger", "--by", "ann")
    assert halted.returncode == 0, halted.stderr
    assert "HALTED" in halted.stdout
    gate = json.loads(forewarn("trading", "status", *url, "--json").stdout)
    assert (gate["state"], gate["latched"], gate["actor"]) == ("HALTED", True, "ann")
    assert gate["epoch"] == before["epoch"] + 1

    stale = forewarn("trading", "resume", *url, "--reason", "ok", "--epoch", str(before["epoch"]))
    assert stale.returncode == 1
    assert "stale" in stale.stderr

    resumed = forewarn("trading", "resume", *url, "--reason", "checked", "--by", "bob")
    assert resumed.returncode == 0, resumed.stderr
    gate = json.loads(forewarn("trading", "status", *url, "--json").stdout)
    assert (gate["state"], gate["latched"], gate["reason"]) == ("UNKNOWN", False, "checked")

    tables = tables_of(replayed)
    assert [row[4]["title"] for row in tables["outbox"][-2:]] == [
        "ann moved trading to HALTED",
        "bob moved trading to UNKNOWN",
    ]
    assert [row[2:4] for row in tables["audit"][-2:]] == [("ann", "gate.HALTED"), ("bob", "gate.UNKNOWN")]
    assert not [row for row in tables["orders"] if "open" in row]


def test_a_finished_replay_is_told_again_without_being_run_again(tmp_path: Path, forewarn: Forewarn) -> None:
    write_config(tmp_path)
    write_prices(tmp_path)
    words = ("replay", "--prices", "prices.parquet", "--config", "config.toml", "--start", START.isoformat())
    first = forewarn(*words, "--database", "sqlite:///b.db")
    assert first.returncode == 0, first.stderr
    for word in ("128 sessions", "Every pause of trading", "simulated-operator", "gate held open", "2004"):
        assert word in first.stdout
    tables = tables_of(tmp_path / "b.db")
    again = forewarn(*words, "--database", "sqlite:///b.db", "--json")
    assert json.loads(again.stdout)["sessions"] == 128
    assert set(json.loads(again.stdout)) >= {
        "sessions",
        "forecasts",
        "trades",
        "readings",
        "alerts",
        "pauses",
        "equity",
        "max_drawdown",
        "max_drawdown_ungated",
        "seconds",
    }
    assert tables_of(tmp_path / "b.db") == tables


def test_an_upgrade_makes_a_store_that_status_can_read(tmp_path: Path, forewarn: Forewarn) -> None:
    assert forewarn("db", "upgrade", "--database", "sqlite:///c.db").returncode == 0
    told = forewarn("trading", "status", "--database", "sqlite:///c.db")
    assert told.returncode == 0
    assert "UNKNOWN" in told.stdout


def test_the_version_is_told(forewarn: Forewarn) -> None:
    assert forewarn("version").stdout.startswith("forewarn 0.")


def test_a_store_that_does_not_exist_is_not_created(tmp_path: Path, forewarn: Forewarn) -> None:
    done = forewarn("trading", "status", "--database", "sqlite:///none.db")
    assert done.returncode == 3
    assert "none.db" in done.stderr
    assert not (tmp_path / "none.db").exists()


def test_a_second_process_on_the_same_store_is_refused(tmp_path: Path, forewarn: Forewarn) -> None:
    import fcntl  # noqa: PLC0415

    write_config(tmp_path)
    write_prices(tmp_path)
    with (tmp_path / "a.db.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = forewarn(
            "replay",
            "--prices",
            "prices.parquet",
            "--start",
            START.isoformat(),
            "--database",
            "sqlite:///a.db",
        )
    assert done.returncode == 1
    assert "another forewarn works on" in done.stderr


@pytest.mark.parametrize("command", [("trading", "status"), ("db", "upgrade")])
def test_a_file_that_is_no_database_is_named(
    command: tuple[str, str], tmp_path: Path, forewarn: Forewarn
) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to be looked at as one")
    done = forewarn(*command, "--database", "sqlite:///x.db")
    assert done.returncode == 3
    assert "x.db: file is not a database" in done.stderr


def test_prices_of_indices_alone_are_refused(tmp_path: Path, forewarn: Forewarn) -> None:
    done = forewarn("replay", "--prices", prices(tmp_path, GOOD.replace("AAA", "^AAA")))
    assert done.returncode == 3
    assert "every ticker starts with ^" in done.stderr
