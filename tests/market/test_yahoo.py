"""Yahoo, through yfinance itself, against a local server that answers as Yahoo does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import yfinance

from market.guard import Request
from market.limits import Limits
from market.provider import (
    PermanentProviderError,
    PriceProvider,
    ProviderTimeoutError,
    TransientProviderError,
)
from market.yahoo import YahooProvider
from tests.market.provider_cases import END, QUICK, START, JumpingTimer, assert_told, guard, truth
from tests.stand_ins.market import Fault, MarketStandIn

BOTH = ("MSFT", "AAPL")


@pytest.fixture
async def yahoo(tmp_path: Path) -> AsyncIterator[MarketStandIn]:
    yfinance.set_tz_cache_location(str(tmp_path))  # its cookies go there, too
    hidden = yfinance.config.debug.hide_exceptions
    async with MarketStandIn() as stand_in:
        yield stand_in
    yfinance.config.debug.hide_exceptions = hidden


def provider(
    yahoo: MarketStandIn, limits: Limits = QUICK, seen: list[Request] | None = None
) -> YahooProvider:
    return YahooProvider(guard(limits=limits, seen=seen), url=yahoo.yahoo)


async def test_bars_come_back_as_a_panel_in_the_order_asked_for_one_request_each(
    yahoo: MarketStandIn,
) -> None:
    asked: PriceProvider = provider(yahoo)
    assert_told(await asked.fetch([*BOTH, "MSFT"], START, END), BOTH)
    assert (yahoo.asked("MSFT"), yahoo.asked("AAPL"), len(yahoo.log)) == (1, 1, 2)


async def test_the_splits_that_the_answer_tells_come_with_the_bars_and_cost_no_request(
    yahoo: MarketStandIn,
) -> None:
    yahoo.until, today = END, END + timedelta(days=4)  # a session that has no bar yet
    yahoo.splits["AAPL"] = [(date(2012, 12, 10), 7.0), (date(2012, 12, 20), 0.125), (today, 1.5)]
    yahoo.splits["T001"] = [(START, 1.0)]
    fetched = await provider(yahoo).fetch([*BOTH, "T001", "NOPE"], START, END)
    assert fetched.splits == {"AAPL": tuple(yahoo.splits["AAPL"]), "MSFT": (), "T001": ()}
    assert [seen.ticker for seen in yahoo.log].count("AAPL") == 1
    assert_told(await provider(yahoo).fetch(BOTH, START, END), BOTH)


async def test_a_recorded_answer_tells_its_split(yahoo: MarketStandIn, shared_data: Path) -> None:
    name = "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
    recorded = json.loads((shared_data / "api_fixtures" / "yahoo" / name).read_text())
    yahoo.recorded["NVDA"] = (200, "application/json", json.dumps(recorded["response"]["bodyJson"]))
    fetched = await provider(yahoo).fetch(["NVDA"], date(2021, 2, 1), date(2022, 1, 31))
    assert fetched.splits == {"NVDA": ((date(2021, 7, 20), 4.0),)}
    assert len(fetched.panel.sessions) == 252


async def test_a_hundred_tickers_come_with_nothing_lost_and_no_request_too_early(
    yahoo: MarketStandIn,
) -> None:
    tickers = tuple(f"T{n:03}" for n in range(100))
    yahoo.latency_s, yahoo.busy_every = 0.2, 20
    fetched = await provider(yahoo, Limits(per_s=20.0, at_once=8, timeout_s=8.0)).fetch(tickers, START, END)
    assert (fetched.failed, fetched.panel.tickers) == ((), tickers)
    assert not np.isnan(fetched.panel.close).any()
    assert len(fetched.panel.sessions) == len(truth(("IBM",)).sessions)
    assert sum(seen.status == 429 for seen in yahoo.log) == 5
    assert yahoo.too_early(on_its_way_s=0.25) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault.BUSY_SILENT,
        Fault.SERVER_ERROR,
        Fault.RESET,
        Fault.TRUNCATED,
        Fault.HTML,
        Fault.OTHER_JSON,
        Fault.UNAUTHORIZED,
        Fault.CONFLICTING,
        Fault.WRONG_ZONE,
    ],
)
async def test_a_fault_that_passes_costs_a_second_request_and_nothing_else(
    yahoo: MarketStandIn, fault: Fault
) -> None:
    yahoo.faults["AAPL"] = [fault]
    assert_told(await provider(yahoo).fetch(BOTH, START, END), BOTH)
    assert (yahoo.asked("AAPL"), yahoo.asked("MSFT")) == (2, 1)


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.BUSY_UNTIL])
async def test_no_request_is_made_before_retry_after_not_even_by_yfinance_itself(
    yahoo: MarketStandIn, fault: Fault
) -> None:
    yahoo.retry_after = "2"
    yahoo.faults["AAPL"] = [fault]
    assert_told(await provider(yahoo).fetch(["AAPL"], START, END), ("AAPL",))
    first, second = yahoo.log
    assert second.at_s - first.answered_s >= 1.99


@pytest.mark.parametrize("fault", [Fault.DOUBLED, Fault.FUTURE])
async def test_doubled_and_future_bars_are_left_out(yahoo: MarketStandIn, fault: Fault) -> None:
    yahoo.faults["AAPL"] = [fault]
    assert_told(await provider(yahoo).fetch(BOTH, START, END), BOTH)
    assert yahoo.asked("AAPL") == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.UNKNOWN, "No data found, symbol may be delisted"),
        (Fault.EMPTY, "no price data found"),
        (Fault.SERVER_ERROR, "500"),
        (Fault.HTML, "the answer is no whole JSON (200, 61 bytes of text/html"),
        (Fault.TRUNCATED, "the answer is no whole JSON (200"),
        (Fault.OTHER_JSON, "the answer is not a chart"),
        (Fault.WRONG_ZONE, "gmtoffset is -18000, which Asia/Tokyo never is"),
        (Fault.CONFLICTING, "two different bars of 2012-12-03"),
        (Fault.UNAUTHORIZED, "Yahoo refuses to answer (401)"),
    ],
)
async def test_a_ticker_that_failed_is_a_column_of_nan_with_its_reason(
    yahoo: MarketStandIn, fault: Fault, reason: str
) -> None:
    yahoo.faults["AAPL"] = [fault] * 9
    fetched = await provider(yahoo).fetch(BOTH, START, END)
    assert [ticker for ticker, _ in fetched.failed] == ["AAPL"]
    assert reason in fetched.failed[0][1]
    assert np.isnan(fetched.panel.close).all(axis=0).tolist() == [False, True]


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
async def test_an_answer_that_does_not_end_is_a_time_out(yahoo: MarketStandIn, fault: Fault) -> None:
    yahoo.faults["AAPL"] = [fault] * 9
    seen: list[Request] = []
    limits = replace(QUICK, timeout_s=0.5, attempts=2)
    fetched = await provider(yahoo, limits, seen).fetch(BOTH, START, END)
    assert [ticker for ticker, _ in fetched.failed] == ["AAPL"]
    assert [(request.what, request.timed_out) for request in seen if request.failure] == [("AAPL", True)] * 2


async def test_where_nobody_answers_the_error_may_pass(yahoo: MarketStandIn) -> None:
    yahoo.always = Fault.SERVER_ERROR
    with pytest.raises(TransientProviderError, match=r"yahoo answered for none of 2 tickers \(MSFT: 500"):
        await provider(yahoo).fetch(BOTH, START, END)
    yahoo.always = Fault.HANG
    with pytest.raises(ProviderTimeoutError):
        await provider(yahoo, replace(QUICK, timeout_s=0.2, attempts=1)).fetch(["AAPL"], START, END)


async def test_a_fetch_that_takes_too_long_keeps_what_came(yahoo: MarketStandIn) -> None:
    yahoo.faults["AAPL"] = [Fault.HANG]
    fetched = await provider(yahoo, replace(QUICK, timeout_s=2.0, fetch_s=1.0)).fetch(BOTH, START, END)
    assert fetched.failed == (("AAPL", "no answer within 1 s"),)


async def test_unknown_tickers_are_an_answer_not_an_error(yahoo: MarketStandIn) -> None:
    fetched = await provider(yahoo).fetch(["NOPE"], START, END)
    assert fetched.panel.close.shape == (0, 1)
    assert [ticker for ticker, _ in fetched.failed] == ["NOPE"]


async def test_a_ban_stops_the_questions_that_were_not_asked_yet(yahoo: MarketStandIn) -> None:
    yahoo.always, yahoo.retry_after = Fault.BUSY, "3600"
    tickers = [f"T{n:03}" for n in range(50)]
    with pytest.raises(TransientProviderError, match="yahoo wants no request for another"):
        await provider(yahoo).fetch(tickers, START, END)
    assert len(yahoo.log) <= QUICK.at_once


async def test_a_failed_answer_is_not_kept_for_the_next_fetch(yahoo: MarketStandIn) -> None:
    asked = provider(yahoo)
    yahoo.faults["AAPL"] = [Fault.UNKNOWN]
    assert (await asked.fetch(["AAPL"], START, END)).failed != ()
    assert_told(await asked.fetch(["AAPL"], START, END), ("AAPL",))


async def test_asking_for_nothing_gives_an_empty_panel(yahoo: MarketStandIn) -> None:
    assert (await provider(yahoo).fetch([], START, END)).panel.close.shape == (0, 0)
    assert (yahoo.log, yahoo.others) == ([], [])


async def test_a_missing_library_is_an_error_that_will_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(PermanentProviderError, match="yfinance cannot be imported"):
        await YahooProvider(guard(timer=JumpingTimer())).fetch(["A"], date(2024, 1, 2), date(2024, 1, 4))


def test_importing_the_module_does_not_load_the_library() -> None:
    check = "import market.yahoo, sys; sys.exit('yfinance' in sys.modules or 'curl_cffi' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)  # noqa: S603  (constants only)
