"""EODHD and Finnhub against a local server that answers as they do."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from market.eodhd import EodhdProvider, parse_bars, parse_splits
from market.finnhub import FinnhubProvider, parse_candles
from market.guard import Request
from market.limits import Limits
from market.panel import FIELDS
from market.provider import (
    PermanentProviderError,
    PriceProvider,
    ProviderError,
    ProviderTimeoutError,
    TransientProviderError,
    UnusableAnswerError,
)
from tests.market.provider_cases import END, QUICK, START, assert_told, guard, truth
from tests.stand_ins.market import TOKEN, Fault, MarketStandIn
from tests.stand_ins.market_wire import NEW_YORK

BOTH = ("MSFT", "AAPL")
TOLD = {"eodhd": len(FIELDS), "finnhub": FIELDS.index("adj_close")}  # Finnhub knows no dividends

Make = Callable[..., PriceProvider]


@pytest.fixture
async def market() -> AsyncIterator[MarketStandIn]:
    async with MarketStandIn() as stand_in:
        yield stand_in


@pytest.fixture(params=["eodhd", "finnhub"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(market: MarketStandIn, name: str) -> Make:
    def build(
        limits: Limits = QUICK, *, token: str = TOKEN, seen: list[Request] | None = None
    ) -> PriceProvider:
        own = guard(name, limits, seen=seen)
        if name == "eodhd":
            return EodhdProvider(token, own, url=market.eodhd)
        return FinnhubProvider(token, own, url=market.finnhub)

    return build


async def test_bars_come_back_as_a_panel_in_the_order_asked_for(name: str, make: Make) -> None:
    assert_told(await make().fetch([*BOTH, "MSFT"], START, END), BOTH, TOLD[name])


async def test_finnhub_s_close_stands_in_for_the_adjusted_close(market: MarketStandIn) -> None:
    fetched = await FinnhubProvider(TOKEN, guard("finnhub"), url=market.finnhub).fetch(["IBM"], START, END)
    np.testing.assert_array_equal(fetched.panel.adj_close, fetched.panel.close)


async def test_eodhd_s_traded_prices_are_divided_by_every_later_split(market: MarketStandIn) -> None:
    market.splits = {"AAPL": [(date(2012, 12, 10), 7.0), (date(2013, 2, 1), 0.5)]}
    eodhd = EodhdProvider(TOKEN, guard("eodhd"), url=market.eodhd)
    fetched = await eodhd.fetch(BOTH, START, END)
    assert_told(fetched, BOTH)
    assert fetched.splits == {"MSFT": (), "AAPL": tuple(market.splits["AAPL"])}


async def test_finnhub_s_splits_are_not_told(market: MarketStandIn) -> None:
    assert (
        await FinnhubProvider(TOKEN, guard("finnhub"), url=market.finnhub).fetch(BOTH, START, END)
    ).splits == {}


@pytest.mark.parametrize(
    "fault",
    [
        Fault.BUSY_SILENT,
        Fault.SERVER_ERROR,
        Fault.RESET,
        Fault.TRUNCATED,
        Fault.HTML,
        Fault.OTHER_JSON,
        Fault.WRONG_ZONE,
        Fault.CONFLICTING,
    ],
)
async def test_a_fault_that_lasts_is_the_ticker_s_own(
    market: MarketStandIn, make: Make, name: str, fault: Fault
) -> None:
    market.faults["AAPL"] = [fault] * 9
    fetched = await make().fetch(BOTH, START, END)
    assert [ticker for ticker, _ in fetched.failed] == ["AAPL"]
    assert np.isnan(fetched.panel.close).all(axis=0).tolist() == [False, True]
    assert fetched.panel.sessions == truth(("MSFT",)).sessions


@pytest.mark.parametrize(
    "fault", [Fault.BUSY_SILENT, Fault.SERVER_ERROR, Fault.RESET, Fault.TRUNCATED, Fault.HTML]
)
async def test_a_fault_that_passes_loses_nothing(
    market: MarketStandIn, make: Make, name: str, fault: Fault
) -> None:
    market.faults["AAPL"] = [fault]
    seen: list[Request] = []
    assert_told(await make(seen=seen).fetch(BOTH, START, END), BOTH, TOLD[name])
    failed = [request.what for request in seen if request.failure]
    assert failed == ["AAPL"] or fault is Fault.RESET  # aiohttp itself repeats what a kept connection lost


async def test_no_request_is_made_before_retry_after(market: MarketStandIn, make: Make, name: str) -> None:
    market.faults["AAPL"] = [Fault.BUSY]
    assert_told(await make().fetch(BOTH, START, END), BOTH, TOLD[name])
    assert market.too_early(on_its_way_s=0.25) == []
    assert max(seen.at_s for seen in market.log) - min(seen.answered_s for seen in market.log) >= 0.99


@pytest.mark.parametrize("fault", [Fault.DOUBLED, Fault.FUTURE])
async def test_doubled_and_future_bars_are_left_out(
    market: MarketStandIn, make: Make, name: str, fault: Fault
) -> None:
    market.faults["AAPL"] = [fault]
    assert_told(await make().fetch(BOTH, START, END), BOTH, TOLD[name])


@pytest.mark.parametrize("fault", [Fault.UNKNOWN, Fault.EMPTY])
async def test_a_ticker_without_bars_is_an_answer_not_an_error(
    market: MarketStandIn, make: Make, fault: Fault
) -> None:
    market.faults["AAPL"] = [fault]
    fetched = await make().fetch(["AAPL"], START, END)
    assert [ticker for ticker, _ in fetched.failed] == ["AAPL"]
    assert market.asked("AAPL") == 1


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
async def test_an_answer_that_does_not_end_is_a_time_out(
    market: MarketStandIn, make: Make, fault: Fault
) -> None:
    market.faults["AAPL"] = [fault] * 9
    with pytest.raises(ProviderTimeoutError, match="answered for none of 1 tickers"):
        await make(replace(QUICK, timeout_s=0.2, attempts=2)).fetch(["AAPL"], START, END)
    assert market.asked("AAPL") == 2


async def test_a_refused_key_stops_everything_at_once_and_names_its_variable(
    market: MarketStandIn, make: Make, name: str
) -> None:
    tickers = [f"T{n:03}" for n in range(50)]
    with pytest.raises(PermanentProviderError, match=f"refuses the key .*set FOREWARN_{name.upper()}_TOKEN"):
        await make(token="wrong").fetch(tickers, START, END)
    market.always = Fault.FORBIDDEN
    with pytest.raises(PermanentProviderError, match="does not allow this with the key's plan"):
        await make().fetch(tickers, START, END)
    assert len(market.log) <= 2 * QUICK.at_once


@pytest.mark.parametrize("fault", list(Fault))
async def test_the_token_is_in_no_message_no_log_and_no_traceback(
    market: MarketStandIn, make: Make, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    market.always, market.retry_after = fault, "0"
    seen: list[Request] = []
    said = ""
    try:
        fetched = await make(replace(QUICK, timeout_s=0.2, attempts=2), seen=seen).fetch(["AAPL"], START, END)
        said = repr(fetched.failed)
    except ProviderError as error:
        said = "".join(traceback.format_exception(error))
    said += caplog.text + repr(seen) + repr(make())
    assert TOKEN not in said
    assert quote(TOKEN, safe="") not in said


async def test_no_network_is_an_error_that_may_pass() -> None:
    nowhere = EodhdProvider(TOKEN, guard("eodhd"), url="http://127.0.0.1:9/api/")
    with pytest.raises(TransientProviderError, match="ClientConnectorError") as caught:
        await nowhere.fetch(["AAPL"], START, END)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"message": "no"}, "the answer is dict, not a list"),
        ([{"date": "03/01/2024"}], "date is '03/01/2024', not a day"),
        ([{"open": 1.0}], "date is None"),
        ([{"date": "2024-01-03", "open": "n/a"}], "open is 'n/a', not a number"),
        ([{"date": "2024-01-03", "open": True}], "open is True, not a number"),
    ],
)
def test_what_is_no_eodhd_bar_is_named(answer: Any, reason: str) -> None:  # noqa: ANN401
    with pytest.raises(UnusableAnswerError, match=reason):
        parse_bars(answer, [])


@pytest.mark.parametrize("split", ["0/1", "2/0", "two/1", "", "-2/1"])
def test_a_split_that_is_no_ratio_is_refused(split: str) -> None:
    with pytest.raises(UnusableAnswerError, match="split"):
        parse_splits([{"date": "2024-01-03", "split": split}])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "not one of candles"),
        ({"s": "ok", "t": [1], "o": [1], "h": [1], "l": [1], "c": [1]}, "not lists of one length"),
        (
            {"s": "ok", "t": [1, 2], "o": [1], "h": [1], "l": [1], "c": [1], "v": [1]},
            "not lists of one length",
        ),
        (
            {"s": "ok", "t": [54000], "o": [1], "h": [1], "l": [1], "c": [1], "v": [1]},
            "midnight neither in UTC",
        ),
        (
            {"s": "ok", "t": [1e300], "o": [1], "h": [1], "l": [1], "c": [1], "v": [1]},
            "not seconds since 1970",
        ),
    ],
)
def test_what_is_no_finnhub_candle_is_named(answer: Any, reason: str) -> None:  # noqa: ANN401
    with pytest.raises(UnusableAnswerError, match=reason):
        parse_candles(answer, NEW_YORK)


@pytest.mark.parametrize("stamp", [1569297600, 1569283200])  # midnight in New York, and in UTC
def test_a_candle_s_day_is_the_same_whichever_midnight_stamps_it(stamp: int) -> None:
    one = {"s": "ok", "t": [stamp]} | {name: [1.0] for name in "ohlcv"}
    assert parse_candles(one, ZoneInfo("America/New_York"))[0][0] == date(2019, 9, 24)
