"""`forewarn leaks`: does anything in the forecaster read what could not be known, on anybody's prices?"""

from __future__ import annotations

import json as json_format
import math
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from threadpoolctl import threadpool_limits

from backtest.leaks import Check, Record, Report, examine
from backtest.leaks.furnish import furnished
from backtest.leaks.record import RecordError
from backtest.leaks.suite import Planted, check_size
from daemon.clock import SystemClock
from daemon.commands.exit_codes import REFUSED
from daemon.price_series import LATE, SERIES_TICKERS, market_series, to_forecast, weekend_note
from forecaster.training import TrainingError
from market.panel import FloatArray, Panel
from market.price_file import PriceFileError, read_prices
from market.sample import BENCHMARK, SAMPLE_PATH

BLIND: Final = (
    "It cannot see a leak that is in the price file already: bars stamped with the wrong day, a list of "
    "today's survivors, figures revised before they were written down.",
    "It alters what comes later at some sessions and not at all of them, and of the code it sees what these "
    "inputs reach. A table made elsewhere is only held against chance.",
)

CELLS: Final = 150_000
MOST_TICKERS: Final = 200
"""Of a larger universe so many are taken, spread over the file: what code reads, it reads of each."""

LEAST: Final = 1_260
"""Of a large file the newest sessions are taken: so many bars, but five years at least."""


def leaks(prices: Path | None, *, json: bool) -> int:
    """Run the leak suite on a price file or the sample set and print what it found.

    Returns:
        0 where nothing leaks and every planted leak was found, else 1.

    Raises:
        PriceFileError: The file cannot be used, or is too short.
    """
    path = prices or SAMPLE_PATH
    panel = read_prices(path, today=SystemClock().now().date())
    panel, universe, held = _taken(panel)
    try:
        check_size(len(universe), len(panel.sessions))
        record, made_up = furnished(
            panel,
            universe,
            BENCHMARK,
            join=_series,
            wanted=_wanted(panel),
            late=LATE,
        )
        report = _examined(record, quiet=json)
    except (RecordError, TrainingError) as error:
        raise PriceFileError(f"{path}: {error}") from None
    if json:
        named = {"made_up": list(made_up), "weekend": weekend_note(panel.sessions)}
        told = {"prices": path.name} | named | report.to_dict()
        sys.stdout.write(json_format.dumps(told) + "\n")
    else:
        name = path.name + (f", {len(universe)} of its {held:,} tickers" if len(universe) < held else "")
        _show(Console(highlight=False, markup=False), report, record, name, made_up)
    return 0 if report.is_clean else REFUSED


def _taken(panel: Panel) -> tuple[Panel, tuple[str, ...], int]:
    """Return what is looked at of a large file, the tickers that have values, and how many there were."""
    held = to_forecast(panel.tickers)
    universe = held[:: max(1, math.ceil(len(held) / MOST_TICKERS))]
    apart = set(held) - set(universe)
    panel = panel.columns(tuple(name for name in panel.tickers if name not in apart))
    taken = max(LEAST, CELLS // max(1, len(universe)))
    return panel.rows(max(0, len(panel.sessions) - taken), len(panel.sessions)), universe, len(held)


def _series(panel: Panel) -> dict[str, FloatArray]:
    return market_series(panel)[0]


def _wanted(panel: Panel) -> tuple[str, ...]:
    """Of each series the ticker that the panel holds, else the first that it may be called."""
    return tuple(
        next((name for name in names if name in panel.tickers), names[0]) for names in SERIES_TICKERS.values()
    )


def _examined(record: Record, *, quiet: bool) -> Report:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    quiet = quiet or not console.is_terminal
    with (
        threadpool_limits(limits=1),
        Progress(*columns, console=console, transient=True, disable=quiet) as progress,
    ):
        task = progress.add_task("", total=None)

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        return examine(record, tell=tell)


def _show(console: Console, report: Report, record: Record, name: str, made_up: tuple[str, ...]) -> None:
    sessions = record.panel.sessions
    title = f"Leaks on {name}: {len(record.universe)} tickers, {sessions[0]} to {sessions[-1]}"
    console.print(_checked(title, report))
    console.print(_planted(report))
    for line in _verdict(report):
        console.print(line)
    console.print(_folds(report))
    console.print(Text(f"Made up, for the file does not hold it: {', '.join(made_up)}.", style="dim"))
    if note := weekend_note(sessions):
        console.print(Text(f"{note}.", style="yellow"))
    for words in BLIND:
        console.print(Text(words, style="dim"))


def _checked(title: str, report: Report) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("what", "check", "columns", "compared", "misses"):
        table.add_column(heading, justify="right" if heading in {"columns", "compared", "misses"} else "left")
    before = ""
    for one in report.own:
        if one.skipped:
            continue
        misses = Text(f"{one.misses:,}", style="bold red" if one.is_leak else "green")
        what = one.subject if one.subject != before else ""
        before = one.subject
        table.add_row(what, one.check.value, f"{one.columns:,}", f"{one.compared:,}", misses)
    return table


def _planted(report: Report) -> Table:
    title = "\nLeaks planted on purpose: the suite must find each of them"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("kind", "the mistake", "", "found by"):
        table.add_column(heading)
    for one in report.planted:
        verdict = _found(one)
        by = ", ".join(check.value for check in one.caught_by)
        table.add_row(one.plant.kind, one.plant.mistake, verdict, by)
    return table


def _found(one: Planted) -> Text:
    if not one.is_judged:
        return Text("cannot judge: no value is known", style="yellow")
    return Text("found", style="green") if one.is_caught else Text("MISSED", style="bold red")


def _verdict(report: Report) -> list[Text]:
    compared = sum(one.compared for one in report.own)
    lines = [Text("")]
    lines += [
        Text(f"LEAK  {one.subject}, {one.check.value}: {one.said}", style="bold red") for one in report.leaks
    ]
    if not report.leaks:
        said = (
            f"No leak: {compared:,} values compared, {_features(report)} features among them; none differs."
        )
        lines.append(Text(said, style="bold green"))
    unseen = [name for one in report.own if one.check is Check.TRUNCATION for name in one.unseen]
    if unseen:
        lines.append(Text(f"Not judged, for no value is known: {', '.join(unseen)}.", style="yellow"))
    judged = sum(one.is_judged for one in report.planted)
    found = judged - len(report.missed)
    rest = len(report.planted) - judged
    style = "yellow" if report.missed else "green"
    lines.append(Text(f"{found} of {len(report.planted)} planted leaks found.", style=style))
    if rest:
        lines.append(Text(f"{rest} cannot be judged: the file does not hold what they read.", style="yellow"))
    return lines


def _features(report: Report) -> int:
    cut = (one for one in report.own if (one.subject, one.check) == ("features", Check.TRUNCATION))
    return next((one.columns for one in cut), 0)


def _folds(report: Report) -> Text:
    if report.folds is None:
        return Text("")
    purged, shuffled = report.folds.purged, report.folds.shuffled
    times = f", {report.folds.ratio:.1f} times as much" if report.folds.ratio > 0 else ""
    return Text(
        f"A tree on these features has a rank IC of {purged.mean:.3f} ± {purged.error:.3f} in a purged "
        f"walk-forward and of {shuffled.mean:.3f} ± {shuffled.error:.3f} on shuffled folds{times}: "
        "so far does such a test flatter."
    )
