"""`forewarn features TICKER`: what it prints and what it refuses."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecaster.features import FEATURE_NAMES, FEATURES
from market.exchange import load_exchange
from market.short_volume import HEADER, file_name
from tests.daemon.command_line import Forewarn

SESSIONS = load_exchange("XNYS").sessions(date(2020, 1, 1), date(2021, 12, 31))


def prices(path: Path, tickers: tuple[str, ...], sessions: int) -> str:
    rng = np.random.default_rng(8)
    days = SESSIONS[:sessions]
    frames = []
    for ticker in tickers:
        close = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal(sessions)))
        bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1e6}
        frames.append(pd.DataFrame({"date": days, "ticker": ticker, **bars}))
    pd.concat(frames).to_csv(path, index=False)
    return str(path)


def test_the_sample_set_answers_for_every_feature_without_a_file(forewarn: Forewarn) -> None:
    done = forewarn("features", "aapl", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
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
        "why": "needs off_exchange; name market.short_volume",
    }


def test_the_table_shows_value_rank_tier_and_formula(forewarn: Forewarn) -> None:
    done = forewarn("features", "IBM", "--session", "2008-10-10")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].strip() == "IBM at the close of 2008-10-10, among 6 tickers"
    row = next(line for line in lines if line.startswith("return_5 "))
    assert " 4 of 6 " in row
    assert row.rstrip().endswith("close / close[5] - 1")
    assert "exact" in row
    assert next(line for line in lines if line.startswith("breadth_20 ")).split()[3] == "equal"
    assert next(line for line in lines if line.startswith("beta_btc_63 ")).rstrip().endswith("needs btc")
    assert len(lines) >= len(FEATURES) + 2


def test_a_file_may_hold_the_market_wide_series(forewarn: Forewarn, tmp_path: Path) -> None:
    file = prices(tmp_path / "p.csv", ("AAA", "BBB", "BTC-USD", "^VIX", "UUP"), 90)
    answer = json.loads(forewarn("features", "BBB", "--prices", file, "--json").stdout)
    assert answer["universe"] == 2
    found = {one["feature"]: one for one in answer["features"]}
    tiers = {"beta_btc_63": "delayed", "correlation_vix_63": "exact", "beta_dollar_63": "exact"}
    for name, tier in tiers.items():  # a bitcoin's day ends after the stock market's
        assert found[name]["tier"] == tier
        assert found[name]["value"] is not None
    assert found["beta_us10y_63"]["why"] == "needs us10y"
    assert found["trend_200"]["why"] == "needs 200 sessions, there are 90"
    assert found["trend_200"]["tier"] == "missing"


def test_a_hole_in_the_bars_is_named_as_the_reason(forewarn: Forewarn, tmp_path: Path) -> None:
    file = Path(prices(tmp_path / "p.csv", ("AAA", "BBB"), 90))
    frame = pd.read_csv(file)
    frame.drop(frame.index[(frame["ticker"] == "AAA") & (frame["date"] == f"{SESSIONS[79]}")]).to_csv(
        file, index=False
    )
    done = forewarn("features", "AAA", "--prices", file, "--json")
    found = {one["feature"]: one for one in json.loads(done.stdout)["features"]}
    assert found["return_5"]["value"] is not None
    assert found["trend_20"]["why"] == "close is unknown on 1 of its 20 sessions"


@pytest.fixture
def found(forewarn: Forewarn, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What is known of AAA, nothing of which was traded on the newest day; the splits of BBB are not told."""
    file = Path(prices(tmp_path / "p.csv", ("AAA", "BBB"), 90))
    frame = pd.read_csv(file)
    often = [f"{day}" for day in SESSIONS[8:90:9]]  # so that it is no fault
    frame.loc[frame["date"].isin(often), "volume"] = 0.0
    frame.to_csv(file, index=False)
    before = SESSIONS[88]
    rows = [f"{before:%Y%m%d}|{ticker}|100000|0|400000|Q" for ticker in ("AAA", "BBB")]
    (tmp_path / file_name(before)).write_text("\n".join(["|".join(HEADER), *rows, "2"]))
    (tmp_path / "splits.csv").write_text("ticker,session,ratio\nAAA,,\n")
    (tmp_path / "config.toml").write_text(
        '[market]\nshort_volume = "folder"\nshort_volume_folder = "."\nsplits_file = "splits.csv"\n'
    )
    words = ("--prices", file, "--config", "config.toml", "--json")
    return {
        ticker: {
            one["feature"]: one for one in json.loads(forewarn("features", ticker, *words).stdout)["features"]
        }
        for ticker in ("AAA", "BBB")
    }


def test_what_was_told_of_the_day_before_is_known_though_nothing_was_traded_on_the_newest(
    found: dict[str, dict[str, Any]],
) -> None:
    told = found["AAA"]
    assert (told["off_exchange_share"]["value"], told["off_exchange_share"]["tier"]) == (0.4, "delayed")
    assert (told["short_share"]["value"], told["dark_index"]["value"]) == (0.25, 0.25)


def test_why_a_value_is_unknown_names_the_input_or_says_that_it_is_undefined(
    found: dict[str, dict[str, Any]],
) -> None:
    own, other = found["AAA"], found["BBB"]
    assert own["off_exchange_z_60"]["why"] == "off_exchange is unknown on 59 of its 60 sessions"
    assert other["off_exchange_share"]["why"] == "off_exchange is unknown on 1 of its 1 sessions"
    assert own["after_hours_share"]["why"] == "needs premarket, postmarket; name market.minutes"
    assert own["amihud_20"]["why"] == "undefined: nothing moved or traded, or too few tickers or sectors"


def values(forewarn: Forewarn, *words: str) -> tuple[dict[str, float | None], list[str]]:
    """Return what is known of AAA by feature, and what is left out of the file."""
    answer = json.loads(forewarn("features", "AAA", *words, "--json").stdout)
    return {one["feature"]: one["value"] for one in answer["features"]}, answer["left_out"]


def test_a_bar_that_cannot_be_right_is_left_out_as_in_a_replay_and_named(
    forewarn: Forewarn, tmp_path: Path
) -> None:
    file = Path(prices(tmp_path / "p.csv", ("AAA", "BBB"), 90))
    frame = pd.read_csv(file)
    one = (frame["ticker"] == "AAA") & (frame["date"] == f"{SESSIONS[80]}")
    frame[~one].to_csv(tmp_path / "without.csv", index=False)
    frame.loc[one, ["open", "high", "low", "close"]] *= 100.0
    frame.to_csv(file, index=False)
    found, left_out = values(forewarn, "--prices", str(file))
    assert found == values(forewarn, "--prices", "without.csv")[0]
    assert [words.split(": ")[:2] for words in left_out] == [[f"AAA {SESSIONS[80]}", "unit_100x"]]
    told = forewarn("features", "AAA", "--prices", file).stdout
    assert f"1 x unit_100x, first AAA {SESSIONS[80]}" in told
    assert values(forewarn, "--prices", str(file), "--session", f"{SESSIONS[79]}")[1] == []


def test_a_row_that_cannot_be_a_bar_costs_that_bar_only(forewarn: Forewarn, tmp_path: Path) -> None:
    file = Path(prices(tmp_path / "p.csv", ("AAA", "BBB", "CCC"), 90))
    frame = pd.read_csv(file)
    frame.loc[(frame["ticker"] == "BBB") & (frame["date"] == f"{SESSIONS[80]}"), "low"] = 0.0
    frame.loc[frame["ticker"] == "CCC", "close"] = np.nan
    frame.to_csv(file, index=False)
    found, left_out = values(forewarn, "--prices", str(file))
    assert found["return_5"] is not None
    assert len(left_out) == 91
    assert next(words for words in left_out if words.startswith("BBB")).startswith(
        f"BBB {SESSIONS[80]}: price_unusable: row 171, column 'low': '0.0' is not above 0"
    )


def test_what_is_told_belongs_to_the_exchanges_session_before_and_not_to_the_row_before(
    forewarn: Forewarn, tmp_path: Path
) -> None:
    frame = pd.read_csv(prices(tmp_path / "p.csv", ("AAA", "BBB"), 90))
    frame[frame["date"] != f"{SESSIONS[88]}"].to_csv(tmp_path / "gap.csv", index=False)
    for day in SESSIONS[87:89]:
        (tmp_path / file_name(day)).write_text(
            "\n".join(["|".join(HEADER), f"{day:%Y%m%d}|AAA|100000|0|400000|Q", "1"])
        )
    (tmp_path / "splits.csv").write_text("ticker,session,ratio\nAAA,,\n")
    (tmp_path / "config.toml").write_text(
        '[market]\nshort_volume = "folder"\nshort_volume_folder = "."\nsplits_file = "splits.csv"\n'
    )
    config = ("--config", "config.toml")
    assert values(forewarn, "--prices", "p.csv", *config)[0]["off_exchange_share"] == 0.4
    assert values(forewarn, "--prices", "gap.csv", *config)[0]["off_exchange_share"] is None


def test_where_finra_is_named_it_is_said_that_this_command_asks_nobody(
    forewarn: Forewarn, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text('[market]\nshort_volume = "finra"\n')
    done = forewarn("features", "IBM", "--config", "config.toml", "--json")
    why = {one["feature"]: one["why"] for one in json.loads(done.stdout)["features"]}
    assert why["off_exchange_share"].startswith(
        "needs off_exchange; `forewarn run` alone asks FINRA: name a folder"
    )
    assert why["after_hours_share"] == "needs premarket, postmarket; name market.minutes"


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2100-01-04", "'2100-01-04' is after today, "),
        ("2020-02-01", "2020-02-01 is no session of XNYS (1 such dates); set market.calendar"),
    ],
)
def test_a_date_that_was_no_session_is_refused(
    forewarn: Forewarn, tmp_path: Path, day: str, message: str
) -> None:
    file = Path(prices(tmp_path / "p.csv", ("AAA", "BBB"), 90))
    file.write_text(file.read_text() + f"{day},AAA,50,51,49,50,1000000\n")
    done = forewarn("features", "AAA", "--prices", file)
    assert (done.returncode, done.stdout) == (3, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("AAPLE",), "there is no ticker 'AAPLE' to forecast; did you mean AAPL?"),
        (("^GSPC",), "there is no ticker '^GSPC' to forecast; it holds AAPL, AMZN, GOOG, IBM, MSFT, NVDA"),
        (("IBM", "--session", "2012-12-30"), "there is no session 2012-12-30; the nearest is 2012-12-31"),
        (("IBM", "--prices", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(
    forewarn: Forewarn, words: tuple[str, ...], message: str
) -> None:
    done = forewarn("features", *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_date_that_is_none_is_wrong_usage(forewarn: Forewarn) -> None:
    done = forewarn("features", "IBM", "--session", "yesterday")
    assert done.returncode == 2
    assert "yesterday" in done.stderr
