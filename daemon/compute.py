"""The compute seam: where functions that use the processor run, so that the event loop need not wait."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Compute:
    """Runs pure functions on an executor of `concurrent.futures`, or inline."""

    def __init__(self, executor: Executor | None) -> None:
        """Take any executor, as a Dask client's too; None computes on the event loop."""
        self._executor = executor

    @classmethod
    def of(cls, kind: Literal["process", "thread", "inline"], workers: int) -> Compute:
        """Build the configured kind. Processes are spawned, never forked from a running loop."""
        if kind == "process":
            spawn = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(workers, spawn, initializer=_end_with, initargs=(os.getpid(),))
            return cls(pool)
        return cls(ThreadPoolExecutor(workers, thread_name_prefix="compute") if kind == "thread" else None)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a picklable function with picklable arguments and return its result."""
        if self._executor is None:
            return function(*args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _call, function, args, kwargs)

    def close(self) -> None:
        """Stop the workers once their present work is done."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)


def _end_with(parent: int) -> None:
    """In a worker: end when the parent is gone, however it died."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _call(function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
    return function(*args, **kwargs)
