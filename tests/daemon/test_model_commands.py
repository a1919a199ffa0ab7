"""`forewarn model list|show|promote|rollback` as a person meets them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.storage.models import ModelStore
from daemon.storage.moves import Action, Move, MoveStore
from forecaster.training import fit
from tests.conftest import run_apart
from tests.daemon.command_line import Forewarn
from tests.forecaster.planted import planted

NOW = datetime(2026, 1, 5, 21, tzinfo=UTC)
MODEL = fit(planted(0.5, sessions=200, tickers=20), version=1)
WORDS = ("list", "show", "promote", "rollback")


async def fill(url: str, versions: tuple[int, ...], used: tuple[int, ...]) -> None:
    store = Database(url)
    await upgrade(store)
    async with store.write() as connection:
        for version in versions:
            await ModelStore(connection).add(replace(MODEL, version=version), "a set")
        before = None
        for version in used:
            action = Action.RENEW if before else Action.FIRST
            move = Move(NOW, date(2026, 1, 5), action, version, before, "forewarn", f"reason {version}")
            await MoveStore(connection).add(move)
            before = version
    await store.aclose()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "models.db"
    run_apart(fill(f"sqlite:///{path}", (1, 2, 3), (1, 2)))
    return path


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> str:
    """A store with three models: 1 was in use, 2 is, 3 waits."""
    shutil.copy(filled, tmp_path / "models.db")
    return f"sqlite:///{tmp_path / 'models.db'}"


@pytest.fixture
def empty(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    run_apart(fill(url, (), ()))
    return url


def test_the_list_says_which_is_in_use_and_which_waits(forewarn: Forewarn, store: str) -> None:
    done = forewarn("model", "list", "--database", store)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "2 in use" in lines[2]
    assert "reason 2" in lines[2]
    assert lines[3].split()[0] == "3"
    assert "waits" in lines[3]
    told = json.loads(forewarn("model", "list", "--json", "--database", store).stdout)
    assert told["in_use"] == 2
    assert [one["in_use"] for one in told["models"]] == [False, True, False]
    assert [one["action"] for one in told["moves"]] == ["first", "renew"]


def test_one_is_shown_whole_the_one_in_use_by_default(forewarn: Forewarn, store: str) -> None:
    done = forewarn("model", "show", "--database", store)
    assert "Model 2, in use" in done.stdout
    assert MODEL.data_hash[:16] in done.stdout
    assert "Model 3, not in use" in forewarn("model", "show", "3", "--database", store).stdout
    told = json.loads(forewarn("model", "show", "1", "--json", "--database", store).stdout)
    assert told["version"] == 1
    assert told["parameters"]["signals"]


def test_what_was_not_measured_is_said_so(forewarn: Forewarn, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'models.db'}"
    nan = float("nan")
    unmeasured = replace(MODEL.metrics, slope=nan, slope_error=nan, log_loss_gain=nan)

    async def go() -> None:
        store = Database(url)
        await upgrade(store)
        async with store.write() as connection:
            await ModelStore(connection).add(replace(MODEL, metrics=unmeasured), "a set")
        await store.aclose()

    run_apart(go())
    shown = " ".join(forewarn("model", "show", "1", "--database", url).stdout.split())
    assert "slope not measured, nats a forecast over the base rate not measured" in shown
    listed = forewarn("model", "list", "--database", url).stdout
    assert "not measured" in listed
    assert "nan" not in shown + listed


def test_a_rollback_goes_back_and_a_second_one_does_not_come_forward(forewarn: Forewarn, store: str) -> None:
    first = forewarn("model", "rollback", "--reason", "worse", "--by", "ann", "--database", store)
    assert first.returncode == 0
    assert "Model 1 is in use instead of 2" in first.stdout
    second = forewarn("model", "rollback", "--reason", "better", "--by", "ann", "--database", store)
    assert (second.returncode, "nothing to go back to" in second.stderr) == (1, True)
    third = forewarn("model", "rollback", "2", "--reason", "better", "--by", "ann", "--database", store)
    assert "model 2 came after the one in use and was gone back from" in third.stderr
    told = json.loads(forewarn("model", "list", "--json", "--database", store).stdout)
    assert told["in_use"] == 1
    assert [(one["version"], one["reason"]) for one in told["moves"][2:]] == [(1, "worse")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "9"), "no model has the number 9"),
        (("promote", "9"), "there is no model 9"),
        (("promote", "2"), "model 2 is in use already"),
        (("promote", "3"), "model 3 stays"),
        (("rollback", "9", "--reason", "x"), "there is no model 9"),
        (("rollback", "2", "--reason", "x"), "model 2 is in use already"),
        (("rollback", "3", "--reason", "x"), "model 3 was never in use"),
        (("rollback", "--reason", " "), "a rollback needs a reason"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    forewarn: Forewarn, store: str, words: tuple[str, ...], said: str
) -> None:
    done = forewarn("model", *words, "--database", store)
    assert done.returncode == 1
    assert done.stderr.startswith("forewarn: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(forewarn("model", "list", "--json", "--database", store).stdout)["in_use"] == 2


@pytest.mark.parametrize("words", [("promote", "1"), ("rollback", "--reason", "x")])
def test_an_empty_store_has_none_in_use(forewarn: Forewarn, empty: str, words: tuple[str, ...]) -> None:
    done = forewarn("model", *words, "--database", empty)
    assert (done.returncode, "no model is in use yet" in done.stderr) == (1, True)


def test_an_empty_store_lists_none_and_shows_none(forewarn: Forewarn, empty: str) -> None:
    assert "No model has been fitted yet" in forewarn("model", "list", "--database", empty).stdout
    told = json.loads(forewarn("model", "list", "--json", "--database", empty).stdout)
    assert told == {"in_use": None, "models": [], "moves": []}
    assert "no model is in use" in forewarn("model", "show", "--database", empty).stderr


@pytest.mark.parametrize("word", WORDS)
def test_where_there_is_no_store_the_option_is_named(forewarn: Forewarn, tmp_path: Path, word: str) -> None:
    more = {"promote": ("1",), "rollback": ("--reason", "x")}.get(word, ())
    done = forewarn("model", word, *more, "--database", f"sqlite:///{tmp_path / 'none.db'}")
    assert done.returncode == 3
    assert "check --database" in done.stderr
    assert not (tmp_path / "none.db").exists()


def test_a_rollback_loads_no_library_of_numbers() -> None:
    asked = "import sys, daemon.cli.main, daemon.commands.model_rollback; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    assert not {"numpy", "pandas", "scipy", "sklearn", "alembic"} & set(run.stdout.split())
