"""`make bench`: ours beside a twin, then what the forecaster must show; with names, those sections alone."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table

from bench.report import ORDER
from bench.section import Section, measure
from bench.timing import Row
from bench.timings import BENCHES

SHOWN = (  # what costs a minute or two and is asked for first
    "bench.leaks",
    "bench.regimes",
    "bench.simulations.honest_forecasts",
    "bench.yahoo_path",
)
WIDE = 180  # columns where no terminal says how many it has


def main(names: list[str]) -> None:
    """Measure and print: the twins and what is shown beside them, or the sections that are named."""
    console = Console()
    console = console if console.is_terminal else Console(width=WIDE)
    known = {name.rpartition(".")[2]: name for name in ORDER}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        sys.exit(f"no section {', '.join(unknown)}; there are {', '.join(known)}")
    if not names:
        console.print(_twins())
    for name in [known[name] for name in names] or SHOWN:
        console.print()
        console.print(_findings(measure(name)))


def _twins() -> Table:
    load = os.getloadavg()[0]
    title = f"Ours beside a twin, best / median of one run, milliseconds; load {load:.1f}"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("what", "ours", "goal", "twin", "twin's", "ratio", "differs by"):
        table.add_column(column, justify="left" if column in {"what", "twin"} else "right")
    for bench in BENCHES:
        for row in bench.rows():
            table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.goal_ms is None else f"{row.goal_ms:g}"
    gap = "" if row.gap is None else f"{row.gap:.0e}"
    return row.what, str(row.ours), goal, row.twin, str(row.theirs), f"{row.ratio:.1f}x", gap


def _findings(section: Section) -> Table:
    title = f"{section.title}, {section.skipped or f'{section.seconds:.0f} s'}"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("what", "goal", "measured", "", "note"):
        table.add_column(column)
    for one in section.findings:
        table.add_row(one.what, one.goal, one.measured, one.outcome.name.lower(), one.note)
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
