from __future__ import annotations

import gzip
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.panel import FIELDS, Panel
from market.price_file import read_prices
from tests.market.price_rows import GOOD, HEADER, Write, WriteParquet

REAL_FILE = Path(__file__).parents[2].parent / "shared" / "data" / "daily" / "us_stocks_daily.parquet"


def equal(left: Panel, right: Panel) -> bool:
    return (left.sessions, left.tickers) == (right.sessions, right.tickers) and all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=True) for name in FIELDS
    )


def test_a_csv_becomes_the_union_of_dates_and_tickers_with_nan_where_a_row_is_missing(csv: Write) -> None:
    panel = read_prices(csv(*GOOD))
    assert panel.sessions == (date(2024, 1, 2), date(2024, 1, 3))
    assert panel.tickers == ("AAA", "BBB")
    np.testing.assert_array_equal(panel.close, [[10.5, 21.0], [11.5, np.nan]])
    np.testing.assert_array_equal(panel.volume, [[100.0, 0.0], [300.0, np.nan]])
    np.testing.assert_array_equal(panel.high, [[11.0, 22.0], [12.0, np.nan]])


def test_rows_may_come_in_any_order(csv: Write) -> None:
    assert equal(read_prices(csv(*GOOD)), read_prices(csv(*GOOD[::-1], name="reversed.csv")))


def test_a_gzipped_csv_and_a_parquet_file_read_the_same_as_the_csv(
    csv: Write, parquet: WriteParquet, tmp_path: Path
) -> None:
    plain = csv(*GOOD)
    zipped = tmp_path / "prices.csv.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    assert equal(read_prices(plain), read_prices(zipped))
    assert equal(read_prices(plain), read_prices(parquet({})))


def test_other_columns_and_a_byte_order_mark_are_ignored(csv: Write, tmp_path: Path) -> None:
    path = csv(*[row + ",note" for row in GOOD], header=HEADER + ",remark")
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert equal(read_prices(path), read_prices(marked))


def test_a_ticker_may_be_called_na_or_null_or_look_like_a_number(csv: Write) -> None:
    rows = [f"2024-01-02,{ticker},10,11,9,10.5,100" for ticker in ("NA", "NULL", "nan", "700")]
    assert read_prices(csv(*rows)).tickers == ("700", "NA", "NULL", "nan")


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text_column_works(parquet: WriteParquet, kind: pa.DataType) -> None:
    path = parquet({"ticker": pa.array(["AAA", "BBB", "AAA"]).cast(kind)})
    assert read_prices(path).tickers == ("AAA", "BBB")


def test_a_categorical_ticker_with_unused_and_unsorted_categories_works(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-01-02", "2024-01-02"]),
            "ticker": pd.Categorical(["BBB", "AAA"], categories=["BBB", "ZZZ", "AAA"]),
            "open": np.array([20, 10], dtype=np.float32),
            "high": [22, 11],
            "low": [19, 9],
            "close": [21.0, 10.5],
            "volume": pd.array([5, 6], dtype="UInt32"),
        }
    )
    frame.to_parquet(tmp_path / "categories.parquet")
    panel = read_prices(tmp_path / "categories.parquet")
    assert panel.tickers == ("AAA", "BBB")
    np.testing.assert_array_equal(panel.close, [[10.5, 21.0]])
    np.testing.assert_array_equal(panel.volume, [[6.0, 5.0]])


@pytest.mark.parametrize(
    "dates",
    [
        pa.array([datetime(2024, 1, 2, tzinfo=UTC)] * 2 + [datetime(2024, 1, 3, tzinfo=UTC)]).cast(
            "timestamp[ns]"
        ),
        pa.array(["2024-01-02", "2024-01-02 00:00:00", "2024-01-03T00:00"]),
        pa.array(["2024-01-02", "2024-01-02", "2024-01-03"]).dictionary_encode(),
        pa.array([date(2024, 1, 2), date(2024, 1, 2), date(2024, 1, 3)], pa.date64()),
    ],
)
def test_midnight_is_a_date(parquet: WriteParquet, dates: pa.Array) -> None:
    assert read_prices(parquet({"date": dates})).sessions == (date(2024, 1, 2), date(2024, 1, 3))


def test_decimals_are_prices(parquet: WriteParquet) -> None:
    panel = read_prices(parquet({"close": [Decimal("10.50"), Decimal("21.00"), Decimal("11.50")]}))
    np.testing.assert_array_equal(panel.close, [[10.5, 21.0], [11.5, np.nan]])


def test_without_adj_close_the_close_stands_in(csv: Write) -> None:
    panel = read_prices(csv(*GOOD))
    np.testing.assert_array_equal(panel.adj_close, panel.close)


def test_a_ticker_without_any_adj_close_uses_its_close_and_the_others_keep_theirs(csv: Write) -> None:
    rows = [GOOD[0] + ",5.25", GOOD[1] + ",", GOOD[2] + ",5.75"]
    panel = read_prices(csv(*rows, header=HEADER + ",adj_close"))
    np.testing.assert_array_equal(panel.adj_close, [[5.25, 21.0], [5.75, np.nan]])


def test_a_close_outside_high_and_low_is_left_for_the_quality_checks(csv: Write) -> None:
    assert read_prices(csv("2024-01-02,AAA,15,11,9,8,100")).close[0, 0] == 8.0


prices = st.floats(min_value=1e-4, max_value=1e7, allow_subnormal=False)
keys = st.tuples(st.dates(date(1990, 1, 1), date(2050, 1, 1)), st.sampled_from(["A", "B-C", "^D", "NA"]))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.dictionaries(keys, st.tuples(prices, prices, prices, prices, st.integers(0, 2**50)), min_size=1),
    suffix=st.sampled_from([".csv", ".csv.gz", ".parquet"]),
)
def test_whatever_is_written_is_read_back_bit_by_bit(
    table: dict[tuple[date, str], tuple[float, float, float, float, int]], suffix: str, tmp_path: Path
) -> None:
    rows = [
        (day, ticker, open_, max(a, b), min(a, b), close, shares)
        for (day, ticker), (open_, a, b, close, shares) in table.items()
    ]
    path = tmp_path / f"round{suffix}"
    frame = pd.DataFrame(rows, columns=HEADER.split(","))
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    panel = read_prices(path)
    assert panel.sessions == tuple(sorted({day for day, _ in table}))
    assert panel.tickers == tuple(sorted({ticker for _, ticker in table}))
    assert np.count_nonzero(~np.isnan(panel.close)) == len(table)
    for day, ticker, open_, high, low, close, shares in rows:
        at = panel.sessions.index(day), panel.tickers.index(ticker)
        got = (panel.open[at], panel.high[at], panel.low[at], panel.close[at], panel.volume[at])
        assert got == (open_, high, low, close, float(shares))


@pytest.mark.skipif(not REAL_FILE.exists(), reason=f"the development data is not at {REAL_FILE}")
def test_a_third_of_a_million_real_rows_are_read_within_a_second() -> None:
    took_s = []
    for _ in range(3):  # the best of three: the machine may be busy with something else
        started = time.perf_counter()
        panel = read_prices(REAL_FILE)
        took_s.append(time.perf_counter() - started)
    assert min(took_s) < 1.0
    assert panel.close.shape == (2768, 120)
    assert (panel.sessions[0], panel.sessions[-1]) == (date(2013, 1, 2), date(2023, 12, 29))
    assert not np.isnan(panel.close).any()
    assert int((panel.volume == 0).sum()) == 4
    frame = pd.read_parquet(REAL_FILE)
    row = frame.iloc[123_456]
    at = panel.sessions.index(row["date"].date()), panel.tickers.index(row["ticker"])
    assert panel.adj_close[at] == row["adj_close"]
