"""A stream that never ends: a million rows of 60 features into one rolling window.

PSI and KS of the newest 250 rows are kept up to date row by row. Neither the time of a row nor the memory
may grow. Of each block of rows the fastest hundredth counts, as the rest measures the neighbours.
"""

from __future__ import annotations

import time

import numpy as np
import psutil

from bench.finding import Finding
from monitors.drift import prepare_reference
from monitors.rolling_drift import RollingDrift

TITLE = "A stream of a million rows"
SEED = 20261122
FULL = 1_000_000  # rows
BLOCKS, PARTS, FEATURES, WINDOW = 10, 100, 60, 250


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Rows, at least a thousand.
    """
    rng = np.random.default_rng(SEED)
    names = tuple(f"feature_{i}" for i in range(FEATURES))
    reference = prepare_reference(rng.standard_normal((1_000, 1, FEATURES)), names, window=100)
    rolling, rows = RollingDrift(reference, WINDOW), rng.standard_normal((1_000, FEATURES))
    _timed(rolling, rows, WINDOW)  # a full window costs more: what enters makes something leave
    process = psutil.Process()
    costs, sizes = [], []
    for _ in range(BLOCKS):
        parts = [_timed(rolling, rows, size // BLOCKS // PARTS) for _ in range(PARTS)]
        costs.append(min(parts))
        sizes.append(process.memory_info().rss / 1e6)
    text = ", ".join(f"{cost:.0f}" for cost in costs)
    return [
        Finding.number(f"time of a row, first {size // BLOCKS:,}", costs[0], "µs", digits=1),
        Finding.number(
            f"time of a row, last {size // BLOCKS:,}",
            costs[-1] / costs[0],
            "x the first",
            at_most=1.25,
            digits=2,
        ),
        Finding.text("time of a row, block by block", f"{text} µs"),
        Finding.number("memory at the end", sizes[-1], "MB"),
        Finding.number(
            "memory gained since the first block", sizes[-1] - sizes[0], "MB", at_most=1.0, digits=2
        ),
    ]


def _timed(rolling: RollingDrift, rows: np.ndarray, count: int) -> float:
    """Microseconds a row."""
    started = time.perf_counter()
    for i in range(count):
        rolling.update(rows[i % len(rows)])
    return (time.perf_counter() - started) / count * 1e6
