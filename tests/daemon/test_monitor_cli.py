"""`forewarn monitor` over tables of one's own: what it prints, draws and exits with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from daemon.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def go(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forewarn", "monitor", *words])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return (code, *capfd.readouterr())

    return go


def table(folder: Path, name: str, /, **columns: object) -> str:
    frame = pd.DataFrame(columns)
    path = folder / name
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return name


@pytest.mark.parametrize(("shift", "code", "verdict"), [(0.0, 0, "ok"), (0.8, 1, "breach")])
def test_drift_tells_a_shift_from_none(
    run: Run, tmp_path: Path, shift: float, code: int, verdict: str
) -> None:
    rng = np.random.default_rng(3)
    older = table(tmp_path, "old.csv", a=rng.normal(size=4000), b=rng.normal(size=4000))
    newer = table(tmp_path, "new.parquet", a=rng.normal(size=250) + shift, b=rng.normal(size=250))
    found, out, err = run("drift", older, newer, "--json", "--plot", "drift.png")
    assert (found, err) == (code, "")
    answer = json.loads(out)
    assert answer["verdict"] == verdict
    assert {one["metric"] for one in answer["readings"]} >= {"psi", "ks", "drift_share"}
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")
    _, text, _ = run("drift", older, newer, "--column", "a")
    assert f"Verdict: {verdict}" in text
    assert " b " not in text


def test_a_window_too_small_to_judge_says_so(run: Run, tmp_path: Path) -> None:
    older = table(tmp_path, "old.csv", a=np.arange(500.0))
    newer = table(tmp_path, "new.csv", a=[1.0])
    code, out, _ = run("drift", older, newer, "--json")
    assert code == 2
    assert json.loads(out)["verdict"] == "no_data"


@pytest.mark.parametrize("lost", ["gone", "empty", "text"])
def test_a_column_without_numbers_is_never_ok(run: Run, tmp_path: Path, lost: str) -> None:
    rng = np.random.default_rng(3)
    older = table(tmp_path, "old.csv", a=rng.normal(size=4000), b=rng.normal(size=4000))
    cells: dict[str, dict[str, list[object]]] = {
        "gone": {},
        "empty": {"a": [None] * 250},
        "text": {"a": ["n/a!"] * 250},
    }
    newer = table(tmp_path, "new.csv", b=rng.normal(size=250), **cells[lost])
    code, out, _ = run("drift", older, newer)
    assert code == 1
    assert "No numbers in new.csv: a" in out
    assert "data_quality" in out


@pytest.mark.parametrize(("edge", "code"), [(1.0, 0), (0.0, 1)])
def test_calibration_tells_a_claimed_edge_from_a_real_one(
    run: Run, tmp_path: Path, edge: float, code: int
) -> None:
    rng = np.random.default_rng(4)
    stated = rng.uniform(0.2, 0.8, 3000)
    came = (rng.random(3000) < 0.5 + edge * (stated - 0.5)).astype(int)
    name = table(tmp_path, "f.csv", p=stated, y=came, day=np.arange(3000) // 3, kind=np.arange(3000) % 2)
    words = ("calibration", name, "--probability", "p", "--outcome", "y", "--time", "day", "--group", "kind")
    found, out, err = run(*words, "--plot", "c.png")
    assert (found, err) == (code, "")
    assert "brier" in out
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_performance_finds_a_series_that_loses(run: Run, tmp_path: Path) -> None:
    losing = np.random.default_rng(5).normal(-0.005, 0.01, 600)
    name = table(tmp_path, "r.csv", ret=losing)
    code, out, _ = run("performance", name, "--return", "ret", "--json", "--plot", "p.png")
    assert code == 1
    assert json.loads(out)["verdict"] == "breach"
    assert (tmp_path / "p.png").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("drift", "none.csv", "none.csv"), "none.csv: cannot be read"),
        (("drift", "data.txt", "data.txt"), "data.txt: unknown kind of file"),
        (("performance", "t.csv", "--return", "retrun"), "no column 'retrun'; did you mean 'return'?"),
        (("performance", "t.csv", "--return", "name"), "column 'name' holds 'x', numbers are needed"),
        (("calibration", "t.csv", "--probability", "return", "--outcome", "return"), "t.csv: columns"),
        (("performance", "empty.csv", "--return", "a"), "empty.csv: the table has no rows"),
        (("performance", "t.csv", "--return", "return"), "row 2 holds -3: returns are fractions"),
        (("drift", "twice.csv", "twice.csv"), "two columns are named 'a'"),
    ],
)
def test_bad_tables_are_named(run: Run, tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    (tmp_path / "data.txt").touch()
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n", encoding="utf-8")
    table(tmp_path, "t.csv", **{"return": [0.5, -3.0], "name": ["x", "y"]})
    table(tmp_path, "empty.csv", a=[])
    code, out, err = run(*words)
    assert (code, out) == (3, "")
    assert text in err


def test_a_picture_that_cannot_be_written_is_bad_input(run: Run, tmp_path: Path) -> None:
    name = table(tmp_path, "r.csv", ret=np.random.default_rng(5).normal(0.001, 0.01, 600))
    code, out, err = run("performance", name, "--return", "ret", "--plot", "nowhere/p.png")
    assert code == 3
    assert "--plot nowhere/p.png: cannot be written" in err
    assert "Verdict" in out
