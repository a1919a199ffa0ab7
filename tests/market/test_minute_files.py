"""Minute bars from a file, from a folder with a file a session, and kept from a provider."""

from __future__ import annotations

import gzip
import os
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from market.exchange import Exchange, load_exchange
from market.minute_days import MinuteDays
from market.minute_files import (
    KeptMinutes,
    MinuteFile,
    MinuteFileError,
    MinuteFolder,
    minutes_of,
    read_minutes,
)
from market.minutes import Minutes, make_grid
from market.provider import TransientProviderError
from tests.stand_ins.minutes import MinuteMarket

DAY, NEXT, EARLY = date(2024, 3, 6), date(2024, 3, 7), date(2024, 7, 3)
TICKERS = ("AAPL", "MSFT")
BARE = "ticker,start,volume\nAAPL,2024-03-06T13:00:00Z,50\nAAPL,2024-03-06T15:00:00Z,1000\n"
PRICED = (
    "ticker,start,open,high,low,close,volume\n"
    "MSFT,2024-03-06T14:30:00Z,10,12,9,11,100\nMSFT,2024-03-06T14:31:00Z,,,,,7\n"
)


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return load_exchange("XNYS")


class Provider:
    """Gives the same bars whenever it is asked, or fails."""

    def __init__(self, found: Minutes | None = None, error: Exception | None = None) -> None:
        self.found, self.error = found, error
        self.asked: list[date] = []
        self.tickers: list[tuple[str, ...]] = []

    async def of(self, session: date, tickers: tuple[str, ...]) -> Minutes | None:
        self.asked.append(session)
        self.tickers.append(tickers)
        if self.error:
            raise self.error
        return self.found


class TestReading:
    def test_starts_are_utc_and_prices_are_read_where_all_four_are_there(self, tmp_path: Path) -> None:
        path = tmp_path / "minutes.csv"
        path.write_text(BARE)
        bare = read_minutes(path)
        assert (bare.tickers[0], bare.volume[0], bare.prices) == ("AAPL", 50.0, None)
        assert bare.starts[0] == np.datetime64("2024-03-06T13:00")
        path.write_text(PRICED)
        priced = read_minutes(path).prices
        assert priced is not None
        assert_array_equal(priced.high, [12.0, np.nan])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("ticker,start\nA,2024-03-06T13:00:00Z\n", "column 'volume' is missing among ticker, start"),
            ("ticker,start,volume\nA,2024-03-06T13:00:00Z,-1\n", "is no number of shares"),
            ("ticker,start,volume\nA,soon,1\n", "minutes.csv: .*soon"),
            (BARE + "AAPL,2024-03-06T15:00:00Z,2\n", "occurs twice"),
            ("ticker,start,volume\nA,1709650800,10\n", "start is a number .int64.; write instants as 2024"),
            ("ticker,start,volume\nA,1709650800.5,10\n", "start is a number .double."),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "minutes.csv"
        path.write_text(text)
        with pytest.raises(MinuteFileError, match=message):
            read_minutes(path)

    def test_a_bar_without_a_ticker_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "minutes.parquet"
        start = [datetime(2024, 3, 6, 15), datetime(2024, 3, 6, 16)]  # noqa: DTZ001 - as some files have it
        pq.write_table(pa.table({"ticker": ["A", None], "start": start, "volume": [1.0, 2.0]}), path)
        with pytest.raises(MinuteFileError, match="a bar has no ticker"):
            read_minutes(path)


BAD = BARE + "JUNK,2024-03-06T15:00:00Z,-1\nJUNK,2024-03-06T15:00:00Z,\n"


@pytest.mark.parametrize("text", [BAD, BAD.replace("-1", "many"), BAD.replace("15:00:00Z,-1", "25:00:00Z,1")])
async def test_a_faulty_bar_of_a_ticker_that_nobody_asks_for_does_no_harm(
    tmp_path: Path, exchange: Exchange, text: str
) -> None:
    path = tmp_path / "minutes-20240306.csv"
    path.write_text(text)
    for source in (MinuteFile(path, exchange), MinuteFolder(tmp_path, exchange)):
        found = await source.of(DAY, TICKERS)
        assert found is not None
        assert_array_equal(found.volume, [50.0, 1000.0])
        with pytest.raises(MinuteFileError, match=r"minutes-20240306.csv: .*"):
            await source.of(DAY, ("JUNK",))


class TestFile:
    async def test_it_is_read_again_when_it_changes(self, tmp_path: Path, exchange: Exchange) -> None:
        path = tmp_path / "minutes.csv"
        path.write_text(BARE)
        source = MinuteFile(path, exchange)
        assert await source.of(NEXT, TICKERS) is None
        path.write_text(BARE + "AAPL,2024-03-07T15:00:00Z,30\n")
        found = await source.of(NEXT, TICKERS)
        assert found is not None
        assert_array_equal(found.volume, [30.0])

    def test_one_that_is_not_there_is_refused_at_once(self, tmp_path: Path, exchange: Exchange) -> None:
        with pytest.raises(MinuteFileError, match="No such file or directory; check the path"):
            MinuteFile(tmp_path / "minutes.csv", exchange)


class TestFolder:
    @pytest.mark.parametrize("ending", ["csv", "csv.gz"])
    async def test_a_session_has_a_file_of_its_own(
        self, tmp_path: Path, exchange: Exchange, ending: str
    ) -> None:
        raw = BARE.encode()
        path = tmp_path / f"minutes-20240306.{ending}"
        path.write_bytes(gzip.compress(raw) if ending == "csv.gz" else raw)
        found = await MinuteFolder(tmp_path, exchange).of(DAY, TICKERS)
        assert found is not None
        assert_array_equal(found.volume, [50.0, 1000.0])
        assert await MinuteFolder(tmp_path, exchange).of(NEXT, TICKERS) is None

    async def test_a_file_of_another_session_is_refused(self, tmp_path: Path, exchange: Exchange) -> None:
        (tmp_path / "minutes-20240307.csv").write_text(BARE)
        with pytest.raises(
            MinuteFileError, match="no bar is of 2024-03-07; the first begins at 2024-03-06T13"
        ):
            await MinuteFolder(tmp_path, exchange).of(NEXT, TICKERS)


class TestKept:
    async def test_what_a_provider_gave_is_asked_for_once_and_kept_to_the_last_share(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        path = tmp_path / "given.csv"
        path.write_text(PRICED)
        provider, folder = Provider(read_minutes(path)), MinuteFolder(tmp_path / "kept", exchange)
        kept = KeptMinutes(provider, folder)
        first, second = [await kept.of(DAY, ("MSFT",)) for _ in range(2)]
        assert provider.asked == [DAY]
        assert first is not None
        assert second is not None
        assert first.prices is not None
        assert second.prices is not None
        assert_array_equal(second.volume, first.volume)
        assert_array_equal(second.prices.close, first.prices.close)
        assert [one.name for one in (tmp_path / "kept").iterdir()] == ["minutes-20240306.parquet"]

    async def test_tickers_that_did_not_come_are_asked_for_again_and_added(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        (tmp_path / "apple.csv").write_text(BARE)
        (tmp_path / "both.csv").write_text(PRICED)
        provider, folder = (
            Provider(read_minutes(tmp_path / "apple.csv")),
            MinuteFolder(tmp_path / "kept", exchange),
        )
        kept = KeptMinutes(provider, folder)
        await kept.of(DAY, TICKERS)
        provider.error = TransientProviderError("no answer")
        first = await kept.of(DAY, TICKERS)
        assert first is not None
        assert first.names == {"AAPL"}  # what is there is told all the same
        provider.error, provider.found = None, read_minutes(tmp_path / "both.csv")
        await kept.of(DAY, TICKERS)
        await kept.of(DAY, TICKERS)
        assert provider.tickers == [TICKERS, ("MSFT",), ("MSFT",)]
        whole = await folder.of(DAY, TICKERS)
        assert whole is not None
        assert whole.prices is not None
        assert_array_equal(whole.tickers, ["AAPL", "AAPL", "MSFT", "MSFT"])
        assert_array_equal(whole.volume, [50.0, 1000.0, 100.0, 7.0])
        assert_array_equal(whole.prices.high, [np.nan, np.nan, 12.0, np.nan])

    async def test_a_kept_file_that_a_power_cut_left_empty_is_asked_for_again(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        path = tmp_path / "minutes-20240306.parquet"
        path.write_bytes(b"")
        provider, folder = Provider(), MinuteFolder(tmp_path, exchange)
        kept = KeptMinutes(provider, folder)
        with pytest.raises(MinuteFileError, match="cannot be read"):  # nothing comes in its place
            await kept.of(DAY, TICKERS)
        (tmp_path / "given.csv").write_text(PRICED)
        provider.found = read_minutes(tmp_path / "given.csv")
        await kept.of(DAY, ("MSFT",))
        found = await folder.of(DAY, ("MSFT",))
        assert found is not None
        assert_array_equal(found.volume, [100.0, 7.0])

    async def test_a_file_that_a_person_puts_there_later_goes_before_the_kept_one(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        (tmp_path / "given.csv").write_text(PRICED)
        provider, folder = Provider(read_minutes(tmp_path / "given.csv")), MinuteFolder(tmp_path, exchange)
        kept = KeptMinutes(provider, folder)
        await kept.of(DAY, ("MSFT",))
        (tmp_path / "minutes-20240306.csv").write_text(BARE)
        for source in (kept, folder):
            found = await source.of(DAY, TICKERS)
            assert found is not None
            assert found.names == {"AAPL"}
        assert provider.asked == [DAY]

    async def test_a_kept_file_is_on_the_disk_before_it_has_its_name_and_may_be_read_by_others(
        self, tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "given.csv").write_text(PRICED)
        synced: list[bool] = []
        path, sync = tmp_path / "kept" / "minutes-20240306.parquet", os.fsync

        def noted(handle: int) -> None:
            synced.append(path.exists())
            sync(handle)

        monkeypatch.setattr(os, "fsync", noted)
        await MinuteFolder(tmp_path / "kept", exchange).keep(DAY, read_minutes(tmp_path / "given.csv"))
        assert synced == [False, True]
        plain = tmp_path / "plain"
        plain.touch()
        assert path.stat().st_mode == plain.stat().st_mode

    async def test_nothing_is_kept_of_what_did_not_come(self, tmp_path: Path, exchange: Exchange) -> None:
        kept = KeptMinutes(Provider(), MinuteFolder(tmp_path, exchange))
        assert await kept.of(DAY, TICKERS) is None
        failing = Provider(error=TransientProviderError("no answer"))
        with pytest.raises(TransientProviderError):
            await KeptMinutes(failing, MinuteFolder(tmp_path, exchange)).of(DAY, TICKERS)
        assert minutes_of(tmp_path, DAY) is None


class TestGrid:
    def test_minutes_lie_from_the_open_to_the_close_of_their_session(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        path = tmp_path / "minutes.csv"
        path.write_text(PRICED)
        grid = make_grid(read_minutes(path), exchange, DAY, TICKERS)
        assert grid.volume.shape == (2, 390)
        assert np.isnan(grid.volume[0]).all()
        assert_array_equal(grid.volume[1, :2], [100.0, np.nan])
        expected = [np.log(np.log(12 / 9) + 0.01 / 11), np.log(11 / 10), np.log(100)]
        np.testing.assert_allclose(grid.logs[:, 1, 0], expected)
        assert make_grid(read_minutes(path), exchange, EARLY, TICKERS).volume.shape == (2, 210)


class TestDays:
    async def test_a_start_in_between_says_what_an_undisturbed_run_says(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        days = exchange.sessions(date(2024, 5, 20), date(2024, 7, 10))  # with an early close
        market = MinuteMarket(exchange, days, {"AAPL": True, "MSFT": False})
        for row in range(len(days)):
            if row != 3:
                market.write_minutes(tmp_path, row)
        folder = MinuteFolder(tmp_path, exchange)
        running = MinuteDays(folder, exchange)
        found = [await running.of(day, TICKERS) for day in days]
        known = np.isfinite([one[2] for one in found]).all(axis=1)
        assert_array_equal(np.flatnonzero(known), np.arange(21, len(days)))
        assert_array_equal(await MinuteDays(folder, exchange).of(days[-1], TICKERS), found[-1])
        assert np.isnan(found[3]).all()

    async def test_a_faulty_file_of_a_session_before_is_left_out_and_the_sessions_own_is_told(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        days = exchange.sessions(date(2024, 5, 20), date(2024, 6, 20))
        market = MinuteMarket(exchange, days, {"AAPL": True})
        for row in range(len(days)):
            market.write_minutes(tmp_path, row)
        path = tmp_path / f"minutes-{days[0]:%Y%m%d}.parquet"
        path.write_bytes(path.read_bytes()[:-9])
        minutes = MinuteDays(MinuteFolder(tmp_path, exchange), exchange)
        assert np.isfinite(await minutes.of(days[-1], ("AAPL",))).all()
        with pytest.raises(MinuteFileError, match="cannot be read"):
            await minutes.of(days[0], ("AAPL",))

    async def test_a_feed_of_regular_hours_tells_nothing_of_the_others_but_may_estimate(
        self, tmp_path: Path, exchange: Exchange
    ) -> None:
        days = exchange.sessions(date(2024, 5, 20), date(2024, 6, 20))
        market = MinuteMarket(exchange, days, {"AAPL": True})
        for row in range(len(days)):
            market.write_minutes(tmp_path, row, regular_only=True)
        found = await MinuteDays(MinuteFolder(tmp_path, exchange), exchange).of(days[-1], ("AAPL",))
        assert_array_equal(np.isnan(found[:, 0]), [True, True, False])
