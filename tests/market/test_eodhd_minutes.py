"""EODHD's minute bars against a local server that answers as it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from numpy.testing import assert_array_equal

from market.eodhd_minutes import EodhdMinutes, parse_minutes
from market.exchange import load_exchange
from market.guard import Request
from market.provider import PermanentProviderError, TransientProviderError, UnusableAnswerError
from tests.market.provider_cases import JumpingTimer, guard
from tests.market.test_recorded_answers import vcr_answers

DAY = date(2024, 3, 6)
TOKEN = "t0p&secret=42/x"
NEXT_CLOSE_S = 21 * 3600.0
"""From 2024-03-07 00:00 UTC, where the tests' time begins, to the close of the session after."""


def bar(hour: int, minute: int, volume: float | None = 10.0, **other: object) -> dict[str, Any]:
    stamp = int(datetime(2024, 3, 6, hour, minute, tzinfo=UTC).timestamp())
    prices = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0}
    return {"timestamp": stamp, "gmtoffset": 0, **prices, "volume": volume, **other}


Answer = Callable[[web.Request], web.Response]

Place = tuple[str, dict[str, list[Answer]], list[web.Request]]
"""Where it is, what it answers for each symbol, the last one again, and what it was asked."""


@pytest.fixture
async def answers() -> AsyncIterator[Place]:
    given: dict[str, list[Answer]] = {}
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        own = given[request.match_info["symbol"]]
        return (own.pop(0) if len(own) > 1 else own[0])(request)

    app = web.Application()
    app.router.add_get("/api/intraday/{symbol}", answer)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/api/")), given, asked
    await server.close()


def told(*bars: dict[str, Any]) -> Answer:
    return lambda request: web.json_response(list(bars))


def failing(status: int, **headers: str) -> Answer:
    return lambda request: web.Response(status=status, headers=headers)


def eodhd(url: str, at_s: float = NEXT_CLOSE_S, seen: list[Request] | None = None) -> EodhdMinutes:
    timer = JumpingTimer()
    timer.at_s = at_s
    return EodhdMinutes(TOKEN, guard("eodhd_minutes", timer=timer, seen=seen), load_exchange("XNYS"), url=url)


async def test_each_ticker_is_asked_for_its_day_from_four_to_eight_in_new_york(
    answers: Place,
) -> None:
    url, given, asked = answers
    given["AAPL.US"] = [told(bar(13, 0, 50), bar(15, 0, 1000), bar(15, 1, None), bar(2, 0, 9))]
    given["BRK-B.US"] = [told(bar(22, 0, 20))]
    found = await eodhd(url).of(DAY, ("AAPL", "BRK-B"))
    assert found is not None
    assert found.tickers.tolist() == ["AAPL", "AAPL", "BRK-B"]
    assert_array_equal(found.volume, [50.0, 1000.0, 20.0])
    assert found.starts[2] == np.datetime64("2024-03-06T22:00")
    assert found.prices is not None
    assert_array_equal(found.prices.high, [12.0] * 3)
    begin, end = datetime(2024, 3, 6, 9, tzinfo=UTC), datetime(2024, 3, 7, 1, tzinfo=UTC)
    wanted = {"interval": "1m", "from": f"{begin.timestamp():.0f}", "to": f"{end.timestamp():.0f}"}
    assert [wanted.items() <= dict(request.query).items() for request in asked] == [True, True]
    assert asked[0].query["api_token"] == TOKEN


async def test_one_ticker_that_fails_is_its_own_and_every_request_is_told(
    answers: Place,
) -> None:
    url, given, _ = answers
    given["AAPL.US"] = [failing(500)]
    given["MSFT.US"] = [failing(429, **{"Retry-After": "0"}), told(bar(15, 0))]
    given["NONE.US"] = [failing(404)]
    given["ODD.US"] = [lambda request: web.Response(text="<html>")]
    seen: list[Request] = []
    found = await eodhd(url, seen=seen).of(DAY, ("AAPL", "MSFT", "NONE", "ODD"))
    assert found is not None
    assert found.tickers.tolist() == ["MSFT"]
    assert {one.provider for one in seen} == {"eodhd_minutes"}
    failed = [one.what for one in seen if one.failure]
    assert {what: failed.count(what) for what in failed} == {"AAPL": 4, "MSFT": 1, "ODD": 4}


async def test_where_none_gets_an_answer_nothing_has_come(
    answers: Place,
) -> None:
    url, given, _ = answers
    given["AAPL.US"] = [failing(500)]
    with pytest.raises(TransientProviderError, match="500"):
        await eodhd(url).of(DAY, ("AAPL",))


async def test_a_plan_without_minutes_is_named_without_the_token(
    answers: Place,
) -> None:
    url, given, _ = answers
    given["AAPL.US"] = [failing(403)]
    with pytest.raises(PermanentProviderError, match="set FOREWARN_EODHD_TOKEN") as caught:
        await eodhd(url).of(DAY, ("AAPL",))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("at_s", "is_asked"), [(3.9 * 3600, False), (4.1 * 3600, True), (10 * 86400, True), (11 * 86400, False)]
)
async def test_a_day_is_asked_for_once_it_is_updated_and_not_long_after(
    answers: Place, at_s: float, is_asked: bool
) -> None:
    url, given, asked = answers
    given["AAPL.US"] = [told(bar(15, 0))]
    found = await eodhd(url, at_s).of(DAY, ("AAPL",))
    assert (found is not None, len(asked) == 1) == (is_asked, is_asked)


async def test_tickers_without_bars_are_nothing(
    answers: Place,
) -> None:
    url, given, _ = answers
    given["AAPL.US"] = [told()]
    assert await eodhd(url).of(DAY, ("AAPL",)) is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"error": "x"}, "the answer is dict, not a list of bars"),
        ([bar(15, 0, timestamp=None)], "timestamp is None, no second of UTC"),
        ([bar(15, 0, timestamp=1e30)], "no second of UTC"),
        ([bar(15, 0), bar(15, 0, 11.0)], "two different bars of 2024-03-06 15:00 UTC"),
        ([bar(15, 0, open="x")], "open is 'x', not a number"),
    ],
)
def test_what_is_no_answer_is_named(answer: object, message: str) -> None:
    with pytest.raises(UnusableAnswerError, match=message):
        parse_minutes(answer)


def test_a_recorded_answer_is_read_bar_for_bar(shared_data: Path) -> None:
    path = shared_data / "api_fixtures" / "eodhd" / "client_intraday.yml.gz"
    ((_, _, body),) = vcr_answers(path)
    rows = json.loads(" ".join(body.split()))
    found = parse_minutes(rows)
    assert len(found) == sum(row["volume"] is not None for row in rows)
    assert found[0] == (
        datetime(2025, 6, 9, 13, 30, tzinfo=UTC), (204.389999, 205.074996, 203.979995, 204.839996, 3140160.0),
    )  # fmt: skip
