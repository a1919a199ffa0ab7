from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yfinance
import yfinance.exceptions
from yfinance.base import TickerBase
from yfinance.scrapers.history import PriceHistory

from market.provider import PermanentProviderError, PriceProvider, TransientProviderError
from market.yahoo import YahooProvider, fetch

START, END = date(2024, 1, 2), date(2024, 1, 4)

Answer = pd.DataFrame | Exception | threading.Event


def bars(*days: str, close: float = 10.0, zone: str = "America/New_York") -> pd.DataFrame:
    index = pd.DatetimeIndex(days, name="Date").tz_localize(zone)
    columns = {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Adj Close": close / 2}
    return pd.DataFrame({**columns, "Volume": 1000}, index=index)


class StandIn:
    """What yfinance.Ticker is asked, and the answers it gives."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, object]]] = []

    def __call__(self, ticker: str) -> StandInTicker:
        return StandInTicker(self, ticker)


class StandInTicker:
    def __init__(self, book: StandIn, ticker: str) -> None:
        self.book, self.ticker = book, ticker

    def history(self, **options: object) -> pd.DataFrame:
        self.book.asked.append((self.ticker, options))
        answer = self.book.answers[self.ticker]
        if isinstance(answer, threading.Event):
            answer.wait(30)
            return pd.DataFrame()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    book = StandIn()
    monkeypatch.setattr(yfinance, "Ticker", book)
    hidden = yfinance.config.debug.hide_exceptions
    yield book
    yfinance.config.debug.hide_exceptions = hidden


def test_bars_come_back_as_a_panel_in_the_order_asked(yahoo: StandIn) -> None:
    yahoo.answers = {
        "MSFT": bars("2024-01-02", "2024-01-03", "2024-01-04"),
        "AAPL": bars("2024-01-03", "2024-01-04", close=20),
    }
    provider: PriceProvider = YahooProvider()
    fetched = provider.fetch(["MSFT", "AAPL"], START, END)
    assert fetched.failed == ()
    assert fetched.panel.tickers == ("MSFT", "AAPL")
    assert fetched.panel.sessions == (date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4))
    np.testing.assert_array_equal(fetched.panel.close, [[10, np.nan], [10, 20], [10, 20]])
    np.testing.assert_array_equal(fetched.panel.adj_close[1], [5, 10])
    np.testing.assert_array_equal(fetched.panel.open[1], [10, 20])
    np.testing.assert_array_equal(fetched.panel.high[1], [11, 21])
    np.testing.assert_array_equal(fetched.panel.low[1], [9, 19])
    np.testing.assert_array_equal(fetched.panel.volume[1], [1000, 1000])


def test_unadjusted_daily_bars_are_asked_for_with_a_time_out_and_without_a_stored_copy(
    yahoo: StandIn,
) -> None:
    yahoo.answers = {"MSFT": bars("2024-01-02")}
    YahooProvider(request_timeout_s=3).fetch(["MSFT", "MSFT"], START, END)
    options = {"start": "2024-01-02", "interval": "1d", "auto_adjust": False, "actions": False, "timeout": 3}
    assert yahoo.asked == [("MSFT", options)]
    assert yfinance.config.debug.hide_exceptions is False


def test_bars_outside_the_range_are_left_out_by_the_exchange_s_own_date(yahoo: StandIn) -> None:
    days = ("2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05")
    yahoo.answers = {"7203.T": bars(*days, zone="Asia/Tokyo")}
    assert fetch(["7203.T"], START, END).panel.sessions == (date(2024, 1, 2), date(2024, 1, 4))


def test_a_ticker_that_failed_is_a_column_of_nan_with_its_reason(yahoo: StandIn) -> None:
    frame = bars("2024-01-02")
    yahoo.answers = {
        "GONE": yfinance.exceptions.YFPricesMissingError("GONE", "(1d 2024-01-02)"),
        "MSFT": frame,
        "NONE": frame.iloc[:0],
        "ODD": frame.drop(columns="Adj Close"),
        "SLOW": TimeoutError("timed out"),
    }
    fetched = fetch(list(yahoo.answers), START, END)
    reasons = dict(fetched.failed)
    assert list(reasons) == ["GONE", "NONE", "ODD", "SLOW"]
    assert "no price data found" in reasons["GONE"]
    assert reasons["NONE"] == "Yahoo has no bars from 2024-01-02 to 2024-01-04"
    assert "the answer lacks the columns Adj Close" in reasons["ODD"]
    assert reasons["SLOW"] == "TimeoutError: timed out"
    assert np.isnan(fetched.panel.close).tolist() == [[True, False, True, True, True]]


def test_impossible_values_are_unknown_and_a_row_of_nothing_is_no_session(yahoo: StandIn) -> None:
    frame = bars("2024-01-02", "2024-01-03", "2024-01-04")
    frame.iloc[0, :5] = np.nan
    frame["Volume"] = [0.0, -1.0, 7.0]
    frame.loc[frame.index[1], "Open"] = 0.0
    frame.loc[frame.index[2], "Low"] = np.inf
    yahoo.answers = {"MSFT": frame}
    panel = fetch(["MSFT"], START, END).panel
    assert panel.sessions == (date(2024, 1, 3), date(2024, 1, 4))
    np.testing.assert_array_equal(panel.open, [[np.nan], [10]])
    np.testing.assert_array_equal(panel.low, [[9], [np.nan]])
    np.testing.assert_array_equal(panel.volume, [[np.nan], [7]])


def test_no_answer_at_all_is_an_error_that_may_pass(yahoo: StandIn) -> None:
    yahoo.answers = {"A": ConnectionError("no route"), "B": ConnectionError("no route")}
    expected = (
        r"answered for none of 2 tickers \(A: ConnectionError: no route\); check the network, and ask again"
    )
    with pytest.raises(TransientProviderError, match=expected):
        fetch(["A", "B"], START, END)


def test_unknown_tickers_are_an_answer_not_an_error(yahoo: StandIn) -> None:
    yahoo.answers = {"A": yfinance.exceptions.YFTzMissingError("A")}
    fetched = fetch(["A"], START, END)
    assert fetched.panel.close.shape == (0, 1)
    assert [ticker for ticker, _ in fetched.failed] == ["A"]


def test_a_rate_limit_stops_the_questions_that_were_not_asked_yet(yahoo: StandIn) -> None:
    tickers = [f"T{n}" for n in range(50)]
    yahoo.answers = dict.fromkeys(tickers, yfinance.exceptions.YFRateLimitError())
    with pytest.raises(TransientProviderError, match="Too Many Requests"):
        fetch(tickers, START, END)
    assert len(yahoo.asked) <= 8


def test_what_came_before_a_rate_limit_is_kept(yahoo: StandIn) -> None:
    yahoo.answers = {"A": bars("2024-01-02"), "B": yfinance.exceptions.YFRateLimitError()}
    fetched = fetch(["A", "B"], START, END)
    assert fetched.panel.close[0, 0] == 10
    assert "Rate limited" in dict(fetched.failed)["B"]


def test_a_ticker_that_never_answers_fails_at_the_time_out(yahoo: StandIn) -> None:
    never = threading.Event()
    yahoo.answers = {"A": bars("2024-01-02"), "B": never}
    try:
        fetched = YahooProvider(fetch_timeout_s=0.2).fetch(["A", "B"], START, END)
    finally:
        never.set()
    assert fetched.failed == (("B", "TimeoutError: no answer within 0.2 s"),)


def test_asking_for_nothing_gives_an_empty_panel(yahoo: StandIn) -> None:
    assert fetch([], START, END).panel.close.shape == (0, 0)
    assert yahoo.asked == []


def test_a_missing_library_is_an_error_that_will_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(PermanentProviderError, match="yfinance cannot be imported"):
        fetch(["A"], START, END)


def test_importing_the_module_does_not_load_the_library() -> None:
    check = "import market.yahoo, sys; sys.exit('yfinance' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)  # noqa: S603  (constants only)


def test_the_stand_in_is_asked_only_what_the_library_understands(yahoo: StandIn) -> None:
    yahoo.answers = {"A": bars("2024-01-02")}
    fetch(["A"], START, END)
    assert hasattr(TickerBase, "history")
    assert set(yahoo.asked[0][1]) <= set(inspect.signature(PriceHistory.history).parameters)
