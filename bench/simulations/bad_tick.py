"""One bad tick among 2,000 good ones.

A single value of 1e9 is added. Bins fixed by the reference's quantiles put it into an outer bin, where it
is one value among many; bins of equal width over everything seen, as are common elsewhere, would put all
other values into one.
"""

from __future__ import annotations

import numpy as np

from bench.finding import Finding
from monitors.arrays import FloatArray
from monitors.drift import prepare_reference
from monitors.stack import Stack, prepared_psi

TITLE = "One bad tick"
SEED = 20261122
FULL = 200  # windows a shift
REFERENCE, WINDOW, TICK = 25_000, 2_000, 1e9


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Windows a shift.
    """
    rng = np.random.default_rng(SEED)
    reference = prepare_reference(rng.standard_normal((REFERENCE, 1, 1)), ("a",), window=WINDOW)
    found = []
    for shift in (0.3, 1.0):
        clean, spoilt = _both(rng, reference.stack, shift, size)
        change = 100 * float(np.abs(spoilt / clean - 1).max())
        what = f"shift of {shift} sd: greatest change of the PSI"
        found.append(Finding.number(what, change, "%", at_most=1.0, digits=2))
    clean, spoilt = _both(rng, reference.stack, 0.0, size)
    what = f"no shift: greatest change of a PSI of {clean.mean():.4f}, absolute"
    found.append(Finding.number(what, float(np.abs(spoilt - clean).max()), digits=5))
    moved = rng.standard_normal(WINDOW) + 1.0
    old = rng.standard_normal(REFERENCE)
    before, after = _equal_width(old, moved), _equal_width(old, np.append(moved, TICK))
    found.append(
        Finding.number("twin, ten equal-width bins, shift of 1 sd: PSI without the tick", before, digits=4)
    )
    found.append(Finding.number("the same with the tick", after, digits=4))
    return found


def _both(rng: np.random.Generator, stack: Stack, shift: float, size: int) -> tuple[FloatArray, FloatArray]:
    """PSI of windows without and with the tick, shape (windows,) each."""
    clean, spoilt = np.empty(size), np.empty(size)
    for i in range(size):
        window = rng.standard_normal((1, WINDOW)) + shift
        clean[i] = prepared_psi(window, stack)[0]
        spoilt[i] = prepared_psi(np.append(window, [[TICK]], axis=1), stack)[0]
    return clean, spoilt


def _equal_width(old: FloatArray, new: FloatArray) -> float:
    edges = np.histogram_bin_edges(np.concatenate([old, new]), 10)
    p, q = ((np.histogram(values, edges)[0] + 0.5) / (values.size + 5.0) for values in (old, new))
    return float(((p - q) * np.log(p / q)).sum())
