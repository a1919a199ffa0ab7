"""The change points: series that people annotated, as streams.

Two collections. The Turing change point data set (van den Burg, Williams 2020): short series, five annotators
each. The Numenta anomaly benchmark (Lavin, Ahmad 2015): server metrics, machine temperatures and ticker
mentions, with a labelled window around each anomaly.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from bench.real_drift.inputs import innovations, standardised
from bench.real_drift.stream import Change, Stream
from monitors.arrays import FloatArray

NEAR = 5  # marks this close mean one change
AGREED = 2  # annotators who must see it
LATE = 20  # values after which an alarm comes too late
WARM = 20  # values from which a series is judged
PROBATION = 0.15  # share of a stream from which it is judged, as the anomaly benchmark has it
STEP = "1h"

Marks = dict[str, list[int]]


def turing(folder: Path, more: dict[str, Marks]) -> tuple[Stream, ...]:
    """The short series.

    Args:
        folder: Holds `tcpd/` and `river/`.
        more: Annotations of the series in `river/`, by name; those without any are left out.

    Returns:
        Streams by name, with inputs `levels` and `innovations`.
    """
    annotated: dict[str, Marks] = json.loads((folder / "tcpd" / "annotations.json").read_text())
    found = [
        _annotated(name, _series(folder / "tcpd" / f"{name}.json"), marks)
        for name, marks in annotated.items()
    ]
    columns = {"apple": ("Close", 3), "bitcoin": ("price", 1), "occupancy": ("V4", 1)}
    for name, (column, every) in columns.items():  # the marks on apple count every third row
        if name in more:
            values = pd.read_csv(folder / "river" / f"{name}.csv")[column].to_numpy(np.float64)[::every]
            found.append(_annotated(name, values, more[name]))
    return tuple(sorted(found, key=lambda stream: stream.name))


def numenta(folder: Path) -> tuple[Stream, ...]:
    """The server metrics as hourly means, with the labelled windows as changes."""
    windows: dict[str, list[list[str]]] = json.loads((folder / "nab" / "windows.json").read_text())
    found = []
    for name, spans in windows.items():
        rows = pd.read_csv(folder / "nab" / f"{name}.gz", parse_dates=["timestamp"]).set_index("timestamp")
        coarse = rows["value"].resample(STEP).mean().ffill()
        at = coarse.index
        changes = tuple(
            Change(
                int(at.searchsorted(pd.Timestamp(start))), int(at.searchsorted(pd.Timestamp(end), "right"))
            )
            for start, end in spans
        )
        warm = int(PROBATION * coarse.size)
        judged = tuple(change for change in changes if change.start >= warm)
        early = tuple((change.start, change.end) for change in changes if change.start < warm)
        found.append(_fed(Path(name).stem, coarse.to_numpy(np.float64), judged, early, warm))
    return tuple(sorted(found, key=lambda stream: stream.name))


def agreed(marks: Marks, n: int) -> tuple[tuple[Change, ...], tuple[tuple[int, int], ...]]:
    """Marks within five values of each other are one change; what one annotator alone saw is disputed.

    A change starts at its first mark and can be noticed until twenty values after its last one, or until the
    next change.

    Args:
        marks: Of each annotator, positions in the series.
        n: Length of the series.

    Returns:
        Changes, and disputed stretches.
    """
    seen = sorted((mark, who) for who, held in marks.items() for mark in held)
    groups: list[list[tuple[int, str]]] = []
    for mark in seen:
        if groups and mark[0] - groups[-1][-1][0] <= NEAR:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    starts = [group[0][0] for group in groups] + [n]
    changes, disputed = [], []
    for group, following in zip(groups, starts[1:], strict=True):
        span = group[0][0], min(group[-1][0] + LATE, following, n)
        if len({who for _, who in group}) >= AGREED:
            changes.append(Change(*span))
        else:
            disputed.append(span)
    return tuple(changes), tuple(disputed)


def _annotated(name: str, values: FloatArray, marks: Marks) -> Stream:
    changes, disputed = agreed(marks, values.size)
    judged = tuple(change for change in changes if change.start >= WARM)
    early = tuple((change.start, change.end) for change in changes if change.start < WARM)
    return _fed(name, values, judged, (*disputed, *early), WARM)


def _fed(
    name: str,
    values: FloatArray,
    changes: tuple[Change, ...],
    disputed: tuple[tuple[int, int], ...],
    warm: int,
) -> Stream:
    levels = standardised(values, warm)
    inputs = {"levels": levels, "innovations": standardised(innovations(levels), warm)}
    return Stream(name, values, changes, disputed, warm, inputs)


def _series(path: Path) -> FloatArray:
    """The first variable of a series; an unknown value is the one before it."""
    raw = json.loads(path.read_text())["series"][0]["raw"]
    return pd.Series(raw, dtype="float64").ffill().to_numpy(np.float64)
