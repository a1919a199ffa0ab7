"""One more row, one more trade: what is kept up to date against what is computed anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
from scipy.stats import binomtest

from bench.timing import Row, compare
from monitors import e_detector, win_rate
from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.rolling_drift import RollingDrift
from monitors.stack import prepared_psi

SEED = 20261122
WINDOW = 250
TICKERS = 100
FEATURES = 60
TRADES = 20
LEVEL = 0.01


def rows() -> list[Row]:
    """Measure."""
    rng = np.random.default_rng(SEED)
    names = tuple(f"feature_{i}" for i in range(FEATURES))
    one = prepare_reference(rng.standard_normal((1_000, 1, FEATURES)), names, window=100)
    many = DriftReference(one.window, one.sessions, one.features * TICKERS)
    return [
        _row_by_row(one, rng, 0.05),
        _row_by_row(many, rng, 1.0),
        _unusual_row(many, rng),
        _evidence_row(many, rng),
        _trade_by_trade(rng),
    ]


def _filled(reference: DriftReference, rows: FloatArray) -> RollingDrift:
    rolling = RollingDrift(reference, WINDOW)
    for row in rows:
        rolling.update(row)
    return rolling


def _rows(reference: DriftReference, rng: np.random.Generator) -> FloatArray:
    """A window of rows, one value in a hundred unknown."""
    values = rng.standard_normal((WINDOW, len(reference.features)))
    values[rng.random(values.shape) < 0.01] = np.nan
    return values


def _row_by_row(reference: DriftReference, rng: np.random.Generator, goal_ms: float) -> Row:
    """Update and read; the window's rows go round in turn, so that what leaves is what comes in."""
    values = _rows(reference, rng)
    rolling, turn = _filled(reference, values), cycle(values)
    window = np.ascontiguousarray(values.T)

    def updated() -> FloatArray:
        rolling.update(next(turn))
        return rolling.psi

    what = f"one row of {len(reference.features):,} features in, all PSI out"
    twin = f"our batch PSI of the newest {WINDOW} rows"
    return compare(
        what, updated, twin, lambda: prepared_psi(window, reference.stack), goal_ms=goal_ms, within=1e-12
    )


def _unusual_row(reference: DriftReference, rng: np.random.Generator) -> Row:
    """Whose p-value is at most 1 %; every hundredth feature has moved by a deviation."""
    values = _rows(reference, rng)
    values[:, ::100] += 1.0
    rolling, turn = _filled(reference, values), cycle(values)

    def decided() -> FloatArray:
        rolling.update(next(turn))
        return rolling.unusual(LEVEL)[0].astype(np.float64)

    def all_told() -> FloatArray:
        return (rolling.p <= LEVEL).nonzero()[0].astype(np.float64)

    what = f"one row of {len(reference.features):,} features in, those of p <= 1 % by PSI and KS out"
    return compare(what, decided, "the p of all of them, nothing taken in", all_told, goal_ms=1.0)


def _evidence_row(reference: DriftReference, rng: np.random.Generator) -> Row:
    values = _rows(reference, rng)
    rolling, turn = _filled(reference, values), cycle(values)

    def updated() -> FloatArray:
        rolling.update(next(turn))
        return rolling.p

    what = f"one row of {len(reference.features):,} features in, PSI, KS and their p out"
    return compare(
        what, updated, f"{WINDOW} rows taken in anew", lambda: _filled(reference, values).p, within=0.0
    )


def _trade_by_trade(rng: np.random.Generator) -> Row:
    stakes = win_rate.bets(0.55)
    won = (rng.random(TRADES) < 0.55).astype(float)
    kept = [np.zeros((1, stakes.size))]

    def advanced() -> float:
        kept[0] = e_detector.advance(kept[0], win_rate.gains(won[-1], stakes, 0.55))
        return e_detector.level(kept[0])

    def tested() -> float:
        return float(binomtest(int(won.sum()), TRADES, 0.55, alternative="less").pvalue)

    return _thousandfold(
        "one trade into the win-rate e-detector", advanced, f"scipy binomtest of the last {TRADES}", tested
    )


def _thousandfold(
    what: str, ours: Callable[[], float], twin_name: str, twin: Callable[[], float], times: int = 1_000
) -> Row:
    """Compare work too short for the clock by doing it a thousand times."""

    def repeated(work: Callable[[], float]) -> Callable[[], float]:
        return lambda: [work() for _ in range(times)][-1]

    row = compare(what, repeated(ours), twin_name, repeated(twin))
    return Row(what, row.ours.scaled(1 / times), twin_name, row.theirs.scaled(1 / times))
