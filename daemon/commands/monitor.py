"""`forewarn monitor`: the monitors over anybody's tables."""

from __future__ import annotations

import json as json_format
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.commands.data_file import DataFile, DataFileError
from daemon.commands.exit_codes import BAD_INPUT
from daemon.commands.plots import plot_calibration, plot_drift, plot_performance
from monitors.calibration_report import calibration_report
from monitors.confidence_sequence import Interval
from monitors.drift_report import drift_report
from monitors.performance_report import performance_report
from monitors.reading import Reading, State
from monitors.settings import WatchSettings

EXIT = {State.OK: 0, State.WARN: 0, State.BREACH: 1, State.NO_DATA: 2}
PICTURES = (".png", ".svg", ".pdf")
LARGEST_RETURN = 10.0  # a fraction a period; more is money, or per cent
LEFT_OUT = "left out"  # what a reading did not look at is said even where the rest is in order
STAND_INS = {
    "yurdakul_chi_square": " (chi-square)",
    "kolmogorov_independent": " (independent)",
    "kolmogorov_effective_n": " (effective n)",
}
"""Marks of p-values that do not come from the reference's own windows."""

STYLE = {State.OK: "green", State.WARN: "yellow", State.BREACH: "bold red", State.NO_DATA: "blue"}


def drift(reference: Path, current: Path, columns: Sequence[str], *, json: bool, plot: Path | None) -> int:
    """Hold the rows of one file against those of another. Returns the exit code.

    Raises:
        DataFileError: A file or column cannot be used.
    """
    with _errors_told(json):
        _check_plot(plot)
        old, new = DataFile(reference), DataFile(current)
        names = tuple(dict.fromkeys(columns)) or _shared_columns(old, new)
        if not names:
            raise DataFileError(
                f"{reference} and {current} share no column of numbers; name some with --column"
            )
        before, after = (
            np.column_stack([(data.numbers if columns else data.numbers_if_any)(name) for name in names])
            for data in (old, new)
        )
        report = drift_report(before, after, names)
        _draw(plot, lambda path: plot_drift(report, path))
    notes = [
        f"Incident: {', '.join(one.members)} ({one.contribution:.0%} of the evidence, p = {one.p:.2g})"
        for one in report.incidents
    ]
    for path, data in ((reference, old), (current, new)):
        if gone := [name for name in names if name not in data.numeric()]:
            notes.append(f"No numbers in {path.name}: {', '.join(gone)}")
    if not columns and (left := [name for name in old.names if name not in names]):
        notes.append(f"Left out, no numbers in either file: {', '.join(left)}")
    methods = {one.evidence.method for one in report.readings if one.evidence}
    if methods & set(STAND_INS):
        notes.append(
            f"{reference.name} holds too few windows as long as {current.name} for a null of its own: PSI by "
            "Yurdakul's chi-square rule, which takes values as independent; KS by effective sample sizes."
        )
    title = f"{current.name} against {reference.name}"
    return _tell(title, report.readings, report.verdict, notes, json=json)


def calibration(
    file: Path,
    probability: str,
    outcome: str,
    *,
    time: str | None,
    group: str | None,
    overlap: int,
    json: bool,
    plot: Path | None,
) -> int:
    """Ask whether stated probabilities come true. Returns the exit code.

    Raises:
        DataFileError: The file or a column cannot be used.
    """
    with _errors_told(json):
        _check_plot(plot)
        data = DataFile(file)
        stated, came = data.numbers(probability), data.numbers(outcome)
        times, groups = data.times(time) if time else None, data.labels(group) if group else None
        try:
            report = calibration_report(stated, came, times, groups, overlap=overlap)
        except ValueError as error:
            raise DataFileError(f"{file}: columns {probability!r} and {outcome!r}: {error}") from None
        _draw(plot, lambda path: plot_calibration(report, path))
    return _tell(file.name, report.readings, report.verdict, (), json=json)


def performance(
    file: Path, returns: str, *, bound: float, overlap: int, json: bool, plot: Path | None
) -> int:
    """Ask whether a series of returns earns as it did. Returns the exit code.

    Raises:
        DataFileError: The file or the column cannot be used.
    """
    with _errors_told(json):
        _check_plot(plot)
        values = DataFile(file).numbers(returns)
        odd = np.flatnonzero(np.isfinite(values) & ((values < -1.0) | (values > LARGEST_RETURN)))
        if odd.size:
            raise DataFileError(
                f"{file}: column {returns!r}, row {odd[0] + 1} holds {values[odd[0]]:g}: returns are "
                f"fractions from -1 to {LARGEST_RETURN:g} (0.01 is 1 %); divide profits by the capital"
            )
        report = performance_report(values, bound=bound, limits=WatchSettings(trade_overlap=overlap))
        _draw(plot, lambda path: plot_performance(values, report.verdict, path))
    return _tell(file.name, report.readings, report.verdict, (), json=json)


@contextmanager
def _errors_told(json: bool) -> Iterator[None]:
    """With --json, print an error as an object too: what reads the answer finds a word in either case."""
    try:
        yield
    except DataFileError as error:
        if json:
            answer = {"error": {"kind": "bad_input", "exit_code": BAD_INPUT, "message": str(error)}}
            sys.stdout.write(json_format.dumps(answer) + "\n")
        raise


def _shared_columns(old: DataFile, new: DataFile) -> tuple[str, ...]:
    """The reference's columns that hold numbers in one of the two files.

    Where the other holds none they cannot be judged. A column of text at least half of whose cells are
    numbers is bad input: a cell of it is named.

    Where nothing but empty columns is shared these are taken: they exist, and cannot be judged.
    """
    for name in old.names:
        if name in new.names and not (name in old.numeric() and name in new.numeric()):
            for data in (old, new):
                data.check_not_mixed(name)
    names = tuple(name for name in old.names if name in {*old.numeric(), *new.numeric()})
    if set(names) & {*new.numeric(), *new.empty()}:
        return names
    return tuple(name for name in old.empty() if name in new.empty())


def _check_plot(path: Path | None) -> None:
    """Say what would keep a picture from being written before anything is computed."""
    if path is None:
        return
    if path.suffix.lower() not in PICTURES:
        raise DataFileError(f"--plot {path}: unknown kind of picture; give {', '.join(PICTURES)}")
    if not path.parent.is_dir():
        raise DataFileError(f"--plot {path}: cannot be written: there is no folder {path.parent}")


def _draw(path: Path | None, draw: Callable[[Path], object]) -> None:
    if path is None:
        return
    try:
        draw(path)
    except OSError as error:
        raise DataFileError(f"--plot {path}: cannot be written: {error.strerror}") from None


def _tell(
    title: str, readings: Sequence[Reading], verdict: State, notes: Sequence[str], *, json: bool
) -> int:
    if json:
        plain = [_plain(one) for one in readings]
        answer = {"readings": plain, "verdict": verdict.value, "notes": list(notes)}
        sys.stdout.write(json_format.dumps(answer) + "\n")
        return EXIT[verdict]
    console = Console(highlight=False, markup=False)  # names in anybody's table are not markup
    console.print(_table(title, readings))
    for one in readings:
        why = " ".join(filter(None, (one.reason.value if one.reason else "", one.detail)))
        if why and (one.state is not State.OK or LEFT_OUT in why):
            console.print(Text(f"{one.metric} {one.subject}: {why}", style="dim"))
    for note in notes:
        console.print(note, markup=False)
    console.print(Text.assemble("Verdict: ", (verdict.value, STYLE[verdict])))
    return EXIT[verdict]


def _table(title: str, readings: Sequence[Reading]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("metric", "subject", "value", "95 %", "limit", "n", "by chance", "state"):
        right = column in {"value", "limit", "n"}
        table.add_column(column, justify="right" if right else "left", no_wrap=column == "95 %")
    for one in readings:
        table.add_row(
            one.metric,
            one.subject,
            "" if math.isnan(one.value) else f"{one.value + 0.0:.4g}",
            _interval(one),
            "" if one.threshold is None else f"{one.threshold:.4g}",
            f"{one.n:,}",
            _chance(one),
            Text(one.state.value, style=STYLE[one.state]),
        )
    return table


def _interval(reading: Reading) -> str:
    return "" if reading.interval is None else format(Interval(*reading.interval), ".4g")


def _chance(reading: Reading) -> str:
    evidence = reading.evidence
    if evidence is None:
        return ""
    if evidence.p_value is not None:
        return f"p = {evidence.p_value:.2g}{STAND_INS.get(evidence.method, '')}"
    return f"e = {evidence.e_value:.3g}"


def _plain(reading: Reading) -> dict[str, Any]:
    evidence = reading.evidence
    return {
        "monitor": reading.monitor,
        "metric": reading.metric,
        "subject": reading.subject,
        "value": None if math.isnan(reading.value) else reading.value + 0.0,  # -0.0 becomes 0.0
        "interval": reading.interval and [end if math.isfinite(end) else None for end in reading.interval],
        "n": reading.n,
        "threshold": reading.threshold,
        "state": reading.state.value,
        "evidence": evidence
        and {"method": evidence.method, "p_value": evidence.p_value, "e_value": evidence.e_value},
        "reason": reading.reason.value if reading.reason else None,
        "detail": reading.detail,
    }
