"""What is told from outside: FINRA's files from a folder or over HTTP, minute bars, splits and customers."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from numpy.testing import assert_allclose, assert_array_equal

from market.exchange import load_exchange
from market.filings_links import Links, customer_extra
from market.minute_days import MinuteDays
from market.minute_files import MinuteFile
from market.outside import KEPT, Outside, best_known, joined, unknown
from market.outside_files import OutsideFileError, read_customers, read_splits
from market.panel import FIELDS, Panel
from market.provider import TransientProviderError
from market.short_volume import HEADER, ShortVolumeError, file_name
from market.short_volume_files import Finra, Folder
from tests.market.provider_cases import guard

DAY, NEXT = date(2024, 3, 6), date(2024, 3, 7)
TICKERS = ("AAPL", "BRK-B")


def daily(day: date = DAY, total: float = 400.0, short: float = 100.0) -> str:
    rows = [f"{day:%Y%m%d}|{ticker}|{short}|0|{total}|B,Q,N" for ticker in ("AAPL", "BRK/B")]
    return "\r\n".join(["|".join(HEADER), *rows, str(len(rows))]) + "\r\n"


def bars(volume: float = 1000.0) -> Panel:
    return Panel((DAY,), TICKERS, *(np.full((1, 2), volume if f == "volume" else 10.0) for f in FIELDS))


@pytest.fixture
async def served() -> AsyncIterator[tuple[str, list[web.Response | str], list[str]]]:
    """A place that answers with what the test puts there, one answer a request; and what was asked for."""
    answers: list[web.Response | str] = []
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        one = answers.pop(0)
        return web.Response(text=one) if isinstance(one, str) else one

    app = web.Application()
    app.router.add_get("/{name}", answer)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/")), answers, asked
    await server.close()


class TestFiles:
    async def test_a_folder_gives_a_sessions_file_packed_or_not_and_none_where_it_has_none(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / file_name(DAY)).write_text(daily())
        found = await Folder(tmp_path).of(DAY)
        assert found is not None
        assert found.tickers == TICKERS
        assert await Folder(tmp_path).of(NEXT) is None

    async def test_a_file_of_another_session_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / file_name(NEXT)).write_text(daily(DAY))
        with pytest.raises(ShortVolumeError, match="holds 2024-03-06, not 2024-03-07"):
            await Folder(tmp_path).of(NEXT)

    async def test_a_packed_file_with_flipped_bytes_is_named_and_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / f"{file_name(DAY)}.gz"
        packed = bytearray(gzip.compress(daily().encode() * 50, mtime=0))
        packed[30:60] = bytes(byte ^ 0x5A for byte in packed[30:60])
        path.write_bytes(packed)
        with pytest.raises(zlib.error):
            gzip.decompress(packed)
        with pytest.raises(
            ShortVolumeError, match=r"CNMSshvol20240306.txt.gz: cannot be read: .*; fetch it again"
        ):
            await Folder(tmp_path).of(DAY)

    async def test_finra_is_asked_for_the_sessions_file_again_after_a_refusal(
        self, served: tuple[str, list[web.Response | str], list[str]]
    ) -> None:
        url, answers, asked = served
        answers += [web.Response(status=429, headers={"Retry-After": "0"}), web.Response(status=500), daily()]
        found = await Finra(guard("finra"), url=url).of(DAY)
        assert found is not None
        assert_array_equal(found.total, [400.0, 400.0])
        assert asked == ["/CNMSshvol20240306.txt"] * 3

    @pytest.mark.parametrize("status", [403, 404])
    async def test_a_file_that_finra_does_not_have_is_none_and_asked_for_once(
        self, served: tuple[str, list[web.Response | str], list[str]], status: int
    ) -> None:
        url, answers, asked = served
        answers.append(web.Response(status=status))
        assert await Finra(guard("finra"), url=url).of(DAY) is None
        assert len(asked) == 1

    async def test_a_file_that_was_cut_off_is_asked_for_again_and_then_told(
        self, served: tuple[str, list[web.Response | str], list[str]]
    ) -> None:
        url, answers, asked = served
        answers += [daily()[:-3]] * 4
        with pytest.raises(TransientProviderError, match="cut off"):
            await Finra(guard("finra"), url=url).of(DAY)
        assert len(asked) == 4


class TestShares:
    async def test_they_are_of_the_sessions_volume_and_in_a_later_unit_what_they_were(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / file_name(DAY)).write_text(daily())
        outside = Outside(Folder(tmp_path))
        assert outside.names == ("off_exchange", "short")
        raw = await outside.shares(bars(), dict.fromkeys(TICKERS, ()))
        split = await outside.shares(bars(4000.0), {"AAPL": [(NEXT, 4.0)]})
        assert_allclose(raw[:2], [[0.4, 0.4], [0.1, 0.1]])
        assert_allclose(split[:, 0], raw[:, 0])
        assert np.isnan(split[:, 1]).all()  # its splits are not told
        assert np.isnan(raw[2:]).all()

    async def test_no_file_is_asked_for_where_no_split_is_told(self, tmp_path: Path) -> None:
        (tmp_path / file_name(DAY)).write_text("<html>")
        assert np.isnan(await Outside(Folder(tmp_path)).shares(bars(), {"KO": ()})).all()

    async def test_more_than_the_whole_volume_is_unknown(self, tmp_path: Path) -> None:
        (tmp_path / file_name(DAY)).write_text(daily())
        found = await Outside(Folder(tmp_path)).shares(bars(399.0), dict.fromkeys(TICKERS, ()))
        assert np.isnan(found).all()

    async def test_extended_hours_are_of_the_minutes_own_session(self, tmp_path: Path) -> None:
        path, exchange = tmp_path / "minutes.csv", load_exchange("XNYS")
        path.write_text(
            "ticker,start,volume\nAAPL,2024-03-06T13:00:00Z,50\nAAPL,2024-03-06T15:00:00Z,1000\n"
            "AAPL,2024-03-06T22:00:00Z,20\n"
        )
        outside = Outside(minutes=MinuteDays(MinuteFile(path, exchange), exchange))
        assert (outside.names, outside.estimates) == (("premarket", "postmarket"), False)
        found = await outside.shares(bars(5.0))
        assert_allclose(found[2:4, 0], [0.05, 0.02])
        assert np.isnan(found[:, 1]).all()
        assert np.isnan(found[4:]).all()  # without prices nothing is explained

    def test_an_estimate_stands_in_for_what_is_not_told_and_for_nothing_else(self) -> None:
        shares = unknown(3)
        shares[0] = [0.4, np.nan, np.nan]
        shares[KEPT.index("off_exchange_estimate")] = [0.9, 0.3, np.nan]
        assert_array_equal(best_known(shares)[0], [0.4, 0.3, np.nan])
        assert np.isnan(best_known(shares)[1:]).all()

    @pytest.mark.parametrize("volume", [8000.0, 0.0, np.nan])
    def test_they_stay_what_was_told_whatever_is_traded_by_the_day_to_which_they_are_joined(
        self, volume: float
    ) -> None:
        shares = np.arange(1.0, 9.0).reshape(4, 1, 2) / 10
        found = joined(bars(volume), ("BRK-B", "AAPL"), shares, ("off_exchange", "postmarket"), (), {})
        assert tuple(found) == ("off_exchange", "postmarket")
        assert_array_equal(found["off_exchange"], [[0.1, 0.2]])
        assert_array_equal(found["postmarket"], [[0.7, 0.8]])


class TestFactFiles:
    def test_splits_are_read_by_ticker_and_a_ticker_without_one_is_known_to_have_none(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "splits.csv"
        path.write_text("ticker,session,ratio\nAAPL,2020-08-31,4\naapl,2014-06-09,7\nMSFT,,\n")
        found = read_splits(path)
        assert found == {"AAPL": ((date(2014, 6, 9), 7.0), (date(2020, 8, 31), 4.0)), "MSFT": ()}

    def test_customers_of_one_day_are_one_report(self, tmp_path: Path) -> None:
        path = tmp_path / "customers.csv"
        path.write_text(
            "supplier,customer,share,known_from\nCRUS,AAPL,0.8,2023-05-20\nCRUS,MSFT,0.1,2023-05-20\n"
            "CRUS,AAPL,0.7,2024-05-20\n"
        )
        first, second = read_customers(path)
        assert first.weights == {"AAPL": 0.8, "MSFT": 0.1}
        assert second.weights == {"AAPL": 0.7}
        assert first.known_at < second.known_at < second.expires_at

    @pytest.mark.parametrize(
        ("read", "text", "message"),
        [
            (read_splits, "ticker,session,ratio\nA,2020-01-02,0\n", "row 1: ratio 0 is no number above 0"),
            (read_splits, "ticker,session,ratio\nA,,2\n", "row 1: session None is no date"),
            (
                read_splits,
                "ticker,session,ratio\nA,2020-01-02,4:1\n",
                "row 1: ratio '4:1' .* write 4 for 4:1",
            ),
            (read_splits, "ticker,session,ratio\nA,2020-01-02,inf\n", "row 1: ratio inf is no number"),
            (read_splits, "ticker,session,ratio\nA,2020-01-02,\n", "row 1: ratio None is no number"),
            (read_splits, "ticker,session,ratio\n,2020-01-02,4\n", "row 1 has no ticker"),
            (
                read_splits,
                "ticker,session,ratio\nA,2020-01-02,4\na,2020-01-02,4\n",
                "row 2: A splits twice on 2020-01-02",
            ),
            (read_splits, "ticker,ratio\nA,2\n", "column 'session' is missing among ticker, ratio"),
            (read_customers, "supplier,customer,share,known_from\nA,B,80,2024-01-02\n", "no fraction"),
            (read_customers, "supplier,customer,share,known_from\nA,A,0.8,2024-01-02\n", "name two tickers"),
            (read_customers, "supplier,customer,share,known_from\nA,B,0.8,soon\n", "'soon' is no date"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, tmp_path: Path, read: Callable[[Path], object], text: str, message: str
    ) -> None:
        path = tmp_path / "facts.csv"
        path.write_text(text)
        with pytest.raises(OutsideFileError, match=message):
            read(path)


def test_a_customer_counts_from_the_session_on_that_knows_of_it_above_its_sector() -> None:
    days = tuple(date(2024, 3, day) for day in (4, 5, 6, 7))
    rng = np.random.default_rng(3)
    close = 50.0 * np.exp(np.cumsum(0.01 * rng.standard_normal((4, 3)), axis=0))
    panel = Panel(days, ("CUS", "PEER", "SUP"), *(close for _ in FIELDS))
    at = datetime(2024, 3, 6, 12, tzinfo=UTC)
    links = (Links("SUP", {"CUS": 0.5, "GONE": 0.4}, 2, at, datetime(2025, 3, 6, tzinfo=UTC)),)
    sectors = {"CUS": "Energy", "PEER": "Energy", "SUP": "Materials"}
    found = customer_extra(links, panel, panel.tickers, sectors)
    steps = np.diff(np.log(close), axis=0, prepend=np.nan)
    assert np.isnan(found[:2, 2]).all()
    assert_allclose(found[2:, 2], (steps[:, 0] - steps[:, :2].mean(axis=1))[2:])
    assert np.isnan(found[:, :2]).all()
    after = datetime(2024, 3, 6, 18, 30, tzinfo=UTC)  # after an early close at 13:00 New York time
    late = customer_extra((Links("SUP", {"CUS": 0.5}, 1, after, links[0].expires_at),), panel, ("SUP",), {})
    assert np.isnan(late[:3]).all()
    assert np.isfinite(late[3]).all()
