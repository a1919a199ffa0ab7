from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from market.exchange import Exchange, ExchangeError, load_exchange
from market.extended_hours import day_parts, known_at
from market.minutes import MinuteError, Minutes

NEW_YORK = ZoneInfo("America/New_York")
DAY, EARLY = date(2024, 3, 7), date(2024, 7, 3)


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return load_exchange("XNYS")


def bars(*rows: tuple[str, str, float], day: date = DAY) -> Minutes:
    """Bars of (ticker, New York time, shares)."""
    starts = [
        datetime.combine(day, datetime.strptime(at, "%H:%M").time(), NEW_YORK).astimezone(ZoneInfo("UTC"))  # noqa: DTZ007
        for _, at, _ in rows
    ]
    return Minutes(
        np.array([row[0] for row in rows], dtype=str),
        np.array([start.replace(tzinfo=None) for start in starts], dtype="datetime64[s]"),
        np.array([row[2] for row in rows], dtype=float),
    )


def test_a_day_is_parted_at_four_the_open_the_close_and_four_hours_later(exchange: Exchange) -> None:
    minutes = bars(
        ("A", "03:59", 1e6),
        ("A", "04:00", 1.0),
        ("A", "09:29", 2.0),
        ("A", "09:30", 10.0),
        ("A", "15:59", 20.0),
        ("A", "16:00", 40.0),
        ("A", "16:01", 4.0),
        ("A", "19:59", 8.0),
        ("A", "20:00", 1e6),
    )
    found = day_parts(minutes, exchange, (DAY,), ("A",))
    assert (found.premarket[0, 0], found.regular[0, 0], found.postmarket[0, 0]) == (3.0, 70.0, 12.0)
    assert found.share[0, 0] == 15.0 / 85.0


def test_on_an_early_close_the_hours_after_it_end_at_five(exchange: Exchange) -> None:
    minutes = bars(
        ("A", "12:59", 10.0),
        ("A", "13:00", 5.0),
        ("A", "13:01", 1.0),
        ("A", "16:59", 2.0),
        ("A", "17:00", 9.0),
        day=EARLY,
    )
    found = day_parts(minutes, exchange, (EARLY,), ("A",))
    assert (found.regular[0, 0], found.postmarket[0, 0]) == (15.0, 3.0)
    assert known_at(exchange, EARLY).astimezone(NEW_YORK).hour == 17
    assert known_at(exchange, DAY).astimezone(NEW_YORK).hour == 20


def test_a_feed_without_extended_hours_says_nothing_and_not_zero(exchange: Exchange) -> None:
    minutes = bars(("A", "10:00", 5.0), ("B", "10:00", 5.0), ("B", "08:00", 1.0), ("C", "08:00", 1.0))
    found = day_parts(minutes, exchange, (DAY,), ("A", "B", "C", "D"))
    assert_array_equal(np.isnan(found.share[0]), [True, False, True, True])
    assert found.postmarket[0, 1] == 0.0


def test_bars_without_volume_in_extended_hours_say_nothing_either(exchange: Exchange) -> None:
    minutes = bars(
        ("A", "08:00", 0.0),
        ("A", "10:00", 5.0),
        ("A", "17:00", 0.0),
        ("B", "08:00", 1.0),
        ("B", "10:00", 0.0),
    )
    assert np.isnan(day_parts(minutes, exchange, (DAY,), ("A", "B")).share).all()


def test_bars_come_in_any_order_and_others_are_left_out(exchange: Exchange) -> None:
    minutes = bars(("B", "10:00", 5.0), ("A", "16:30", 1.0), ("A", "10:00", 3.0), ("X", "10:00", 9.0))
    found = day_parts(minutes, exchange, (date(2024, 3, 6), DAY), ("A",))
    assert np.isnan(found.share[0, 0])
    assert found.share[1, 0] == 0.25


def test_a_day_that_is_no_session_is_refused(exchange: Exchange) -> None:
    with pytest.raises(ExchangeError, match="2024-03-09 is not a session"):
        day_parts(bars(), exchange, (date(2024, 3, 9),), ("A",))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("A", "10:00", -1.0),), "minute bar 1, A at 2024-03-07T15:00:00: volume -1.0 is no number"),
        ((("A", "10:00", np.nan),), "volume nan is no number of shares"),
        (
            (("A", "10:00", 1.0), ("B", "10:00", 1.0), ("A", "10:00", 2.0)),
            "A at 2024-03-07T15:00:00 occurs twice",
        ),
    ],
)
def test_bars_at_fault_are_named(rows: tuple[tuple[str, str, float], ...], message: str) -> None:
    with pytest.raises(MinuteError, match=message):
        bars(*rows)


def test_columns_of_different_length_are_named() -> None:
    with pytest.raises(MinuteError, match="2 tickers, 0 starts and 1 volumes"):
        Minutes(np.array(["A", "B"]), np.array([], dtype="datetime64[s]"), np.ones(1))


def read(path: Path) -> Minutes:
    table = pd.read_parquet(path, columns=["ts", "ticker", "volume"])
    starts = table["ts"].dt.tz_convert(None).to_numpy()
    return Minutes(table["ticker"].to_numpy(dtype=str), starts, table["volume"].to_numpy(dtype=float))


def test_real_minutes_of_a_fund_have_a_share_in_every_session(shared_data: Path, exchange: Exchange) -> None:
    sessions = exchange.sessions(date(2024, 2, 20), date(2024, 4, 12))
    found = day_parts(
        read(shared_data / "intraday" / "spy_1min_ext_2024.parquet"), exchange, sessions, ("SPY",)
    )
    assert np.isfinite(found.share).all()
    assert_allclose(found.share.mean(), 0.132, atol=0.001)


def test_real_minutes_of_regular_hours_only_say_nothing(shared_data: Path, exchange: Exchange) -> None:
    sessions = exchange.sessions(date(2022, 10, 19), date(2022, 11, 11))
    minutes = read(shared_data / "intraday" / "sp500_1min_rth_2022.parquet")
    assert np.isnan(day_parts(minutes, exchange, sessions, ("AAPL", "MSFT")).share).all()
