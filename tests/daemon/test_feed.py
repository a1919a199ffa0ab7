"""The feed: which provider is asked, which one serves, and what is written down about it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from daemon.clock import SystemClock
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import ConfigError
from daemon.live.feed import Feed, FeedError
from daemon.live.observer import Observer
from daemon.live.overlap import Overlap
from daemon.live.providers import provider_names
from daemon.storage.calls import CallStore
from daemon.storage.database import Database
from market.panel import FIELDS, Panel
from market.provider import Fetched, ProviderTimeoutError, TransientProviderError
from market.provider_chain import Source
from monitors.live import Outcome

SESSION = date(2024, 3, 7)
TICKERS = ("A", "B")


class Scripted:
    """A provider that answers with one price, with nothing for the session, or with an error."""

    def __init__(self, answer: float | Exception | None) -> None:
        self.answer = answer
        self.asked = 0

    async def fetch(self, tickers: object, start: date, end: date) -> Fetched:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        sessions = () if self.answer is None else (SESSION,)
        grid = np.full((len(sessions), len(TICKERS)), self.answer or np.nan)
        return Fetched(Panel(sessions, TICKERS, *(grid for _ in FIELDS)))


async def session_of(
    database: Database, *providers: Scripted
) -> tuple[float | str, list[tuple[str, Outcome]]]:
    """Ask for a session; return its first close or the error, and what was written down."""
    names = tuple(f"p{i}" for i in range(len(providers)))
    observer = Observer(database, SystemClock(), names, (), keep_days=100)
    sources = tuple(Source(name, provider) for name, provider in zip(names, providers, strict=True))
    feed = Feed(sources, TICKERS, observer)
    try:
        got: float | str = float(
            (await feed.session(SESSION, Overlap.none(TICKERS))).values[FIELDS.index("close")][0]
        )
    except FeedError as error:
        got = str(error)
    async with database.read() as connection:
        found = await CallStore(connection).providers_since(SystemClock().now().replace(year=2000))
    return got, [(call.provider, call.outcome) for call in found]


async def test_a_provider_that_answers_is_the_only_one_asked(database: Database) -> None:
    second = Scripted(2.0)
    assert await session_of(database, Scripted(1.0), second) == (1.0, [("p0", Outcome.OK)])
    assert second.asked == 0


async def test_where_the_first_gives_nothing_at_all_the_next_one_serves(database: Database) -> None:
    down = Scripted(TransientProviderError("down"))
    got = await session_of(database, down, Scripted(2.0))
    assert got == (2.0, [("p0", Outcome.FAILED), ("p1", Outcome.OK)])


async def test_an_answer_without_the_session_is_empty_and_asks_nobody_else(database: Database) -> None:
    second = Scripted(2.0)
    got, written = await session_of(database, Scripted(None), second)
    assert np.isnan(got)
    assert (written, second.asked) == ([("p0", Outcome.EMPTY)], 0)


async def test_where_all_fail_every_reason_is_told(database: Database) -> None:
    late, down = Scripted(ProviderTimeoutError("too slow")), Scripted(TransientProviderError("down"))
    got, written = await session_of(database, late, down)
    assert got == "no prices for 2024-03-07 to 2024-03-07: too slow; down"
    assert written == [("p0", Outcome.TIMEOUT), ("p1", Outcome.FAILED)]


def test_the_fallback_is_asked_second_and_never_twice(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[market]\nfallback = "file"\nprices_file = "p.csv"')
    assert provider_names(load_settings(path).market) == ("yahoo", "file")
    path.write_text('[market]\nfallback = "yahoo"')
    assert provider_names(load_settings(path).market) == ("yahoo",)
    assert provider_names(load_settings().market) == ("yahoo",)
    path.write_text('[market]\nprices_file = "p.csv"\nfallback = ["file", "yahoo", "sample"]')
    assert provider_names(load_settings(path).market) == ("yahoo", "file", "sample")
    path.write_text('[market]\nfallback = "file"')
    with pytest.raises(ConfigError, match='fallback = "file" needs prices_file'):
        load_settings(path)
