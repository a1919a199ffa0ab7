"""The configured providers: their tokens, their places, and what is written down of their requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yfinance

from daemon.clock import SystemClock
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import ConfigError
from daemon.configuration.settings import Settings
from daemon.live.feed import FeedError, make_feed
from daemon.live.observer import Observer
from daemon.live.overlap import Overlap
from daemon.live.providers import make_sources, provider_names
from daemon.storage.calls import CallStore
from daemon.storage.database import Database
from market.panel import FIELDS
from market.sample import SAMPLE_PATH
from monitors.live import Outcome, Requests
from tests.stand_ins.market import TOKEN, Fault, MarketStandIn
from tests.stand_ins.market_wire import history

SESSION = date(2012, 12, 28)
NOTHING = Overlap.none(("AAPL", "IBM", "T001"))
CLOSE = FIELDS.index("close")


@pytest.fixture
async def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MarketStandIn]:
    yfinance.set_tz_cache_location(str(tmp_path))
    monkeypatch.setenv("FOREWARN_EODHD_TOKEN", TOKEN)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("FOREWARN_FINNHUB_TOKEN_FILE", str(tmp_path / "token"))
    async with MarketStandIn() as stand_in:
        yield stand_in


def configured(market: MarketStandIn, tmp_path: Path, written: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[market]\ntickers = ["AAPL", "IBM", "T001"]\n{written}\n[market.yahoo]\nurl = "{market.yahoo}"\n'
        f'[market.eodhd]\nurl = "{market.eodhd}"\n[market.finnhub]\nurl = "{market.finnhub}"\n'
    )
    return load_settings(path)


def price(ticker: str) -> float:
    return next(values[CLOSE] for day, values in history(ticker) or () if day == SESSION)


@pytest.mark.parametrize("name", ["yahoo", "eodhd", "finnhub"])
async def test_each_provider_serves_a_session_over_the_network(
    market: MarketStandIn, tmp_path: Path, name: str
) -> None:
    bars = await make_feed(configured(market, tmp_path, f'provider = "{name}"')).session(SESSION, NOTHING)
    np.testing.assert_allclose(bars.values[CLOSE], [price("AAPL"), price("IBM"), price("T001")], rtol=1e-12)


async def test_a_ticker_that_one_provider_lacks_comes_from_the_next_and_all_of_it_is_written_down(
    market: MarketStandIn, tmp_path: Path, database: Database
) -> None:
    market.faults["AAPL"] = [Fault.UNKNOWN]
    market.faults["IBM"] = [Fault.SERVER_ERROR]
    settings = configured(market, tmp_path, 'fallback = ["eodhd", "sample"]')
    names = provider_names(settings.market)
    observer = Observer(database, SystemClock(), names, (), keep_days=100)
    bars = await make_feed(settings, observer).session(SESSION, NOTHING)
    np.testing.assert_allclose(bars.values[CLOSE], [price("AAPL"), price("IBM"), price("T001")], rtol=1e-12)
    async with database.read() as connection:
        store, since = CallStore(connection), SystemClock().now().replace(year=2000)
        calls = [(call.provider, call.outcome) for call in await store.providers_since(since)]
        assert calls == [("yahoo", Outcome.OK), ("eodhd", Outcome.OK)]
        assert await store.requests_since(since) == (Requests("eodhd", 2, 0), Requests("yahoo", 4, 1))


async def test_where_all_fail_the_requests_are_written_down_and_no_token_is_told(
    market: MarketStandIn, tmp_path: Path, database: Database
) -> None:
    market.always = Fault.UNAUTHORIZED
    settings = configured(market, tmp_path, 'provider = "eodhd"\nfallback = "finnhub"')
    observer = Observer(database, SystemClock(), provider_names(settings.market), (), keep_days=100)
    with pytest.raises(FeedError, match=r"eodhd refuses the key .* finnhub refuses the key") as caught:
        await make_feed(settings, observer).session(SESSION, NOTHING)
    assert TOKEN not in str(caught.value)
    async with database.read() as connection:
        found = await CallStore(connection).requests_since(SystemClock().now().replace(year=2000))
    assert [(one.provider, one.failed == one.asked > 0) for one in found] == [
        ("eodhd", True),
        ("finnhub", True),
    ]


async def test_the_sample_serves_without_a_network(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[market]\nprovider = "sample"')
    (source,) = make_sources(load_settings(path))
    fetched = await source.provider.fetch(["IBM"], SESSION, SESSION)
    assert fetched.panel.close[0, 0] == price("IBM")
    assert SAMPLE_PATH.exists()


@pytest.mark.parametrize(
    ("written", "name"),
    [('provider = "eodhd"', "eodhd"), ('fallback = ["finnhub"]', "finnhub"), ('fallback = "eodhd"', "eodhd")],
)
def test_a_provider_without_its_token_is_refused_at_the_start(
    tmp_path: Path, written: str, name: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[market]\n{written}")
    variable = f"FOREWARN_{name.upper()}_TOKEN"
    with pytest.raises(ConfigError, match=f"market asks {name} but its secret is missing: set {variable}"):
        load_settings(path)


def test_a_token_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[market.eodhd]\neodhd_token = "{TOKEN}"')
    with pytest.raises(ConfigError, match="set FOREWARN_EODHD_TOKEN instead") as caught:
        load_settings(path)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "names"), [("file", ("file",)), ('["sample", "file"]', ("sample", "file"))]
)
def test_the_environment_may_name_one_fallback_or_a_list(
    monkeypatch: pytest.MonkeyPatch, value: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FOREWARN_MARKET__PRICES_FILE", "p.csv")
    monkeypatch.setenv("FOREWARN_MARKET__FALLBACK", value)
    assert load_settings().market.fallback == names


def test_a_misspelt_provider_names_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[market]\nfallback = ["yaho"]')
    with pytest.raises(ConfigError, match="did you mean 'yahoo'"):
        load_settings(path)
