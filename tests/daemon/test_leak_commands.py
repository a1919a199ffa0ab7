"""`forewarn leaks`: what it prints, its exit codes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.leaks import PLANTS, Check, Record, Report, Result, Subject, examine
from backtest.leaks.suite import Planted
from daemon.commands import leaks as leak_commands
from forecaster.features import FEATURES
from tests.daemon.command_line import Forewarn

CLEAN = Result(Check.TRUNCATION, "features", columns=87, compared=870)
LEAKING = replace(
    CLEAN, misses=3, leaking=("momentum_63",), said="momentum_63 of A on 2020-02-03: 1 becomes 2"
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the suite find this instead of looking."""

    def find(*own: Result, caught: bool = True) -> None:
        by = Result(PLANTS[0].caught_by, "planted", misses=int(caught))
        report = Report(own, (Planted(PLANTS[0], "planted", (by,)),))
        monkeypatch.setattr(leak_commands, "examine", lambda record, tell: report)

    return find


def prices(path: Path, tickers: int, sessions: int) -> str:
    rng = np.random.default_rng(8)
    days = [date(2019, 1, 1) + timedelta(days=i) for i in range(sessions)]
    frames = []
    for ticker in [f"T{i}" for i in range(tickers)]:
        close = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal(sessions)))
        bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1e6}
        frames.append(pd.DataFrame({"date": days, "ticker": ticker, **bars}))
    pd.concat(frames).to_csv(path, index=False)
    return str(path)


def test_any_price_file_is_examined_with_the_series_as_the_daemon_joins_them(
    forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Record] = []

    def few(record: Record, tell: Callable[[str, int, int], None]) -> Report:
        seen.append(record)
        mine = Subject.of_panel("mine", lambda panel: panel.close / panel.open)
        return examine(record, subjects=(mine,), plants=PLANTS[:1], n=2, tell=tell)

    monkeypatch.setattr(leak_commands, "examine", few)
    done = forewarn("leaks", "--prices", prices(tmp_path / "a.csv", 4, 700), "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["prices"], answer["clean"]) == (0, "a.csv", True)
    assert [one["subject"] for one in answer["own"]] == ["mine"] * 7
    assert answer["planted"][0]["caught"] is True
    assert "BTC-USD" in answer["made_up"]
    window = seen[0].window()
    assert {"btc", "us10y", "vix", "dollar"} <= set(window.series)
    assert all(feature.absent(window) == () for feature in FEATURES)


def test_a_clean_forecaster_is_said_to_be_clean_and_what_cannot_be_seen_is_said(
    forewarn: Forewarn, told: Callable[..., None]
) -> None:
    told(CLEAN)
    done = forewarn("leaks")
    assert done.returncode == 0
    assert "No leak: 870 values compared, 87 features among them; none differs." in done.stdout
    assert "1 of 1 planted leaks found." in done.stdout
    assert "It cannot see a leak that is in the price file already" in done.stdout


def test_a_leak_is_named_and_ends_with_exit_code_1(forewarn: Forewarn, told: Callable[..., None]) -> None:
    told(CLEAN, LEAKING)
    done = forewarn("leaks")
    assert done.returncode == 1
    assert "LEAK  features, truncation: momentum_63 of A on 2020-02-03: 1 becomes 2" in done.stdout
    assert "No leak" not in done.stdout


def test_a_planted_leak_that_is_missed_ends_with_exit_code_1(
    forewarn: Forewarn, told: Callable[..., None]
) -> None:
    told(CLEAN, caught=False)
    done = forewarn("leaks")
    assert done.returncode == 1
    assert "MISSED" in done.stdout
    assert "0 of 1 planted leaks found." in done.stdout


def test_features_without_a_value_are_named(forewarn: Forewarn, told: Callable[..., None]) -> None:
    told(replace(CLEAN, unseen=("dark_index",)))
    assert "Not judged, for no value is known: dark_index." in forewarn("leaks").stdout


def test_dates_on_a_weekend_are_counted_and_named(
    forewarn: Forewarn, told: Callable[..., None], tmp_path: Path
) -> None:
    told(CLEAN)
    said = "200 dates fall on a weekend, the first is 2019-01-05: no calendar is asked"
    file = prices(tmp_path / "a.csv", 3, 700)  # every day of the week
    assert said in forewarn("leaks", "--prices", file).stdout
    assert json.loads(forewarn("leaks", "--prices", file, "--json").stdout)["weekend"].startswith(said)
    assert "weekend" not in forewarn("leaks").stdout


def test_a_date_after_today_is_refused(forewarn: Forewarn, told: Callable[..., None], tmp_path: Path) -> None:
    told(CLEAN)
    file = Path(prices(tmp_path / "a.csv", 3, 700))
    file.write_text(file.read_text() + "2100-01-04,T0,50,51,49,50,1000000\n")
    done = forewarn("leaks", "--prices", file)
    assert (done.returncode, done.stdout) == (3, "")
    assert "'2100-01-04' is after today, " in done.stderr


def test_a_large_file_is_cut_to_its_newest_sessions(
    forewarn: Forewarn, told: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(CLEAN)
    monkeypatch.setattr(leak_commands, "CELLS", 1)
    monkeypatch.setattr(leak_commands, "LEAST", 650)
    done = forewarn("leaks", "--prices", prices(tmp_path / "a.csv", 3, 700))
    assert done.returncode == 0
    assert f"3 tickers, {date(2019, 1, 1) + timedelta(days=50)} to " in done.stdout


def test_of_a_large_universe_some_tickers_are_taken_and_that_is_said(
    forewarn: Forewarn, told: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(CLEAN)
    monkeypatch.setattr(leak_commands, "MOST_TICKERS", 4)
    done = forewarn("leaks", "--prices", prices(tmp_path / "a.csv", 8, 620))
    assert "Leaks on a.csv, 4 of its 8 tickers: 4 tickers, " in done.stdout


@pytest.mark.parametrize(
    ("tickers", "sessions", "said"),
    [
        (2, 700, "2 tickers: at least 3 are needed"),
        (3, 599, "600 are needed"),
        (3, 1, "600 are needed"),
    ],
)
def test_too_small_a_file_is_one_line_and_exit_code_3(
    forewarn: Forewarn, tmp_path: Path, tickers: int, sessions: int, said: str
) -> None:
    done = forewarn("leaks", "--prices", prices(tmp_path / "a.csv", tickers, sessions))
    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_file_is_one_line_and_exit_code_3(forewarn: Forewarn, tmp_path: Path) -> None:
    done = forewarn("leaks", "--prices", tmp_path / "none.csv")
    assert done.returncode == 3
    assert "there is no such file" in done.stderr
