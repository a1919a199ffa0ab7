"""Drift of one ticker and of a hundred: prepared references against numpy and scipy loops."""

from __future__ import annotations

from datetime import date

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

from bench.timing import Row, compare
from bench.twins import numpy_psi, prepared_numpy_psi, prepared_scipy_psi, quantile_edges
from monitors.arrays import FloatArray
from monitors.drift import prepare_reference
from monitors.feature_drift import drift_readings
from monitors.ks import ks_test
from monitors.reading import Reading
from monitors.settings import WatchSettings
from monitors.stack import prepared_psi
from monitors.wasserstein import wasserstein

SEED = 20261122
FEATURES = 60
REFERENCE = 25_000
CURRENT = 2_000
TICKERS = 100
KEPT = 10  # different tickers held in memory; a hundred are these ten over and over
EXACT = 1e-12
COUNTED = 6  # features whose p-value is counted out
SHAPE = f"{FEATURES} x ({REFERENCE:,}, {CURRENT:,})"
SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()
NAMES = tuple(f"feature_{i}" for i in range(FEATURES))


def rows() -> list[Row]:
    """Measure."""
    old, new = _tables(np.random.default_rng(SEED))
    return [*_psi_rows(old, new), *_verdict_rows(old, new), *_distance_rows(old, new)]


def _tables(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Reference and current rows, shape (features, rows); every sixth feature has moved by 0.3."""
    old = rng.standard_normal((FEATURES, REFERENCE))
    new = rng.standard_normal((FEATURES, CURRENT))
    new[::6] += 0.3
    return old, new


def _psi_rows(old: FloatArray, new: FloatArray) -> list[Row]:
    stack = prepare_reference(old.T[:, None, :], NAMES, window=CURRENT).stack
    edges = np.stack([quantile_edges(values) for values in old])
    counts = np.stack([np.histogram(values, places)[0] for values, places in zip(old, edges, strict=True)])
    twins = (
        ("numpy, nothing prepared", lambda: numpy_psi(old, new)),
        ("numpy, edges and counts prepared", lambda: prepared_numpy_psi(edges, counts, new)),
        ("scipy binned_statistic, prepared", lambda: prepared_scipy_psi(edges, counts, new)),
    )
    what = f"PSI, {SHAPE}, prepared"
    return [
        compare(what, lambda: prepared_psi(new, stack), name, twin, goal_ms=goal_ms, within=EXACT)
        for (name, twin), goal_ms in zip(twins, (2.5, None, None), strict=True)
    ]


def _verdict_rows(old: FloatArray, new: FloatArray) -> list[Row]:
    reference = prepare_reference(old.T[:, None, :], NAMES, window=CURRENT)
    window = np.ascontiguousarray(new.T)[:, None, :]

    def judged() -> FloatArray:
        return _values(drift_readings(SESSION, window, reference, LIMITS), "psi")

    def looped() -> FloatArray:
        for before, after in zip(old, new, strict=True):
            ks_2samp(before, after)
        return numpy_psi(old, new)

    twin = "scipy ks_2samp loop + numpy PSI"
    rng = np.random.default_rng(SEED + 1)
    references = [
        prepare_reference(rng.standard_normal((REFERENCE, 1, FEATURES)), NAMES, window=CURRENT)
        for _ in range(KEPT)
    ]
    windows = [rng.standard_normal((CURRENT, 1, FEATURES)) for _ in range(KEPT)]

    def hundred() -> int:
        for ticker in range(TICKERS):
            drift_readings(SESSION, windows[ticker % KEPT], references[ticker % KEPT], LIMITS)
        return TICKERS

    def one_looped() -> int:
        looped()
        return 1

    what = f"PSI + KS + evidence + verdict, {SHAPE}"
    hundredfold = f"{twin}, one taken {TICKERS}-fold"
    return [
        compare(what, judged, twin, looped, goal_ms=5.0, within=EXACT),
        compare(
            f"the same for {TICKERS} tickers",
            hundred,
            hundredfold,
            one_looped,
            goal_ms=500.0,
            twin_times=TICKERS,
        ),
    ]


def _values(readings: tuple[Reading, ...], metric: str) -> FloatArray:
    return np.array([reading.value for reading in readings if reading.metric == metric])


def _distance_rows(old: FloatArray, new: FloatArray) -> list[Row]:
    ordered = np.sort(old, axis=1)
    few = ordered[:COUNTED, ::5]  # 5,000 values: the p-value is counted out, by scipy

    def exact(reference: FloatArray) -> FloatArray:
        pairs = zip(reference, np.sort(new, axis=1), strict=False)
        return np.array([ks_test(before, after) for before, after in pairs])

    def by_scipy(reference: FloatArray) -> FloatArray:
        found = (ks_2samp(before, after) for before, after in zip(reference, new, strict=False))
        return np.array([(result.statistic, result.pvalue) for result in found])

    def far() -> FloatArray:
        after = np.sort(new, axis=1)
        return np.array([wasserstein(a, b) for a, b in zip(ordered, after, strict=True)])

    def far_by_scipy() -> FloatArray:
        return np.array([wasserstein_distance(a, b) for a, b in zip(old, new, strict=True)])

    return [
        compare(
            f"exact KS and its p, {SHAPE}, reference sorted",
            lambda: exact(ordered),
            "scipy ks_2samp loop",
            lambda: by_scipy(old),
            within=EXACT,
        ),
        compare(
            f"exact KS and its counted p, {COUNTED} x (5,000, 2,000)",
            lambda: exact(few),
            "scipy ks_2samp loop",
            lambda: by_scipy(few),
            within=EXACT,
        ),
        compare(
            f"Wasserstein, {SHAPE}, reference sorted",
            far,
            "scipy wasserstein_distance loop",
            far_by_scipy,
            within=EXACT,
        ),
    ]
