"""Tests of calibration: their size at every sample size, and what they find.

A perfectly calibrated forecaster states probabilities spread evenly over 0.5 to 0.75, or over 0 to 1; tests
at 5 % should fire 5 % of the time, at every n. Power is against an edge that is half of what is claimed, n
= 250. Last, the e-process, which may be looked at after every forecast: it should ever reach 100 in at most
1 % of calibrated streams.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.finding import Finding
from bench.share import Share
from monitors.arrays import FloatArray
from monitors.calibration_tests import (
    SHARES,
    e_value,
    gains_by_time,
    one_sided,
    spiegelhalter_z,
    sum_z,
    too_bold_z,
    two_sided,
)

TITLE = "Calibration tests: size and power"
SEED = 20261122
FULL = 20_000  # samples of each kind
LEVEL = 0.05
LAWS = {"0.5 to 0.75": (0.5, 0.75), "0 to 1": (0.0, 1.0)}
TESTS: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "Spiegelhalter": lambda p, y: two_sided(spiegelhalter_z(p, y)),
    "sum": lambda p, y: two_sided(sum_z(p, y)),
    "edge (one-sided sum)": lambda p, y: one_sided(too_bold_z(p, y)),
}


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Samples of each kind; an eighth as many of 1,000 forecasts and of streams.
    """
    found = []
    for n in (20, 50, 250, 1_000):
        for law in LAWS:
            for test, share in flagged(law, n, size if n < 1_000 else size // 4).items():
                what = f"n = {n:,}, stated {law}: {test}"
                found.append(Finding.share(what, share, at_least=0.04, at_most=0.06))
    for test, share in flagged("0.5 to 0.75", 250, size // 4, edge=0.5).items():
        goal = 0.65 if test.startswith("edge") else -np.inf
        found.append(Finding.share(f"half the edge, n = 250: {test} finds", share, at_least=goal))
    found.append(
        Finding.share(
            "calibrated streams of 1,000 whose e-process reaches 100", streams(size // 8), at_most=0.01
        )
    )
    return found


def flagged(law: str, n: int, samples: int, *, edge: float = 1.0) -> dict[str, Share]:
    """How often each test's p-value is at or below 5 %.

    Args:
        law: Over which range probabilities are spread.
        n: Forecasts in a sample.
        samples: How many samples.
        edge: What share of the stated distance from 1/2 is real.
    """
    rng = np.random.default_rng([SEED, n, list(LAWS).index(law)])
    stated = rng.uniform(*LAWS[law], (samples, n))
    came = (rng.random((samples, n)) < 0.5 + edge * (stated - 0.5)).astype(np.float64)
    pairs = list(zip(stated, came, strict=True))
    return {name: Share(sum(test(p, y) <= LEVEL for p, y in pairs), samples) for name, test in TESTS.items()}


def streams(count: int) -> Share:
    """How many calibrated streams of 1,000 forecasts ever reach an e-value of 100."""
    rng = np.random.default_rng([SEED, 1])
    starts = np.arange(1_000)
    hits = 0
    for _ in range(count):
        stated = rng.uniform(0.5, 0.75, starts.size)
        came = (rng.random(starts.size) < stated).astype(np.float64)
        hits += e_value(gains_by_time(stated, came, starts, SHARES)) >= 100
    return Share(hits, count)
