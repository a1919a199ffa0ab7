"""The providers against answers as they were recorded, where the development data is at hand."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yfinance

from market.eodhd import EodhdProvider
from market.finnhub import FinnhubProvider
from market.provider import PermanentProviderError
from market.yahoo import YahooProvider
from tests.market.provider_cases import guard
from tests.stand_ins.market import TOKEN, MarketStandIn

FAR = date(2000, 1, 1), date(2030, 1, 1)


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[MarketStandIn]:
    yfinance.set_tz_cache_location(str(tmp_path))
    async with MarketStandIn() as stand_in:
        yield stand_in


def yahoo_answer(path: Path) -> tuple[int, str, dict[str, Any]]:
    """Status, text and body of a recorded answer."""
    response = json.loads(path.read_text())["response"]
    body = response.get("bodyJson") or json.loads(response["body"])
    return response["status"], json.dumps(body), body


def vcr_answers(path: Path) -> list[tuple[int, str, str]]:
    """Status, content type and body of each answer on a cassette."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    answers = []
    for part in text.split("  response:\n")[1:]:
        status = re.search(r"code: (\d+)", part)
        kind = re.search(r"Content-Type:\n\s+- ([\w/]+)", part)
        body = re.search(r"string: (?:'(.*?)'\n|(.*?)\n)", part, re.DOTALL)
        assert status, path
        assert kind, path
        assert body, path
        answers.append((int(status[1]), kind[1], (body[1] or body[2]).replace("''", "'")))
    return answers


async def test_every_recorded_daily_chart_of_yahoo_is_read_bar_for_bar(
    shared_data: Path, market: MarketStandIn
) -> None:
    read = 0
    for path in sorted((shared_data / "api_fixtures" / "yahoo").glob("*chart-*.json")):
        status, text, body = yahoo_answer(path)
        result = (body["chart"]["result"] or [{}])[0]
        if "fake" in path.name or result.get("meta", {}).get("dataGranularity") != "1d":
            continue
        ticker = result["meta"]["symbol"]
        market.recorded = {ticker.upper(): (status, "application/json", text)}
        fetched = await YahooProvider(guard(), url=market.yahoo).fetch([ticker], *FAR)
        assert fetched.failed == (), path.name
        quote = result["indicators"]["quote"][0]
        known = [close for close in quote["close"] if close is not None]
        np.testing.assert_allclose(fetched.panel.close[:, 0], known, rtol=1e-12)
        adjusted = [x for x in result["indicators"]["adjclose"][0]["adjclose"] if x is not None]
        np.testing.assert_allclose(fetched.panel.adj_close[:, 0], adjusted, rtol=1e-12)
        read += 1
    assert read > 30


async def test_yahoo_s_recorded_split_and_dividends_are_in_the_adjusted_close(
    shared_data: Path, market: MarketStandIn
) -> None:
    name = "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
    status, text, _ = yahoo_answer(shared_data / "api_fixtures" / "yahoo" / name)
    market.recorded = {"NVDA": (status, "application/json", text)}
    panel = (await YahooProvider(guard(), url=market.yahoo).fetch(["NVDA"], *FAR)).panel
    day = panel.sessions.index(date(2021, 7, 20))  # four new shares for an old one
    assert abs(np.log(panel.close[day, 0] / panel.close[day - 1, 0])) < 0.1


async def test_charts_without_instants_are_tickers_without_bars(
    shared_data: Path, market: MarketStandIn
) -> None:
    for path in sorted((shared_data / "api_fixtures" / "yahoo").glob("chart-notimestamp-*.fake.json")):
        status, text, body = yahoo_answer(path)
        ticker = body["chart"]["result"][0]["meta"]["symbol"]
        market.recorded = {ticker: (status, "application/json", text)}
        fetched = await YahooProvider(guard(), url=market.yahoo).fetch(
            [ticker, "IBM"], date(2012, 1, 3), FAR[1]
        )
        assert [failed for failed, _ in fetched.failed] == [ticker], path.name


async def test_eodhd_s_recorded_history_is_read_bar_for_bar(shared_data: Path, market: MarketStandIn) -> None:
    cassette = shared_data / "api_fixtures" / "eodhd" / "client_eod_data.yml.gz"
    (answer,) = vcr_answers(cassette)
    rows = json.loads(answer[2])
    market.recorded = {"BHP.AU": answer}
    eodhd = EodhdProvider(TOKEN, guard("eodhd"), url=market.eodhd)
    rest = [row for row in rows if row["date"] >= "2000-01-01"]
    panel = (await eodhd.fetch(["BHP.AU"], *FAR)).panel
    assert [day.isoformat() for day in panel.sessions] == [row["date"] for row in rest]
    np.testing.assert_array_equal(panel.close[:, 0], [row["close"] for row in rest])
    np.testing.assert_array_equal(panel.volume[:, 0], [row["volume"] for row in rest])


async def test_eodhd_s_recorded_refusal_is_permanent(shared_data: Path, market: MarketStandIn) -> None:
    (answer,) = vcr_answers(shared_data / "api_fixtures" / "eodhd" / "client_eod_data_401_error.yml")
    market.recorded = {"BHP.AU": answer}
    with pytest.raises(
        PermanentProviderError, match="refuses the key \\(401 Unauthorized: Unauthenticated\\)"
    ):
        await EodhdProvider(TOKEN, guard("eodhd"), url=market.eodhd).fetch(["BHP.AU"], *FAR)


async def test_finnhub_s_recorded_candles_and_refusal_are_read(
    shared_data: Path, market: MarketStandIn
) -> None:
    folder = shared_data / "api_fixtures" / "finnhub"
    candles = (folder / "Stock__candles.json").read_text()
    market.recorded = {"AAPL": (200, "application/json", candles)}
    finnhub = FinnhubProvider(TOKEN, guard("finnhub"), url=market.finnhub)
    panel = (await finnhub.fetch(["AAPL"], *FAR)).panel
    assert panel.sessions == (date(2019, 9, 24), date(2019, 9, 25), date(2019, 9, 26))
    assert panel.close[:, 0].tolist() == json.loads(candles)["c"]
    market.recorded = {"AAPL": (401, "application/json", (folder / "error_401_invalid_key.json").read_text())}
    with pytest.raises(PermanentProviderError, match="Invalid API key"):
        await finnhub.fetch(["AAPL"], *FAR)
