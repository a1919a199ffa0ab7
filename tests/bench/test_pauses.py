"""Pauses: which years are calm, and what a pause is traced back to."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from bench.simulations.pauses import Told, calm_years, equal_weight, replayed
from daemon.configuration.settings import Settings
from market.exchange import load_exchange
from market.panel import FIELDS, Panel
from tests.daemon.replays import short_history, short_settings


def panel(prices: np.ndarray[tuple[int, int], np.dtype[np.float64]], *tickers: str) -> Panel:
    days = tuple(date(2020, 1, 1) + timedelta(days=i) for i in range(len(prices)))
    return Panel(days, tickers, *[prices] * len(FIELDS))


def test_a_year_is_calm_unless_the_stocks_fall_far_below_their_high() -> None:
    falls = np.ones((800, 2))
    falls[100:300, 0] = 0.5  # a quarter of both together
    assert calm_years(panel(falls, "A", "B")) == {2021, 2022}
    falls[:, 0] = 1.0
    falls[100:200, 0] = 0.8
    assert calm_years(panel(falls, "A", "B")) == {2020, 2021, 2022}


def test_series_that_are_not_traded_do_not_count() -> None:
    prices = np.ones((500, 2))
    prices[200:, 1] = 0.1
    assert calm_years(panel(prices, "A", "^GSPC")) == {2020, 2021}


def test_an_unknown_price_leaves_the_mean_to_the_others() -> None:
    prices = np.array([[1.0, np.nan], [1.1, 2.0], [1.1, 2.2]])
    assert equal_weight(prices) == pytest.approx([1.0, 1.1, 1.1 * 1.05])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return short_settings(tmp_path_factory.mktemp("pauses"))


async def test_every_pause_is_traced_to_the_reading_that_closed_the_gate(settings: Settings) -> None:
    told: Told = await replayed(short_history(load_exchange(settings.market.calendar)), settings)
    assert told.pauses
    assert len(told.sessions) == 128
    for pause, traces in told.pauses:
        first = traces[0]
        assert first.rule == pause.rule
        assert first.since <= pause.start
        assert first.reading is not None
        assert first.limit is not None
        assert first.reading.value >= first.limit
        assert f"{first.reading.metric} of account" in str(first)
        assert "no null: a fact" in str(first)
