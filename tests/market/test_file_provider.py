from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from market.file_provider import FileProvider
from market.provider import PermanentProviderError, PriceProvider, ProviderError
from market.sample import SAMPLE_PATH

HEADER = "date,ticker,open,high,low,close,volume\n"


def write(path: Path, *bars: tuple[str, str, float]) -> None:
    path.write_text(HEADER + "".join(f"{day},{name},{p},{p},{p},{p},10\n" for day, name, p in bars))


async def test_a_file_is_served_in_the_order_asked_with_what_it_lacks_as_nan_and_named() -> None:
    provider: PriceProvider = FileProvider(SAMPLE_PATH)
    fetched = await provider.fetch(("MSFT", "NOPE", "AAPL", "MSFT"), date(2008, 9, 12), date(2008, 9, 16))
    assert fetched.panel.tickers == ("MSFT", "NOPE", "AAPL")
    assert fetched.panel.sessions == (date(2008, 9, 12), date(2008, 9, 15), date(2008, 9, 16))
    assert fetched.failed == (("NOPE", f"{SAMPLE_PATH} has no rows for it"),)
    assert np.isnan(fetched.panel.close[:, 1]).all()
    assert fetched.panel.close[0, 2] == pytest.approx(148.94, abs=0.005)


async def test_only_sessions_with_a_bar_of_a_wanted_ticker_come_back() -> None:
    fetched = await FileProvider(SAMPLE_PATH).fetch(["GOOG"], date(2004, 8, 1), date(2004, 8, 20))
    assert fetched.panel.sessions == (date(2004, 8, 19), date(2004, 8, 20))
    assert fetched.failed == ()


async def test_a_range_without_bars_is_an_empty_panel() -> None:
    panel = (await FileProvider(SAMPLE_PATH).fetch(["IBM"], date(2020, 1, 1), date(2020, 12, 31))).panel
    assert panel.sessions == ()
    assert panel.close.shape == (0, 1)


async def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    write(path, ("2024-01-02", "A", 10.0))
    provider = FileProvider(path)
    whole = date(2024, 1, 1), date(2024, 12, 31)
    assert (await provider.fetch(["A"], *whole)).panel.close.tolist() == [[10.0]]
    stamp = path.stat()
    write(path, ("2024-01-02", "A", 20.0))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert (await provider.fetch(["A"], *whole)).panel.close.tolist() == [[10.0]]
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert (await provider.fetch(["A"], *whole)).panel.close.tolist() == [[20.0]]


async def test_a_faulty_file_is_refused_until_it_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    provider = FileProvider(path)
    whole = date(2024, 1, 1), date(2024, 12, 31)
    with pytest.raises(PermanentProviderError, match="there is no such file; check the path"):
        await provider.fetch(["A"], *whole)
    write(path, ("2024-01-02", "A", -10.0))
    for _ in range(2):
        with pytest.raises(ProviderError, match=r"row 1, column 'open': '-10.0' is not above 0"):
            await provider.fetch(["A"], *whole)
    write(path, ("2024-01-02", "A", 10.0))
    assert (await provider.fetch(["A"], *whole)).panel.close.tolist() == [[10.0]]
