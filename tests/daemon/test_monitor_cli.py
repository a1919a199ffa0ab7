"""`forewarn monitor` over tables of one's own: what it prints, draws and exits with."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daemon.cli.main import main

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
        (("performance", "t.csv", "--return", "name"), "column 'name', row 1 holds 'x', numbers are needed"),
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
    code, out, err = run(*words, "--json")
    assert (code, text in err) == (3, True)
    error = json.loads(out)["error"]
    assert (error["kind"], error["exit_code"], text in error["message"]) == ("bad_input", 3, True)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("nowhere/p.png", "--plot nowhere/p.png: cannot be written: there is no folder nowhere"),
        ("p.txt", "--plot p.txt: unknown kind of picture; give .png, .svg, .pdf"),
        ("folder.png", "--plot folder.png: cannot be written"),
    ],
)
def test_a_picture_that_cannot_be_written_is_bad_input(
    run: Run, tmp_path: Path, path: str, text: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    name = table(tmp_path, "r.csv", ret=np.random.default_rng(5).normal(0.001, 0.01, 600))
    code, out, err = run("performance", name, "--return", "ret", "--plot", path)
    assert (code, out) == (3, "")
    assert text in err


COMMANDS = {
    "drift": ("drift", "t{}", "t{}"),
    "drift --column": ("drift", "t{}", "t{}", "--column", "a"),
    "calibration": ("calibration", "t{}", "--probability", "a", "--outcome", "a"),
    "performance": ("performance", "t{}", "--return", "a"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_column_of_nothing_cannot_be_judged_whatever_is_asked(
    run: Run, tmp_path: Path, command: str, suffix: str
) -> None:
    table(tmp_path, f"t{suffix}", a=[None] * 50, name=["x"] * 50)
    code, out, err = run(*(word.format(suffix) for word in COMMANDS[command]), "--json")
    assert (code, err) == (2, "")
    assert json.loads(out)["verdict"] == "no_data"


@pytest.mark.parametrize("name", ["R.CSV", "R.PARQUET", "R.Csv.Gz"])
def test_the_case_of_a_file_name_does_not_matter(run: Run, tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"ret": np.random.default_rng(5).normal(0.001, 0.01, 600)})
    if name.endswith("PARQUET"):
        frame.to_parquet(tmp_path / name)
    else:
        frame.to_csv(tmp_path / name, index=False, compression="gzip" if name.endswith("Gz") else None)
    assert run("performance", name, "--return", "ret")[0] == 0


def test_decimals_are_numbers(run: Run, tmp_path: Path) -> None:
    returns = [
        Decimal(round(1e4 * one)) / 10_000 for one in np.random.default_rng(5).normal(0.001, 0.01, 300)
    ]
    for width in (pa.decimal128(10, 4), pa.decimal256(40, 4)):
        pq.write_table(pa.table({"ret": pa.array(returns, width)}), tmp_path / "d.parquet")
        code, out, _ = run("performance", "d.parquet", "--return", "ret", "--json")
        assert code == 0
        assert json.loads(out)["readings"][0]["value"] == pytest.approx(float(sum(returns)) / 300)


def dated(times: object) -> pd.DataFrame:
    """Forecasts that were right for half a year and wrong after it, in a random order."""
    rng = np.random.default_rng(11)
    stated = np.full(366, 0.7)
    came = np.where(np.arange(366) < 183, rng.random(366) < 0.7, rng.random(366) < 0.2).astype(int)
    return pd.DataFrame({"p": stated, "y": came, "t": times}).sample(frac=1.0, random_state=3)


def written_dates() -> dict[str, list[object]]:
    days = [date(2023, 7, 1) + timedelta(days=i) for i in range(366)]
    return {
        "iso": [day.isoformat() for day in days],
        "month first": [f"{day.month}/{day.day}/{day.year}" for day in days],
        "day first": [f"{day.day}/{day.month}/{day.year}" for day in days],
        "dotted": [f"{day:%d.%m.%Y} 09:30" for day in days],
        "epoch": [86_400 * i + 1_688_000_000 for i in range(366)],
        "zones": [
            f"{day.isoformat()}T12:00:00{'+05:00' if i % 2 else '-05:00'}" for i, day in enumerate(days)
        ],
    }


@pytest.mark.parametrize("kind", written_dates())
def test_dates_are_sorted_as_dates_however_they_are_written(run: Run, tmp_path: Path, kind: str) -> None:
    answers = []
    for name, times in (("a.csv", np.arange(366)), ("b.csv", written_dates()[kind])):
        dated(times).to_csv(tmp_path / name, index=False)
        words = ("--probability", "p", "--outcome", "y", "--time", "t", "--json")
        code, out, err = run("calibration", name, *words)
        assert (code, err) == (1, "")
        answers.append(json.loads(out))
    assert answers[1] == answers[0]


def test_dates_and_times_of_a_parquet_file_are_sorted_as_such(run: Run, tmp_path: Path) -> None:
    answers = []
    days = pd.date_range("2023-07-01", periods=366, tz="America/New_York")
    for times in (np.arange(366), days, [day.date() for day in days], [str(day) for day in days]):
        dated(times).to_parquet(tmp_path / "t.parquet")
        words = ("--probability", "p", "--outcome", "y", "--time", "t", "--json")
        answers.append(json.loads(run("calibration", "t.parquet", *words)[1]))
    assert answers[1:] == answers[:1] * 3


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (
            ["1/2/2024", "3/4/2024"],
            "row 1 holds '1/2/2024', which could be either of two days; write 2024-01-31",
        ),
        (["31/1/2024", "1/31/2024"], "row 2 holds '1/31/2024', which is no day"),
        (["Jan 2, 2024", "Jan 3, 2024"], "row 1 holds 'Jan 2, 2024', which is no date or time"),
        (["1/31/2024", "soon"], "row 2 holds 'soon', but row 1 is written like '1/31/2024'"),
        (["2024-01-02T10:00:00Z", "2024-01-02T10:00"], "but row 1 has a zone"),
        (["2024-01-02", ""], "row 2 is empty; fill it"),
        (["10:00:00", "11:00:00"], "without a date"),
        (["true", "false"], "times are needed"),
    ],
)
def test_a_time_that_cannot_be_sorted_is_named(run: Run, tmp_path: Path, times: list[str], text: str) -> None:
    table(tmp_path, "t.csv", p=[0.5, 0.6], y=[0, 1], t=times)
    code, out, err = run("calibration", "t.csv", "--probability", "p", "--outcome", "y", "--time", "t")
    assert (code, out) == (3, "")
    assert "t.csv: column 't'" in err
    assert text in err


@pytest.mark.parametrize("name", ["[/]", "a[/b]", "[bold]x"])
def test_a_name_that_looks_like_markup_is_printed_as_it_is(run: Run, tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(3)
    older = table(tmp_path, "old[x].csv", **{name: rng.normal(size=2000), "b": rng.normal(size=2000)})
    newer = table(tmp_path, "new[x].csv", **{name: rng.normal(size=250), "b": rng.normal(size=250)})
    code, out, err = run("drift", older, newer)
    assert (code, err) == (0, "")
    assert name in out
    assert "new[x].csv against old[x].csv" in out
    stated = rng.uniform(0.3, 0.7, 200)
    came = (rng.random(200) < stated).astype(int)
    forecasts = table(tmp_path, "f.csv", p=stated, y=came, g=[name] * 200)
    code, out, err = run("calibration", forecasts, "--probability", "p", "--outcome", "y", "--group", "g")
    assert (code, err) == (0, "")
    assert name in out


def test_a_fault_of_our_own_is_no_breach_and_keeps_its_traceback(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(values: object, **_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("daemon.commands.monitor.performance_report", fail)
    name = table(tmp_path, "r.csv", ret=np.full(50, 0.01))
    code, out, err = run("performance", name, "--return", "ret")
    assert (code, out) == (4, "")
    assert "Traceback" in err
    assert "RuntimeError: planted" in err


@pytest.mark.parametrize("cell", ["foo", "-", "1,5"])
@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize("asked", [(), ("--column", "a")])
def test_one_bad_cell_is_named_and_no_breach(
    run: Run, tmp_path: Path, cell: str, side: str, asked: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(3)
    for name, rows in (("old", 2000), ("new", 250)):
        values: list[object] = list(rng.normal(size=rows))
        if name == side:
            values[4], values[7] = "N/A", cell
        table(tmp_path, f"{name}.csv", a=values, b=rng.normal(size=rows))
    code, out, err = run("drift", "old.csv", "new.csv", *asked)
    assert (code, out) == (3, "")
    assert f"{side}.csv: column 'a', row 8 holds '{cell}', numbers are needed" in err


def test_a_column_of_words_is_left_out_and_one_asked_for_twice_is_tested_once(
    run: Run, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    for name, rows in (("old.csv", 2000), ("new.csv", 250)):
        table(tmp_path, name, a=rng.normal(size=rows), word=["up", "3"] * 25 + ["down"] * (rows - 50))
    code, out, _ = run("drift", "old.csv", "new.csv", "--json")
    assert code == 0
    assert {one["subject"] for one in json.loads(out)["readings"]} == {"a", "features"}
    once = run("drift", "old.csv", "new.csv", "--json", "--column", "a")
    assert run("drift", "old.csv", "new.csv", "--json", "--column", "a", "--column", "a") == once
    code, _, err = run("drift", "old.csv", "new.csv", "--column", "word")
    assert code == 3
    assert "column 'word', row 1 holds 'up'" in err


def test_the_table_shows_no_empty_clause_and_no_negative_zero(run: Run, tmp_path: Path) -> None:
    stated = np.random.default_rng(4).uniform(0.2, 0.8, 2000)
    name = table(tmp_path, "f.csv", p=stated, y=(stated > 0.5).astype(int))
    code, out, _ = run("calibration", name, "--probability", "p", "--outcome", "y")
    assert code == 1
    assert "spiegelhalter_z" in out
    assert not re.findall(r"^\S+ \S+: *$", out, re.MULTILINE)
    rising = table(tmp_path, "r.csv", ret=np.random.default_rng(5).uniform(0.001, 0.01, 300))
    for words in ((), ("--json",)):
        _, out, _ = run("performance", rising, "--return", "ret", *words)
        assert not [word for word in out.replace(",", " ").split() if word in {"-0", "-0.0"}]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "Usage"),
        (("--nope",), "No such option: --nope"),
        (("drfit", "a.csv", "b.csv"), "No such command 'drfit'"),
        (("drift",), "Missing argument"),
        (("drift", "a.csv", "b.csv", "--nope"), "No such option: --nope"),
        (("performance", "a.csv"), "Missing option '--return'"),
        (("drift", "none.csv", "none.csv"), "none.csv: cannot be read"),
    ],
)
def test_wrong_usage_is_bad_input_so_that_2_means_cannot_judge(
    run: Run, words: tuple[str, ...], text: str
) -> None:
    code, out, err = run(*words)
    assert code == 3
    assert text in out + err
    if words:
        code, out, _ = run(*words, "--json")
        error = json.loads(out)["error"]
        assert (code, error["exit_code"]) == (3, 3)
        assert text in error["message"]


def test_a_reference_too_short_for_windows_of_its_own_says_so_in_words(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    older = table(tmp_path, "short.csv", a=rng.normal(size=400), b=rng.normal(size=400))
    newer = table(tmp_path, "new.csv", a=rng.normal(size=250), b=rng.normal(size=250))
    code, out, _ = run("drift", older, newer)
    assert code == 0
    assert "(chi-square)" in out
    assert "(effective n)" in out
    assert "short.csv holds too few windows as long as new.csv" in out
    readings = json.loads(run("drift", older, newer, "--json")[1])["readings"]
    details = {one["metric"]: one["detail"] for one in readings if one["subject"] == "a"}
    assert "too short for windows of its own: Yurdakul's chi-square rule" in details["psi"]
    assert "too short for windows of its own: Kolmogorov's law with effective sample" in details["ks"]
    long = table(tmp_path, "long.csv", a=rng.normal(size=4000), b=rng.normal(size=4000))
    code, out, _ = run("drift", long, newer)
    assert "chi-square" not in out + run("drift", long, newer, "--json")[1]


def test_columns_that_hold_infinite_values_are_named_by_the_check_of_all_together(
    run: Run, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    older = table(tmp_path, "old.csv", **{name: rng.normal(size=4000) for name in "abc"})
    values = {name: rng.normal(size=250) for name in "abc"}
    values["a"][5], values["b"][:40] = np.inf, -np.inf
    _, out, _ = run("drift", older, table(tmp_path, "new.csv", **values))
    told = " ".join(out.split())
    assert "left out: b (infinite); values left out: a (1 infinite)" in told
    values["a"][:40] = np.inf
    answer = json.loads(run("drift", older, table(tmp_path, "new.csv", **values), "--json")[1])
    joint = next(one for one in answer["readings"] if one["metric"] == "domain_auc")
    assert (joint["state"], joint["reason"]) == ("no_data", "infinite")
    assert "a (infinite), b (infinite)" in joint["detail"]


def test_groups_too_small_to_judge_are_never_ok(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    stated = rng.uniform(0.2, 0.8, 3000)
    came = (rng.random(3000) < stated).astype(int)
    name = table(tmp_path, "f.csv", p=stated, y=came, kind=np.where(np.arange(3000) < 50, "few", "many"))
    words = ("calibration", name, "--probability", "p", "--outcome", "y", "--group", "kind", "--json")
    code, out, _ = run(*words)
    assert code == 0
    readings = json.loads(out)["readings"]
    assert {one["state"] for one in readings if one["subject"] == "few"} == {"no_data"}
    assert {one["state"] for one in readings if one["subject"] == "many"} == {"ok"}
    assert [one["metric"] for one in readings if one["subject"] == "groups"] == ["calibration_evidence"]


def test_columns_left_out_are_named(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name, rows in (("old.csv", 4000), ("new.csv", 250)):
        share, cells = ["0.3%"] * rows, ["1,234"] * rows
        table(tmp_path, name, a=rng.normal(size=rows), share=share, cells=cells)
    code, out, _ = run("drift", "old.csv", "new.csv")
    assert code == 0
    assert "Left out, no numbers in either file: share, cells" in out
    notes = json.loads(run("drift", "old.csv", "new.csv", "--json")[1])["notes"]
    assert notes == ["Left out, no numbers in either file: share, cells"]


def test_a_column_of_text_in_the_reference_alone_cannot_be_judged(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    table(tmp_path, "old.csv", a=rng.normal(size=4000), b=["n/a!"] * 4000)
    table(tmp_path, "new.csv", a=rng.normal(size=250), b=rng.normal(size=250))
    answer = json.loads(run("drift", "old.csv", "new.csv", "--json")[1])
    assert {one["state"] for one in answer["readings"] if one["subject"] == "b"} == {"no_data"}
    assert "No numbers in old.csv: b" in answer["notes"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_whole_numbers_too_great_for_a_float_are_rounded(run: Run, tmp_path: Path, kind: pa.DataType) -> None:
    values = [2**60 + 7 * i for i in range(300)]
    pq.write_table(pa.table({"a": pa.array(values, kind)}), tmp_path / "t.parquet")
    assert run("drift", "t.parquet", "t.parquet")[0] in {0, 1, 2}


def test_a_column_of_lists_is_bad_input(run: Run, tmp_path: Path) -> None:
    lists = pa.array([[0.1, 0.2]] * 50)
    numbers = pa.array([0.5] * 50)
    pq.write_table(pa.table({"a": lists, "p": numbers}), tmp_path / "t.parquet")
    code, _, err = run("performance", "t.parquet", "--return", "a")
    assert (code, "column 'a' holds list<" in err) == (3, True)
    words = ("calibration", "t.parquet", "--probability", "p", "--outcome", "p", "--group", "a")
    code, _, err = run(*words)
    assert (code, "column 'a' holds list<" in err) == (3, True)


def test_dictionary_columns_hold_what_they_stand_for(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    stated = np.round(rng.uniform(0.2, 0.8, 600), 2)
    came = (rng.random(600) < stated).astype(float)
    columns = {
        "p": pa.array(stated).dictionary_encode(),
        "y": pa.array(came).dictionary_encode(),
        "day": pa.array([f"2024-01-{1 + i % 28:02}" for i in range(600)]).dictionary_encode(),
        "kind": pa.array(["a", "b"] * 300).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    words = ("calibration", "t.parquet", "--probability", "p", "--outcome", "y", "--time", "day")
    code, out, err = run(*words, "--group", "kind", "--json")
    assert (code, err) == (0, "")
    assert {one["subject"] for one in json.loads(out)["readings"]} >= {"all", "a", "b"}


def test_intervals_are_shown_in_every_state(run: Run, tmp_path: Path) -> None:
    name = table(tmp_path, "r.csv", ret=np.random.default_rng(5).normal(0.002, 0.01, 600))
    code, out, _ = run("performance", name, "--return", "ret", "--json")
    readings = {one["metric"]: one for one in json.loads(out)["readings"]}
    low, high = readings["expectancy"]["interval"]
    assert (code, low < readings["expectancy"]["value"] < high) == (0, True)
    assert readings["drawdown"]["interval"] is None
    text = run("performance", name, "--return", "ret")[1]
    assert f"{low:.4g} to {high:.4g}" in text


def test_overlap_and_bound_are_taken_from_the_command_line(run: Run, tmp_path: Path) -> None:
    name = table(tmp_path, "r.csv", ret=np.random.default_rng(5).normal(-0.005, 0.01, 600))
    assert run("performance", name, "--return", "ret")[0] == 1
    assert run("performance", name, "--return", "ret", "--overlap", "10")[0] == 0
    out = run("performance", name, "--return", "ret", "--bound", "0.5", "--json")[1]
    assert "-50% to +50%" in json.loads(out)["readings"][0]["detail"]
    assert run("performance", name, "--return", "ret", "--overlap", "0")[0] == 3
