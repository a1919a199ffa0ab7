"""The chain: who is asked for what, whose bars are taken, and what an observer sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date

import numpy as np
import pytest

from market.bars import Bars, check_rows, number, panel_of
from market.panel import FIELDS
from market.provider import (
    Fetched,
    PermanentProviderError,
    ProviderError,
    ProviderTimeoutError,
    TransientProviderError,
    UnusableAnswerError,
)
from market.provider_chain import Asked, ProviderChain, Source
from market.splits import Splits
from tests.market.provider_cases import JumpingTimer

FIRST, LAST = date(2024, 3, 6), date(2024, 3, 7)
TICKERS = ("A", "B", "C")


def bars(price: float, *days: date) -> Bars:
    return {day: (price,) * len(FIELDS) for day in days or (FIRST, LAST)}


class Scripted:
    """A provider that knows some tickers, or fails."""

    def __init__(self, known: dict[str, Bars] | ProviderError, splits: Splits | None = None) -> None:
        self.known = known
        self.splits = splits or {}
        self.asked: list[tuple[str, ...]] = []

    async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
        self.asked.append(tuple(tickers))
        if isinstance(self.known, ProviderError):
            raise self.known
        found = {ticker: self.known[ticker] for ticker in tickers if ticker in self.known}
        failed = tuple((ticker, "unknown") for ticker in tickers if ticker not in found)
        return Fetched(panel_of(tuple(tickers), found), failed, splits=self.splits)


def chain(*providers: Scripted, timer: JumpingTimer | None = None) -> ProviderChain:
    sources = [Source(f"p{n}", provider) for n, provider in enumerate(providers)]
    return ProviderChain(sources, patience_s=1200.0, timer=timer)


async def test_the_next_is_asked_for_what_is_missing_only_and_each_ticker_s_source_is_told() -> None:
    first = Scripted({"A": bars(1.0), "B": bars(1.0, FIRST)})
    second = Scripted({"B": bars(2.0), "C": bars(2.0)})
    fetched = await chain(first, second).fetch(TICKERS, FIRST, LAST)
    assert (first.asked, second.asked) == ([TICKERS], [("B", "C")])
    assert fetched.sources == (("A", "p0"), ("B", "p1"), ("C", "p1"))
    np.testing.assert_array_equal(fetched.panel.close, [[1.0, 2.0, 2.0]] * 2)
    assert fetched.failed == ()


async def test_a_ticker_s_bars_are_never_of_two_providers() -> None:
    first = Scripted({"A": bars(1.0), "B": bars(1.0, FIRST)})
    second = Scripted({"B": bars(2.0, LAST)})
    fetched = await chain(first, second).fetch(("A", "B"), FIRST, LAST)
    np.testing.assert_array_equal(fetched.panel.close, [[1.0, np.nan], [1.0, 2.0]])


async def test_splits_are_those_of_the_provider_that_serves_the_ticker_told_or_not() -> None:
    four, two = ((FIRST, 4.0),), ((FIRST, 2.0),)
    first = Scripted(
        {"A": bars(1.0), "B": bars(1.0, FIRST), "C": bars(1.0, FIRST)}, {"A": (), "B": four, "C": four}
    )
    second = Scripted({"B": bars(2.0), "C": bars(2.0)}, {"A": two, "C": two})
    fetched = await chain(first, second).fetch(TICKERS, FIRST, LAST)
    assert fetched.splits == {"A": (), "C": two}
    assert (await chain(first, Scripted({})).fetch(("B",), FIRST, LAST)).splits == {"B": four}


async def test_what_nobody_has_of_the_last_session_stays_with_the_first() -> None:
    first = Scripted({"A": bars(1.0), "B": bars(1.0, FIRST)})
    fetched = await chain(first, Scripted({"B": bars(2.0, FIRST)})).fetch(("A", "B"), FIRST, LAST)
    assert dict(fetched.sources)["B"] == "p0"


async def test_a_ticker_that_nobody_has_names_every_reason() -> None:
    fetched = await chain(Scripted({"A": bars(1.0)}), Scripted({})).fetch(("A", "B"), FIRST, LAST)
    assert fetched.failed == (("B", "p0: unknown; p1: unknown"),)


async def test_where_one_fails_the_next_serves_all() -> None:
    second = Scripted({ticker: bars(2.0) for ticker in TICKERS})
    fetched = await chain(Scripted(TransientProviderError("down")), second).fetch(TICKERS, FIRST, LAST)
    assert {source for _, source in fetched.sources} == {"p1"}


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ((ProviderTimeoutError("a"), ProviderTimeoutError("b")), ProviderTimeoutError),
        ((ProviderTimeoutError("a"), PermanentProviderError("b")), TransientProviderError),
        ((PermanentProviderError("a"), PermanentProviderError("b")), PermanentProviderError),
    ],
)
async def test_where_all_fail_the_error_leaves_as_much_hope_as_there_is(
    errors: tuple[ProviderError, ...], kind: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError, match="a; b") as caught:
        await chain(*(Scripted(error) for error in errors)).fetch(TICKERS, FIRST, LAST)
    assert type(caught.value) is kind


async def test_a_late_provider_is_waited_for_and_the_next_asked_once_a_patience() -> None:
    timer = JumpingTimer()
    first = Scripted({ticker: bars(1.0, FIRST) for ticker in TICKERS})
    second = Scripted({ticker: bars(2.0) for ticker in TICKERS})
    asked = chain(first, second, timer=timer)
    for minute, times in ((0, 0), (19, 0), (20, 1), (21, 1), (39, 1), (40, 2)):
        timer.at_s = 1000.0 + 60 * minute
        fetched = await asked.fetch(TICKERS, FIRST, LAST)
        assert (minute, len(second.asked)) == (minute, times)
    assert {source for _, source in fetched.sources} == {"p1"}
    await asked.fetch(TICKERS, FIRST, date(2024, 3, 8))
    assert len(second.asked) == 2


async def test_a_provider_that_never_ends_is_left_after_its_time() -> None:
    class Endless:
        async def fetch(self, tickers: Sequence[str], start: date, end: date) -> Fetched:
            import asyncio  # noqa: PLC0415

            await asyncio.Event().wait()
            raise AssertionError

    second = Scripted({"A": bars(2.0)})
    sources = [Source("slow", Endless()), Source("p1", second)]
    fetched = await ProviderChain(sources, answer_s=0.01).fetch(("A",), FIRST, LAST)
    assert fetched.sources == (("A", "p1"),)


async def test_an_observer_sees_each_call_and_how_much_came() -> None:
    seen: list[tuple[str, date, int | str]] = []

    @asynccontextmanager
    async def asking(provider: str, session: date) -> AsyncIterator[Asked]:
        asked = Asked()
        try:
            yield asked
        except ProviderError as error:
            seen.append((provider, session, str(error)))
            raise
        seen.append((provider, session, asked.came))

    first, second = (
        Scripted(TransientProviderError("down")),
        Scripted({"A": bars(2.0), "B": bars(2.0, FIRST)}),
    )
    sources = [Source("p0", first), Source("p1", second)]
    await ProviderChain(sources, asking=asking).fetch(TICKERS, FIRST, LAST)
    assert seen == [("p0", LAST, "down"), ("p1", LAST, 1)]


def test_a_chain_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no provider to ask"):
        ProviderChain([])


def test_impossible_values_are_unknown_and_a_row_of_nothing_is_no_bar() -> None:
    nan = float("nan")
    rows = [
        (LAST, (0.0, float("inf"), 9.0, 10.0, -1.0, -5.0)),
        (FIRST, (nan, nan, nan, nan, nan, 7.0)),
        (date(2024, 3, 8), (1.0,) * 6),
    ]
    found = check_rows(rows, FIRST, LAST)
    assert list(found) == [LAST]
    np.testing.assert_array_equal(found[LAST], [nan, nan, 9.0, 10.0, nan, nan])
    assert check_rows([(LAST, (1.0,) * 5 + (0.0,))], FIRST, LAST)[LAST][-1] == 0.0


def test_bars_are_in_the_order_of_their_sessions() -> None:
    assert list(check_rows([(LAST, (1.0,) * 6), (FIRST, (1.0,) * 6)], FIRST, LAST)) == [FIRST, LAST]


@pytest.mark.parametrize(("value", "read"), [(1, 1.0), ("2.5", 2.5), (0.0, 0.0)])
def test_a_number_may_come_as_text(value: object, read: float) -> None:
    assert number(value, "open") == read


@pytest.mark.parametrize("value", ["", "1,5", [], {}, True])
def test_what_is_no_number_is_named(value: object) -> None:
    with pytest.raises(UnusableAnswerError, match="open is"):
        number(value, "open")
