"""FINRA's files of a whole history: several on their way, at FINRA's pace, and an end at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from market.guard import Guard, Request
from market.limits import Limits
from market.provider import PermanentProviderError, TransientProviderError
from market.short_volume import file_name
from market.short_volume_files import PATIENCE_S, Finra, Folder
from tests.market.provider_cases import JumpingTimer, guard
from tests.stand_ins.finra import FinraStandIn, daily

DAYS = tuple(date(2024, 3, 4) + timedelta(days=i) for i in range(12))
LIMITS = Limits(per_s=500.0, at_once=4, timeout_s=5.0, attempts=2, first_pause_s=0.01, longest_pause_s=1.0)


def shares(day: date) -> dict[str, tuple[float, float]]:
    return {"AAPL": (float(day.day), 100.0)}


@pytest.fixture
async def finra() -> AsyncIterator[FinraStandIn]:
    async with FinraStandIn(shares) as stand_in:
        yield stand_in


async def read(files: Finra, days: tuple[date, ...] = DAYS) -> list[float | None]:
    """Ask for the files of a history one after the other; return what each says."""
    out: list[float | None] = []
    async with files.expecting(days):
        for day in days:
            try:
                found = await files.of(day)
            except TransientProviderError:
                found = None
            out.append(None if found is None else float(found.short[0]))
    return out


async def test_the_next_files_come_while_the_ones_before_are_used_over_few_connections(
    finra: FinraStandIn,
) -> None:
    finra.latency_s = 0.05
    assert await read(Finra(guard("finra", LIMITS), url=finra.url)) == [float(day.day) for day in DAYS]
    assert (sorted(finra.asked), finra.most_at_once) == (list(DAYS), 4)
    assert finra.connections <= 4


async def test_no_more_are_asked_for_than_may_be_under_way(finra: FinraStandIn) -> None:
    files = Finra(guard("finra", LIMITS), url=finra.url)
    async with files.expecting(DAYS):
        await files.of(DAYS[0])
        await files.of(DAYS[3])
    assert len(finra.asked) <= 5  # the files of two sessions are used, three wait


async def test_they_come_at_the_pace_that_is_set(finra: FinraStandIn) -> None:
    began = time.monotonic()
    await read(Finra(guard("finra", replace(LIMITS, per_s=40.0)), url=finra.url))
    assert time.monotonic() - began >= (len(DAYS) - 4) / 40.0


async def test_a_file_that_does_not_come_is_unknown_and_holds_nothing_up(finra: FinraStandIn) -> None:
    finra.refusals = [(500, "")] * 2
    one_by_one = replace(LIMITS, at_once=1)
    found = await read(Finra(guard("finra", one_by_one), url=finra.url))
    assert found == [None, *(float(day.day) for day in DAYS[1:])]


async def test_what_finra_does_not_have_is_asked_for_once_and_what_is_too_old_never(
    finra: FinraStandIn,
) -> None:
    finra.shares = lambda day: shares(day) if day in DAYS[::2] else {}
    old = date(2018, 7, 31)
    found = await read(Finra(guard("finra", LIMITS), url=finra.url), (old, *DAYS))
    assert found == [None, *(float(day.day) if day in DAYS[::2] else None for day in DAYS)]
    assert sorted(finra.asked) == list(DAYS)


async def test_to_be_shut_out_is_a_failure_that_is_told_and_one_file_ends_it(finra: FinraStandIn) -> None:
    finra.shares = lambda day: {}
    seen: list[Request] = []
    files = Finra(guard("finra", LIMITS, seen=seen), url=finra.url)
    for day in DAYS[:3]:
        assert await files.of(day) is None
    assert not any(one.failure for one in seen)
    with pytest.raises(
        PermanentProviderError, match=r"403 Forbidden, to 4 files in a row .* market.finra.url"
    ):
        await files.of(DAYS[3])
    assert seen[-1].failure.startswith("403 Forbidden, to 4 files in a row")
    finra.shares = shares
    assert await files.of(DAYS[4]) is not None
    finra.shares = lambda day: {}
    assert await files.of(DAYS[5]) is None
    assert len(finra.asked) == 6


async def test_a_file_that_is_not_due_yet_is_no_sign_of_being_shut_out(finra: FinraStandIn) -> None:
    finra.shares = lambda day: {}
    timer = JumpingTimer()  # on the morning of 7 March 2024
    files = Finra(guard("finra", LIMITS, timer=timer), url=finra.url)
    assert [await files.of(date(2024, 3, 7)) for _ in range(5)] == [None] * 5


async def test_finra_is_told_who_asks(finra: FinraStandIn) -> None:
    files = Finra(guard("finra", LIMITS), url=finra.url)
    await files.of(DAYS[0])
    async with files.expecting(DAYS[1:2]):
        await files.of(DAYS[1])
    assert finra.agents == {f"forewarn/{version('forewarn')}"}


async def test_a_pause_that_finra_wants_costs_no_file_of_the_history(finra: FinraStandIn) -> None:
    timer = JumpingTimer()
    finra.refusals = [(429, "120")]
    limits = replace(LIMITS, at_once=1)
    assert await read(Finra(Guard("finra", limits, timer=timer), url=finra.url, timer=timer)) == [
        float(day.day) for day in DAYS
    ]
    assert timer.at_s >= 1120.0
    assert len(finra.asked) == len(DAYS) + 1


async def test_after_its_patience_the_rest_of_the_history_is_unknown_at_once(finra: FinraStandIn) -> None:
    timer = JumpingTimer()
    finra.refusals = [(429, "100000")]
    limits = replace(LIMITS, at_once=1)
    assert await read(Finra(Guard("finra", limits, timer=timer), url=finra.url, timer=timer)) == [None] * 12
    assert PATIENCE_S <= timer.at_s - 1000.0 < PATIENCE_S + 60.0
    assert len(finra.asked) == 1


async def test_leaving_ends_what_is_under_way(finra: FinraStandIn) -> None:
    finra.hangs = DAYS
    files = Finra(guard("finra", replace(LIMITS, timeout_s=60.0)), url=finra.url)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with files.expecting(DAYS), asyncio.timeout(0.2):
            await files.of(DAYS[0])
    assert time.monotonic() - began < 5.0
    finra.hangs = ()
    assert await files.of(DAYS[0]) is not None  # as ever afterwards


async def test_a_folder_needs_no_time_to_get_ready(tmp_path: Path) -> None:
    (tmp_path / file_name(DAYS[0])).write_text(daily(DAYS[0], shares(DAYS[0])))
    folder = Folder(tmp_path)
    async with folder.expecting(DAYS):
        found = await folder.of(DAYS[0])
    assert found is not None
    assert found.tickers == ("AAPL",)
