"""`forewarn features TICKER`: what it prints and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from daemon.cli.main import main
from forecaster.features import FEATURE_NAMES, FEATURES

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def go(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forewarn", "features", *words])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return (code, *capfd.readouterr())

    return go


def prices(path: Path, tickers: tuple[str, ...], sessions: int) -> str:
    rng = np.random.default_rng(8)
    days = [date(2020, 1, 1) + timedelta(days=i) for i in range(sessions)]
    frames = []
    for ticker in tickers:
        close = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal(sessions)))
        bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1e6}
        frames.append(pd.DataFrame({"date": days, "ticker": ticker, **bars}))
    pd.concat(frames).to_csv(path, index=False)
    return str(path)


def test_the_sample_set_answers_for_every_feature_without_a_file(run: Run) -> None:
    code, out, err = run("aapl", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert (answer["ticker"], answer["session"], answer["universe"]) == ("AAPL", "2012-12-31", 6)
    assert tuple(one["feature"] for one in answer["features"]) == FEATURE_NAMES
    found = {one["feature"]: one for one in answer["features"]}
    assert found["beta_63"]["value"] == pytest.approx(1.763, abs=1e-3)
    assert (found["beta_63"]["rank"], found["beta_63"]["known"], found["beta_63"]["tier"]) == (6, 6, "exact")
    assert found["breadth_50"]["rank"] is None  # the same for all
    assert found["off_exchange_share"] == {
        **found["off_exchange_share"],
        "value": None,
        "rank": None,
        "known": 0,
        "tier": "missing",
        "why": "needs off_exchange_volume",
    }


def test_the_table_shows_value_rank_tier_and_formula(run: Run) -> None:
    code, out, _ = run("IBM", "--session", "2008-10-10")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].strip() == "IBM at the close of 2008-10-10, among 6 tickers"
    row = next(line for line in lines if line.startswith("return_5 "))
    assert " 4 of 6 " in row
    assert row.rstrip().endswith("close / close[5] - 1")
    assert "exact" in row
    assert next(line for line in lines if line.startswith("breadth_20 ")).split()[3] == "equal"
    assert next(line for line in lines if line.startswith("beta_btc_63 ")).rstrip().endswith("needs btc")
    assert len(lines) >= len(FEATURES) + 2


def test_a_file_may_hold_the_market_wide_series(run: Run, tmp_path: Path) -> None:
    file = prices(tmp_path / "p.csv", ("AAA", "BBB", "BTC-USD", "^VIX", "UUP"), 90)
    answer = json.loads(run("BBB", "--prices", file, "--json")[1])
    assert answer["universe"] == 2
    found = {one["feature"]: one for one in answer["features"]}
    tiers = {"beta_btc_63": "delayed", "correlation_vix_63": "exact", "beta_dollar_63": "exact"}
    for name, tier in tiers.items():  # a bitcoin's day ends after the stock market's
        assert found[name]["tier"] == tier
        assert found[name]["value"] is not None
    assert found["beta_us10y_63"]["why"] == "needs us10y"
    assert found["trend_200"]["why"] == "needs 200 sessions, there are 90"
    assert found["trend_200"]["tier"] == "missing"


def test_a_hole_in_the_bars_is_named_as_the_reason(run: Run, tmp_path: Path) -> None:
    file = Path(prices(tmp_path / "p.csv", ("AAA", "BBB"), 90))
    frame = pd.read_csv(file)
    frame.drop(frame.index[(frame["ticker"] == "AAA") & (frame["date"] == "2020-03-20")]).to_csv(
        file, index=False
    )
    found = {
        one["feature"]: one for one in json.loads(run("AAA", "--prices", str(file), "--json")[1])["features"]
    }
    assert found["return_5"]["value"] is not None
    assert found["trend_20"]["why"] == "one of its 20 sessions is unknown or impossible"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("AAPLE",), "there is no ticker 'AAPLE' to forecast; did you mean AAPL?"),
        (("^GSPC",), "there is no ticker '^GSPC' to forecast; it holds AAPL, AMZN, GOOG, IBM, MSFT, NVDA"),
        (("IBM", "--session", "2012-12-30"), "there is no session 2012-12-30; the nearest is 2012-12-31"),
        (("IBM", "--prices", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(run: Run, words: tuple[str, ...], message: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (3, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_date_that_is_none_is_wrong_usage(run: Run) -> None:
    code, _, err = run("IBM", "--session", "yesterday")
    assert code == 2
    assert "yesterday" in err
