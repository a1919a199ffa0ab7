"""Elec2: the New South Wales electricity market (Harries 1999), 944 days of half-hours and one great change.

From row 17,424 on (May 1997) the market of Victoria was joined to it, the one change everybody agrees on.
Three series are watched: price, demand, and whether a forecaster that was fitted on the first sixty days and
then left alone is right about the price's next move. What came before the change is calm; days of it, drawn
in blocks of a week, make as many calm histories as are needed, and days from the four months after it make
what follows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from bench.real_drift.inputs import standardised
from bench.real_drift.stream import Change, Stream
from monitors.arrays import FloatArray

SEED = 20261122
A_DAY = 48
COARSE = 12  # means of two hours, for the series of numbers
FITTED = 60  # days
JOINED = 363  # the first day with Victoria
AFTER = 120  # days that show what changed
BLOCK = 7
KNOWN = 200  # days that every detector sees before it is judged
CALM = 300  # days judged without a change
BEFORE = 60  # days judged before a change
HISTORIES = 24  # of either kind
SERIES = ("price", "demand", "wins")


def series(path: Path) -> dict[str, FloatArray]:
    """The three series, shape (days, 48)."""
    rows = pd.read_csv(path)
    rows = rows.iloc[: len(rows) // A_DAY * A_DAY]
    angle = 2 * np.pi * rows["period"].to_numpy()
    price, demand = rows["nswprice"].to_numpy(), rows["nswdemand"].to_numpy()
    known = np.column_stack([np.sin(angle), np.cos(angle), price, demand])
    rises = rows["class"].to_numpy()
    first = FITTED * A_DAY
    scale = known[:first].std(axis=0)
    forecaster = LogisticRegression(max_iter=1000).fit(known[:first] / scale, rises[:first])
    right = (forecaster.predict(known / scale) == rises).astype(np.float64)
    return {name: held.reshape(-1, A_DAY) for name, held in zip(SERIES, (price, demand, right), strict=True)}


def histories(days: FloatArray, name: str, count: int = HISTORIES) -> tuple[Stream, ...]:
    """Histories without and with the change, as daily means and finer.

    Args:
        days: Shape (days, 48).
        name: One of `SERIES`.
        count: How many of either kind.

    Returns:
        Streams whose positions are days, with inputs `daily`, and `two_hours` or, of the wins, `wins`.
    """
    rng = np.random.default_rng([SEED, SERIES.index(name)])
    before, after = days[FITTED:JOINED], days[JOINED : JOINED + AFTER]
    found = []
    for i in range(count):
        calm = _blocks(rng, before, KNOWN + CALM)
        found.append(_history(f"calm{i:02d}", calm, (), name))
        changed = np.concatenate([_blocks(rng, before, KNOWN + BEFORE), _blocks(rng, after, AFTER)])
        change = Change(KNOWN + BEFORE, KNOWN + BEFORE + AFTER)
        found.append(_history(f"changed{i:02d}", changed, (change,), name))
    return tuple(found)


def actual(days: FloatArray, name: str) -> Stream:
    """The days as they came, from the sixtieth on, until the end of the four months."""
    held = days[FITTED : JOINED + AFTER]
    start = JOINED - FITTED
    return _history("actual", held, (Change(start, start + AFTER),), name)


def _history(label: str, days: FloatArray, changes: tuple[Change, ...], name: str) -> Stream:
    means = days.mean(axis=1)
    if name == "wins":
        fine = {"wins": days.ravel()}
    else:
        coarse = days.reshape(len(days), COARSE, -1).mean(axis=2).ravel()
        fine = {"two_hours": standardised(coarse, KNOWN * COARSE)}
    return Stream(label, means, changes, (), KNOWN, {"daily": standardised(means, KNOWN), **fine})


def _blocks(rng: np.random.Generator, days: FloatArray, length: int) -> FloatArray:
    starts = rng.integers(0, len(days) - BLOCK + 1, -(-length // BLOCK))
    return np.concatenate([days[start : start + BLOCK] for start in starts])[:length]


def as_days(kind: str, alarms: list[int]) -> list[int]:
    """Positions in an input as days."""
    a_day = {"wins": A_DAY, "two_hours": COARSE}.get(kind, 1)
    return [alarm // a_day for alarm in alarms]
