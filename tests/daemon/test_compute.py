from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

import numpy as np
import pytest

from daemon.compute import Compute
from forecaster.model_version import ModelVersion
from forecaster.ranks import centred_ranks
from forecaster.signals import History
from forecaster.training import fit
from tests.forecaster.planted import planted

Kind = Literal["process", "thread", "inline"]
KINDS = get_args(Kind)
IMPORTED = "as imported"  # a forked process would inherit what the parent has made of it


class OddError(ValueError):
    """An error of the project's own kind."""


@pytest.fixture(params=KINDS)
async def compute(request: pytest.FixtureRequest) -> AsyncIterator[Compute]:
    made = Compute.of(request.param, 1)
    yield made
    await asyncio.to_thread(made.close)


def divide(numerator: float, *, by: float) -> float:
    return numerator / by


def refuse(why: str) -> None:
    raise OddError(why)


def where() -> tuple[int, str, str]:
    return os.getpid(), threading.current_thread().name, IMPORTED


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


async def fit_with(kind: Kind, history: History) -> ModelVersion:
    compute = Compute.of(kind, 1)
    try:
        return await compute.run(fit, history, version=1)
    finally:
        await asyncio.to_thread(compute.close)


async def test_process_thread_and_inline_give_equal_results_to_the_last_bit() -> None:
    history = planted(0.5, sessions=200, tickers=20)
    inline, thread, process = [await fit_with(kind, history) for kind in ("inline", "thread", "process")]
    assert inline == thread == process
    assert inline.strength > 0


async def test_arrays_travel_there_and_back(compute: Compute) -> None:
    values = np.random.default_rng(2).standard_normal((30, 19))
    values[3, 4] = np.nan
    np.testing.assert_array_equal(await compute.run(centred_ranks, values), centred_ranks(values))


async def test_arguments_are_passed_by_place_and_by_name(compute: Compute) -> None:
    assert await compute.run(divide, 1.0, by=8.0) == 0.125


async def test_exceptions_travel_with_their_type_and_their_words(compute: Compute) -> None:
    with pytest.raises(ZeroDivisionError):
        await compute.run(divide, 1.0, by=0.0)
    with pytest.raises(OddError, match="not like this"):
        await compute.run(refuse, "not like this")
    assert await compute.run(divide, 6.0, by=3.0) == 2.0  # and nothing is broken afterwards


async def test_processes_are_spawned_and_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "IMPORTED", "changed by the parent")
    compute = Compute.of("process", 1)
    try:
        process, _, seen = await compute.run(where)
    finally:
        await asyncio.to_thread(compute.close)
    assert process != os.getpid()
    assert seen == "as imported"


async def test_threads_are_named_and_inline_is_the_calling_thread() -> None:
    compute = Compute.of("thread", 2)
    process, thread, _ = await compute.run(where)
    compute.close()
    assert (process, thread.startswith("compute")) == (os.getpid(), True)
    inline = Compute.of("inline", 1)
    assert (await inline.run(where))[1] == threading.current_thread().name
    inline.close()


async def test_the_loop_goes_on_while_a_thread_computes() -> None:
    compute = Compute.of("thread", 1)
    napping = asyncio.ensure_future(compute.run(nap, 0.2))
    turns = 0
    while not napping.done():
        await asyncio.sleep(0)
        turns += 1
    compute.close()
    assert turns > 10


async def test_any_executor_may_be_given() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="somebody-elses") as executor:
        assert (await Compute(executor).run(where))[1].startswith("somebody-elses")


async def test_closing_waits_for_the_work_at_hand() -> None:
    compute = Compute.of("thread", 1)
    running = asyncio.ensure_future(compute.run(nap, 0.1))
    await asyncio.sleep(0.02)
    await asyncio.to_thread(compute.close)
    assert await running == 0.1
    with pytest.raises(RuntimeError, match="shutdown"):
        await compute.run(nap, 0.0)
