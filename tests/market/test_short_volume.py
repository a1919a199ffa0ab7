from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from market.observations import as_known
from market.panel import FIELDS, Panel
from market.price_file import read_prices
from market.short_volume import (
    HEADER,
    ShortVolume,
    ShortVolumeError,
    known_at,
    observe,
    off_exchange,
    read_short_volume,
)

DAY = date(2020, 12, 1)
ROWS = ("20201201|AAPL|400|10|1000|B,Q,N", "20201201|BRK/B|30.5|0|61.25|Q")


def write(folder: Path, *rows: str, count: int | None = None, header: str = "|".join(HEADER)) -> Path:
    path = folder / "CNMSshvol20201201.txt"
    lines = [header, *rows, *([] if count is None else [str(count)])]
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def panel(volume: float = 2_000.0, tickers: tuple[str, ...] = ("AAPL", "BRK-B")) -> Panel:
    grids = [np.full((2, len(tickers)), volume if name == "volume" else 10.0) for name in FIELDS]
    return Panel((DAY, date(2020, 12, 2)), tickers, *grids)


def test_a_file_is_read_with_the_houses_tickers_and_fractions_of_shares(tmp_path: Path) -> None:
    found = read_short_volume(write(tmp_path, *ROWS, count=2))
    assert (found.session, found.tickers) == (DAY, ("AAPL", "BRK-B"))
    assert_array_equal(found.short, [400.0, 30.5])
    assert_array_equal(found.total, [1000.0, 61.25])


def test_a_packed_file_is_read_alike(tmp_path: Path) -> None:
    plain = write(tmp_path, *ROWS, count=2)
    packed = tmp_path / "x.txt.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert_array_equal(read_short_volume(packed).total, read_short_volume(plain).total)


@pytest.mark.parametrize(
    ("rows", "count", "message"),
    [
        (ROWS, None, "the last line is no count of records: it was cut off"),
        (ROWS, 3, "2 records, the last line says 3"),
        ((), 0, "no records"),
        (("20201201|AAPL|400|10|1000",), 1, "line 2 has 5 values, not 6"),
        (("2020-12-01|AAPL|400|10|1000|B",), 1, "line 2: '2020-12-01' is no date"),
        (("20201201||400|10|1000|B",), 1, "line 2 has no symbol"),
        (("20201201|AAPL|x|10|1000|B",), 1, "line 2: 'x' is no number of shares"),
        (("20201201|AAPL|4|1|-1|B",), 1, "line 2: '-1' is no number of shares"),
        (("20201201|AAPL|nan|1|1|B",), 1, "line 2: 'nan' is no number of shares"),
        (("20201201|AAPL|40|1|30|B",), 1, "line 2: 40 shares short of 30 in all"),
        ((ROWS[0], ROWS[0]), 2, "AAPL occurs twice"),
        ((ROWS[0], "20201202|B|1|1|1|B"), 2, "records of 2020-12-01 and 2020-12-02"),
    ],
)
def test_a_file_at_fault_is_named(
    tmp_path: Path, rows: tuple[str, ...], count: int | None, message: str
) -> None:
    with pytest.raises(ShortVolumeError, match=message):
        read_short_volume(write(tmp_path, *rows, count=count))


def test_an_error_page_and_an_absent_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ShortVolumeError, match="line 1 is '<html>', not Date"):
        read_short_volume(write(tmp_path, "x", header="<html>"))
    with pytest.raises(ShortVolumeError, match="there is no such file"):
        read_short_volume(tmp_path / "none.txt")
    broken = tmp_path / "broken.txt.gz"
    broken.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(ShortVolumeError, match="cannot be read"):
        read_short_volume(broken)


def test_a_file_is_known_from_six_in_the_evening_in_new_york() -> None:
    assert known_at(DAY) == datetime(2020, 12, 1, 23, tzinfo=UTC)
    assert known_at(date(2020, 7, 1)) == datetime(2020, 7, 1, 22, tzinfo=UTC)


def test_before_it_is_posted_a_file_says_nothing(tmp_path: Path) -> None:
    one = read_short_volume(write(tmp_path, *ROWS, count=2))
    for now, known in ((known_at(DAY) - timedelta(seconds=1), False), (known_at(DAY), True)):
        found = off_exchange([one], panel(), {"AAPL": (), "BRK-B": ()}, now=now)
        assert bool(np.isfinite(found.total[0]).all()) is known
        joined = as_known(observe([one], ["AAPL"], "short"), [now], ["AAPL"])
        assert_array_equal(joined.values[0, 0], 400.0 if known else np.nan)


def test_raw_shares_become_those_after_every_later_split(tmp_path: Path) -> None:
    one = read_short_volume(write(tmp_path, *ROWS, count=2))
    splits = {
        "AAPL": [(date(2020, 8, 31), 4.0), (date(2022, 1, 3), 5.0), (date(2023, 1, 3), 2.0)],
        "BRK-B": (),
    }
    found = off_exchange([one], panel(volume=40_000.0), splits)
    assert_array_equal(found.total[0], [10_000.0, 61.25])
    assert_array_equal(found.short[0], [4_000.0, 30.5])
    assert np.isnan(found.total[1]).all()


def test_a_split_applies_from_its_session_on(tmp_path: Path) -> None:
    one = read_short_volume(write(tmp_path, *ROWS, count=2))
    assert off_exchange([one], panel(), {"AAPL": [(DAY, 2.0)]}).total[0, 0] == 1000.0


def test_a_ticker_whose_splits_are_not_told_is_unknown_and_not_a_plausible_number(tmp_path: Path) -> None:
    one = read_short_volume(write(tmp_path, *ROWS, count=2))
    found = off_exchange([one], panel(volume=100_000.0), {"BRK-B": ()})
    assert np.isnan(found.total[0, 0])
    assert found.total[0, 1] == 61.25


def test_more_off_exchange_than_in_all_is_named_and_left_unknown(tmp_path: Path) -> None:
    one = read_short_volume(write(tmp_path, *ROWS, count=2))
    found = off_exchange([one], panel(volume=900.0), {"AAPL": (), "BRK-B": ()})
    assert found.impossible == (("AAPL", DAY),)
    assert np.isnan(found.total[0, 0])
    assert np.isnan(found.short[0, 0])
    assert found.total[0, 1] == 61.25


def test_a_session_or_ticker_of_no_file_is_unknown() -> None:
    found = off_exchange([], panel(), {"AAPL": (), "BRK-B": ()})
    assert np.isnan(found.total).all()
    other = ShortVolume(DAY, ("X",), np.ones(1), np.ones(1))
    assert np.isnan(off_exchange([other], panel(), {"AAPL": ()}).total).all()


def test_real_files_have_possible_shares_once_later_splits_are_told(shared_data: Path) -> None:
    files = [read_short_volume(path) for path in sorted((shared_data / "short_volume").glob("*.gz"))]
    prices = read_prices(shared_data / "daily" / "us_stocks_daily.parquet")
    chosen = prices.columns(("AAPL", "GE", "TSLA"))
    untold = off_exchange(files, chosen, {"AAPL": (), "GE": (), "TSLA": ()})
    assert {ticker for ticker, _ in untold.impossible} == {"GE"}
    splits = {"AAPL": (), "GE": [(date(2021, 8, 2), 0.125)], "TSLA": [(date(2022, 8, 25), 3.0)]}
    told = off_exchange(files, chosen, splits)
    assert told.impossible == ()
    share = np.nanmedian(told.total / chosen.volume, axis=0)
    assert_allclose(share, [0.427, 0.351, 0.509], atol=0.001)
    assert len(files) == int(np.isfinite(told.total[:, 0]).sum()) == 22
