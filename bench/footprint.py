"""What the monitors weigh: the prepared reference, and what importing them costs.

The reference of one ticker: 60 features, 25,000 rows, ranks at 1,000 knots, the scores of its own windows,
pickled as it travels to the process that computes. Its KS distance is off by at most what it says itself; the
exact distance of 40 windows is held against that. Imports are timed in fresh processes that have numpy
already, by processor time, so that neighbours do not count.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

from bench.finding import Finding
from monitors.drift import DriftReference, prepare_reference
from monitors.feature_drift import compare
from monitors.ks import ks
from monitors.settings import WatchSettings

TITLE = "Weight: a prepared reference, an import"
SEED = 20261122
FULL = 60  # features
ROWS, WINDOW, WINDOWS = 25_000, 250, 40
PROCESSES = 7
MODULES = {
    "the daemon's monitors": "monitors.watch",
    "the monitors and all reports": "monitors.watch, monitors.drift_report, monitors.calibration_report, "
    "monitors.performance_report",
}
TIMED = "import time, numpy; start = time.process_time(); import {}; print(time.process_time() - start)"


@dataclass(frozen=True, slots=True)
class Stored:
    """A reference as bytes.

    Attributes:
        size: Bytes.
        equal: Whether it came back digit for digit.
        out_s: Seconds to write it.
        in_s: Seconds to read it.
        bound: Greatest error of a KS distance that it admits.
        worst: Greatest error seen.
    """

    size: int
    equal: bool
    out_s: float
    in_s: float
    bound: float
    worst: float


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Features of the reference.
    """
    held = stored(size)
    imports = [_import(what, import_s(modules)) for what, modules in MODULES.items()]
    return [
        Finding.number(
            f"prepared reference, pickled, {size} features", held.size / 1e6, "MB", at_most=2.0, digits=2
        ),
        Finding.answer("read back, digit for digit", "equal", "equal" if held.equal else "different"),
        Finding.number("time to write it", 1e3 * held.out_s, "ms", digits=1),
        Finding.number("time to read it", 1e3 * held.in_s, "ms", digits=1),
        Finding.number(
            "KS error, the bound it states",
            1e4 * held.bound,
            "in 10,000",
            digits=2,
            note="one part in 1,000 is 10",
        ),
        Finding.number(
            "KS error, the greatest seen", 1e4 * held.worst, "in 10,000", at_most=1e4 * held.bound, digits=2
        ),
        *imports,
    ]


def stored(features: int) -> Stored:
    """Prepare a reference, write it, read it, and try its distances."""
    rng = np.random.default_rng(SEED)
    names = tuple(f"feature_{i}" for i in range(features))
    history = rng.standard_normal((ROWS, 1, features))
    reference = prepare_reference(history, names, window=WINDOW)
    started = time.perf_counter()
    written = pickle.dumps(reference)
    between = time.perf_counter()
    again: DriftReference = pickle.loads(written)  # noqa: S301 - written above
    ended = time.perf_counter()
    ordered, worst = np.sort(history[:, 0], axis=0), 0.0
    for _ in range(WINDOWS):
        window = rng.standard_normal((WINDOW, 1, features)) + rng.uniform(-0.5, 0.5, features)
        for i, drift in enumerate(compare(window, again, WatchSettings())):
            worst = max(worst, abs(drift.ks - ks(ordered[:, i], np.sort(window[:, 0, i]))))
    bound = max(feature.grid.error for feature in again.features)
    return Stored(
        len(written), pickle.dumps(again) == written, between - started, ended - between, bound, worst
    )


def import_s(modules: str, processes: int = PROCESSES) -> tuple[float, float]:
    """Best and median processor seconds to import `modules` in a fresh process that has numpy already."""
    command = [sys.executable, "-c", TIMED.format(modules)]
    times = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own code
        for _ in range(processes + 1)
    ]
    return min(times[1:]), float(np.median(times[1:]))  # the first one reads the disk


def _import(what: str, seconds: tuple[float, float]) -> Finding:
    best, median = (1e3 * one for one in seconds)
    named = f"import of {what}, best of {PROCESSES}, processor time"
    return Finding.number(named, best, "ms", at_most=500, note=f"median {median:.0f} ms")
