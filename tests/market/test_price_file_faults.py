from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from market.panel import FIELDS
from market.price_file import PriceFileError, read_bars, read_prices
from market.quality_finding import Kind
from tests.market.price_rows import GOOD, HEADER, Write, WriteParquet


def refusal(path: Path, *, today: date | None = None) -> str:
    with pytest.raises(PriceFileError) as caught:
        read_prices(path, today=today)
    message = str(caught.value)
    assert str(path) in message
    return message


def test_a_date_of_today_is_accepted_and_one_after_it_refused(csv: Write) -> None:
    path = csv(*GOOD)
    assert len(read_prices(path, today=date(2024, 1, 3)).sessions) == 2
    message = refusal(path, today=date(2024, 1, 2))
    assert "row 3, column 'date': '2024-01-03' is after today, 2024-01-02; correct the date" in message


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "02/01/2024,AAA,10,11,9,10,1",
            "row 4, column 'date': '02/01/2024' is not a date; write it as year-month-day",
        ),
        (
            "2024-02-30,AAA,10,11,9,10,1",
            "row 4, column 'date': '2024-02-30' is not a date; write it as year-month-day",
        ),
        (",AAA,10,11,9,10,1", "row 4, column 'date': '' is empty; write the session's date"),
        ("2024-01-04 09:30,AAA,10,11,9,10,1", "'2024-01-04 09:30' has a time of day; daily bars are wanted"),
        (
            "2024-01-04T00:00:00Z,AAA,10,11,9,10,1",
            "'2024-01-04T00:00:00Z' has a time zone; a session is a date",
        ),
        (
            "2024-01-04 00:00:00-05:00,AAA,10,11,9,10,1",
            "has a time zone; a session is a date of the exchange",
        ),
        (
            "0204-01-04,AAA,10,11,9,10,1",
            "'0204-01-04' is not between 1800-01-01 and 2200-12-31; correct the date",
        ),
        ("2024-01-04,,10,11,9,10,1", "row 4, column 'ticker': '' is blank; write the ticker or drop the row"),
        (
            "2024-01-04,  ,10,11,9,10,1",
            "row 4, column 'ticker': '  ' is blank; write the ticker or drop the row",
        ),
        ("2024-01-04, AAA,10,11,9,10,1", "row 4, column 'ticker': ' AAA' has blanks around it; remove them"),
        (
            "2024-01-04,AAA,0,11,9,10,1",
            "row 4, column 'open': '0' is not above 0; correct it or drop the row",
        ),
        (
            "2024-01-04,AAA,10,11,-9,10,1",
            "row 4, column 'low': '-9' is not above 0; correct it or drop the row",
        ),
        ("2024-01-04,AAA,10,inf,9,10,1", "row 4, column 'high': 'inf' is not a finite price; correct it"),
        (
            "2024-01-04,AAA,10,11,9,NaN,1",
            "row 4, column 'close': 'NaN' is not a finite price; correct it, or drop",
        ),
        (
            "2024-01-04,AAA,,,,,0",
            "row 4, column 'open': '' is not a finite price; correct it, or drop the row",
        ),
        (
            '2024-01-04,AAA,10,"1,100",9,10,1',
            "row 4, column 'high': '1,100' is not a number; write it with digits",
        ),
        (
            "2024-01-04,AAA,10,11,9,ten,1",
            "row 4, column 'close': 'ten' is not a number; write it with digits",
        ),
        ("2024-01-04,AAA,10,11,9,10,-1", "row 4, column 'volume': '-1' is below 0; correct it, or write 0"),
        (
            "2024-01-04,AAA,10,11,9,10,",
            "row 4, column 'volume': '' is not a finite number of shares; write 0",
        ),
        (
            "2024-01-04,AAA,10,11,9,10,many",
            "row 4, column 'volume': 'many' is not a number; write it with digits",
        ),
        (
            "2024-01-04,AAA,10,11,12,10,1",
            "row 4, column 'high': '11' is below the low, '12'; correct the row",
        ),
        (
            "2024-01-03,AAA,10,11,9,10,1",
            "rows 3 and 4, columns 'date' and 'ticker': both are AAA on 2024-01-03; keep",
        ),
        (
            "2024-01-04,AAA,10,11,9",
            "row 4 has 5 values, the header 7; correct the row '2024-01-04,AAA,10,11,9'",
        ),
        ("2024-01-04,AAA,10,11,9,10,1,8", "row 4 has 8 values, the header 7; correct the row"),
    ],
)
def test_a_fault_in_a_row_names_the_row_the_column_the_value_and_the_fix(
    csv: Write, row: str, expected: str
) -> None:
    assert expected in refusal(csv(*GOOD, row))


def test_a_fault_is_reported_for_the_first_row_with_the_number_of_others(csv: Write) -> None:
    bad = [row.replace("AAA,10", "AAA,-1") for row in GOOD]
    assert "row 1, column 'open': '-1' is not above 0" in refusal(csv(*bad))
    assert "(1 more like it)" in refusal(csv(*bad))


@pytest.mark.parametrize(
    ("row", "kind", "evidence"),
    [
        ("AAA,0,11,9,10,1", Kind.PRICE, "row 4, column 'open': '0' is not above 0"),
        ("AAA,10,inf,9,10,1", Kind.PRICE, "row 4, column 'high': 'inf' is not a finite price"),
        ("AAA,10,11,9,ten,1", Kind.PRICE, "row 4, column 'close': 'ten' is not a number"),
        ("AAA,,,,,0", Kind.PRICE, "row 4, column 'open': '' is not a finite price"),
        ("AAA,10,11,9,10,-1", Kind.VOLUME, "row 4, column 'volume': '-1' is below 0"),
        ("AAA,10,11,9,10,", Kind.VOLUME, "row 4, column 'volume': '' is not a finite number of shares"),
        ("AAA,10,11,12,10,1", Kind.OUTSIDE, "row 4, column 'high': '11' is below the low, '12'"),
    ],
)
def test_a_bar_at_fault_is_left_out_and_named_while_the_others_are_read(
    csv: Write, row: str, kind: Kind, evidence: str
) -> None:
    good = (*GOOD, "2024-01-04,BBB,20,22,19,21,5")
    clean = read_bars(csv(*good, "2024-01-04,AAA,10,11,9,10,1"))
    assert clean[1] == ()
    panel, (finding,) = read_bars(csv(*GOOD, f"2024-01-04,{row}", good[-1]))
    assert (finding.ticker, finding.sessions) == ("AAA", (date(2024, 1, 4),))
    assert (finding.kind, finding.evidence) == (kind, evidence)
    for name in FIELDS:
        expected = getattr(clean[0], name).copy()
        expected[2, 0] = np.nan
        np.testing.assert_array_equal(getattr(panel, name), expected)


def test_a_ticker_of_which_no_bar_is_known_leaves_the_others(parquet: WriteParquet) -> None:
    panel, findings = read_bars(parquet({"volume": [100.0, float("nan"), 300.0]}))
    assert panel.tickers == ("AAA", "BBB")
    assert np.isnan(panel.close[:, 1]).all()
    assert panel.close[:, 0].tolist() == [10.5, 11.5]
    assert [one.ticker for one in findings] == ["BBB"]


def test_a_hole_in_adj_close_costs_its_own_bar(csv: Write) -> None:
    rows = [GOOD[0] + ",5.25", GOOD[1] + ",21", GOOD[2] + ","]
    panel, (finding,) = read_bars(csv(*rows, header=HEADER + ",adj_close"))
    assert (finding.kind, finding.ticker) == (Kind.ADJ_CLOSE, "AAA")
    assert panel.adj_close[0].tolist() == [5.25, 21.0]
    assert np.isnan(panel.close[1]).all()


def test_a_file_in_which_no_row_can_be_a_bar_is_refused_with_its_first_fault(csv: Write) -> None:
    bad = [row.replace("AAA,10", "AAA,-1").replace("BBB,20", "BBB,0") for row in GOOD]
    with pytest.raises(
        PriceFileError,
        match=r"none of its 3 rows can be a bar; the first: row 1, column 'open': '-1' is not above 0",
    ):
        read_bars(csv(*bad))


@pytest.mark.parametrize(
    "row", [GOOD[2], "2024-01-04,,10,11,9,10,1", "soon,AAA,10,11,9,10,1", "2024-01-04,A"]
)
def test_a_row_of_which_it_is_open_whose_bar_it_is_refuses_the_file(csv: Write, row: str) -> None:
    with pytest.raises(PriceFileError, match="row"):
        read_bars(csv(*GOOD, row))


def test_a_partly_filled_adj_close_is_refused(csv: Write) -> None:
    rows = [GOOD[0] + ",5.25", GOOD[1] + ",21", GOOD[2] + ","]
    message = refusal(csv(*rows, header=HEADER + ",adj_close"))
    assert (
        "row 3, column 'adj_close': '' is empty while other rows of the ticker have a value; fill it"
        in message
    )


@pytest.mark.parametrize(("value", "why"), [("0", "is not above 0"), ("inf", "is not a finite price")])
def test_an_impossible_adj_close_is_refused(csv: Write, value: str, why: str) -> None:
    rows = [GOOD[0] + f",{value}", GOOD[1] + ",21", GOOD[2] + ",11"]
    assert f"row 1, column 'adj_close': '{value}' {why}" in refusal(csv(*rows, header=HEADER + ",adj_close"))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER.replace("date", "Date"), "column 'date' is missing; the nearest column is 'Date': rename it"),
        (HEADER.replace("close", "closing"), "column 'close' is missing; the nearest column is 'closing'"),
        (HEADER.replace("volume", "close"), "column 'volume' is missing; add it"),
        (
            HEADER.replace(",", ";"),
            f"the header reads '{HEADER.replace(',', ';')}': separate the columns with commas",
        ),
        (HEADER + ",close", "column 'close' occurs twice among 'date', 'ticker', 'open'"),
        (HEADER + ",Adj Close", "column 'Adj Close' would be ignored; rename it to 'adj_close' or drop it"),
    ],
)
def test_a_fault_in_the_header_names_the_column_and_the_fix(csv: Write, header: str, expected: str) -> None:
    n = header.count(",") + 1
    rows = [",".join([*row.split(","), "1", "1"][:n]) for row in GOOD] if n > 1 else ["x"]
    assert expected in refusal(csv(*rows, header=header))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no such file; check the path" in refusal(tmp_path / "absent.csv")


def test_a_directory_is_not_a_price_file(tmp_path: Path) -> None:
    (tmp_path / "prices.parquet").mkdir()
    assert "is not a file" in refusal(tmp_path / "prices.parquet")


@pytest.mark.parametrize("name", ["prices.xlsx", "prices.gz", "prices"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert "is not a kind of price file; use .parquet, .csv, .csv.gz" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["prices.parquet", "prices.csv", "prices.csv.gz"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert "the file is empty (0 bytes)" in refusal(tmp_path / name)


def test_a_header_without_rows_is_refused(csv: Write, parquet: WriteParquet) -> None:
    assert "has a header but no rows" in refusal(csv())
    path = parquet({})
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    assert "has a header but no rows" in refusal(path)


@pytest.mark.parametrize("name", ["prices.parquet", "prices.csv.gz"])
def test_a_corrupt_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1 but nothing that follows makes sense")
    suffix = name.removeprefix("prices")
    assert f"cannot be read as {suffix}: " in refusal(tmp_path / name)
    assert refusal(tmp_path / name).endswith("; write it again")


def test_a_truncated_gzip_file_is_refused(csv: Write, tmp_path: Path) -> None:
    whole = gzip.compress(csv(*(GOOD[0].replace("AAA", f"T{n}") for n in range(5000))).read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    refusal(tmp_path / "cut.csv.gz")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"date": pa.array([1, 2, 3])}, "column 'date': the column is of type int64, not dates"),
        (
            {
                "date": pa.array(
                    [datetime(2024, 1, n, tzinfo=UTC) for n in (2, 3, 4)], pa.timestamp("us", "UTC")
                )
            },
            "column 'date': the column has time zone UTC; a session is a date of the exchange, convert it",
        ),
        (
            {"date": pa.array([0, 1, 2]).cast(pa.timestamp("s"))},
            "row 2, column 'date': 1970-01-01 00:00:01 has a time of day",
        ),
        ({"date": pa.array([None, None, date(2024, 1, 2)])}, "row 1, column 'date': nothing is empty"),
        ({"ticker": pa.array([1, 2, 3])}, "column 'ticker': the column is of type int64, not text"),
        ({"ticker": pa.array(["A", None, "B"])}, "row 2, column 'ticker': nothing is blank"),
        ({"close": pa.array([True, True, True])}, "column 'close': the column is of type bool, not numbers"),
        ({"close": pa.array([1.0, None, 1.0])}, "row 2, column 'close': nothing is not a finite price"),
        ({"close": pa.nulls(3)}, "row 1, column 'close': nothing is not a finite price"),
        ({"close": pa.array([1.0, 2.0, float("-inf")])}, "row 3, column 'close': -inf is not a finite price"),
        (
            {"volume": pa.array([1.0, float("nan"), 1.0])},
            "row 2, column 'volume': nan is not a finite number",
        ),
    ],
)
def test_a_fault_of_a_parquet_column_is_named(
    parquet: WriteParquet, changes: dict[str, object], expected: str
) -> None:
    assert expected in refusal(parquet(changes))
