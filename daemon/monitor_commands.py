"""`forewarn monitor`: the monitors over anybody's tables."""

from __future__ import annotations

import json as json_format
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.data_file import DataFile, DataFileError
from daemon.plots import plot_calibration, plot_drift, plot_performance
from monitors.calibration_report import calibration_report
from monitors.drift_report import drift_report
from monitors.performance_report import performance_report
from monitors.reading import Reading, State

EXIT = {State.OK: 0, State.WARN: 0, State.BREACH: 1, State.NO_DATA: 2}
LARGEST_RETURN = 10.0  # a fraction a period; more is money, or per cent
STYLE = {State.OK: "green", State.WARN: "yellow", State.BREACH: "bold red", State.NO_DATA: "blue"}


def drift(reference: Path, current: Path, columns: Sequence[str], *, json: bool, plot: Path | None) -> int:
    """Hold the rows of one file against those of another. Returns the exit code.

    Raises:
        DataFileError: A file or column cannot be used.
    """
    old, new = DataFile(reference), DataFile(current)
    names = tuple(columns) or old.numeric()
    if not set(names) & set(new.numeric()):
        raise DataFileError(f"{reference} and {current} share no column of numbers; name some with --column")
    take = new.numbers if columns else new.numbers_if_any
    report = drift_report(
        np.column_stack([old.numbers(name) for name in names]),
        np.column_stack([take(name) for name in names]),
        names,
    )
    notes = [
        f"Incident: {', '.join(one.members)} ({one.contribution:.0%} of the evidence, p = {one.p:.2g})"
        for one in report.incidents
    ]
    if gone := [name for name in names if name not in new.numeric()]:
        notes.append(f"No numbers in {current.name}: {', '.join(gone)}")
    code = _tell(
        f"{current.name} against {reference.name}", report.readings, report.verdict, notes, json=json
    )
    if plot:
        _draw(plot, lambda path: plot_drift(report, path))
    return code


def calibration(
    file: Path,
    probability: str,
    outcome: str,
    *,
    time: str | None,
    group: str | None,
    json: bool,
    plot: Path | None,
) -> int:
    """Ask whether stated probabilities come true. Returns the exit code.

    Raises:
        DataFileError: The file or a column cannot be used.
    """
    data = DataFile(file)
    stated, came = data.numbers(probability), data.numbers(outcome)
    times, groups = data.labels(time) if time else None, data.labels(group) if group else None
    try:
        report = calibration_report(stated, came, times, groups)
    except ValueError as error:
        raise DataFileError(f"{file}: columns {probability!r} and {outcome!r}: {error}") from None
    code = _tell(file.name, report.readings, report.verdict, (), json=json)
    if plot:
        _draw(plot, lambda path: plot_calibration(report, path))
    return code


def performance(file: Path, returns: str, *, json: bool, plot: Path | None) -> int:
    """Ask whether a series of returns earns as it did. Returns the exit code.

    Raises:
        DataFileError: The file or the column cannot be used.
    """
    values = DataFile(file).numbers(returns)
    odd = np.flatnonzero(np.isfinite(values) & ((values < -1.0) | (values > LARGEST_RETURN)))
    if odd.size:
        raise DataFileError(
            f"{file}: column {returns!r}, row {odd[0] + 1} holds {values[odd[0]]:g}: returns are fractions "
            f"from -1 to {LARGEST_RETURN:g} (0.01 is 1 %); divide profits by the capital"
        )
    report = performance_report(values)
    code = _tell(file.name, report.readings, report.verdict, (), json=json)
    if plot:
        _draw(plot, lambda path: plot_performance(values, report.verdict, path))
    return code


def _draw(path: Path, draw: Callable[[Path], object]) -> None:
    try:
        draw(path)
    except OSError as error:
        raise DataFileError(f"--plot {path}: cannot be written: {error.strerror}") from None


def _tell(
    title: str, readings: Sequence[Reading], verdict: State, notes: Sequence[str], *, json: bool
) -> int:
    if json:
        answer = {"readings": [_plain(one) for one in readings], "verdict": verdict.value}
        sys.stdout.write(json_format.dumps(answer) + "\n")
        return EXIT[verdict]
    console = Console(highlight=False)
    console.print(_table(title, readings))
    for one in readings:
        if one.state is not State.OK:
            why = " ".join(filter(None, (one.reason.value if one.reason else "", one.detail)))
            console.print(Text(f"{one.metric} {one.subject}: {why}", style="dim"))
    for note in notes:
        console.print(note, markup=False)
    console.print(Text.assemble("Verdict: ", (verdict.value, STYLE[verdict])))
    return EXIT[verdict]


def _table(title: str, readings: Sequence[Reading]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("metric", "subject", "value", "limit", "n", "by chance", "state"):
        table.add_column(column, justify="right" if column in {"value", "limit", "n"} else "left")
    for one in readings:
        table.add_row(
            one.metric,
            one.subject,
            "" if math.isnan(one.value) else f"{one.value:.4g}",
            "" if one.threshold is None else f"{one.threshold:.4g}",
            f"{one.n:,}",
            _chance(one),
            Text(one.state.value, style=STYLE[one.state]),
        )
    return table


def _chance(reading: Reading) -> str:
    evidence = reading.evidence
    if evidence is None:
        return ""
    if evidence.p_value is not None:
        return f"p = {evidence.p_value:.2g}"
    return f"e = {evidence.e_value:.3g}"


def _plain(reading: Reading) -> dict[str, Any]:
    evidence = reading.evidence
    return {
        "monitor": reading.monitor,
        "metric": reading.metric,
        "subject": reading.subject,
        "value": None if math.isnan(reading.value) else reading.value,
        "n": reading.n,
        "threshold": reading.threshold,
        "state": reading.state.value,
        "evidence": evidence
        and {"method": evidence.method, "p_value": evidence.p_value, "e_value": evidence.e_value},
        "reason": reading.reason.value if reading.reason else None,
        "detail": reading.detail,
    }
