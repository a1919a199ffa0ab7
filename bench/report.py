"""`make benchmarks`: measure everything and write `docs/benchmarks.md` anew."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from bench.machine import hardware, load, versions
from bench.page import Circumstances, page
from bench.section import Section, measure
from bench.timing import Row
from bench.timings import BENCHES

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
COMMAND = "make benchmarks"
PROCESSES = 2
TIMED = (  # measured with the machine to themselves
    "bench.simulations.honest_forecasts",
    "bench.simulations.stream",
    "bench.footprint",
    "bench.yahoo_path",
)
SIMULATED = (  # the longest first, so that two processes end together
    "bench.simulations.pages",
    "bench.simulations.pauses",
    "bench.simulations.budget",
    "bench.simulations.domain",
    "bench.false_alarms",
    "bench.simulations.real_prices",
    "bench.simulations.calibration_book",
    "bench.simulations.pooled",
    "bench.simulations.calibration",
    "bench.regimes",
    "bench.simulations.references",
    "bench.simulations.detectable",
    "bench.simulations.intervals",
    "bench.simulations.win_rate",
    "bench.simulations.bad_tick",
    "bench.simulations.real_forecasts",
    "bench.quality",
    "bench.filings",
    "bench.leaks",
)
ORDER = (
    "bench.simulations.budget",
    "bench.simulations.detectable",
    "bench.simulations.references",
    "bench.simulations.bad_tick",
    "bench.simulations.real_prices",
    "bench.simulations.pages",
    "bench.simulations.domain",
    "bench.simulations.win_rate",
    "bench.simulations.pooled",
    "bench.simulations.intervals",
    "bench.simulations.calibration",
    "bench.simulations.real_forecasts",
    "bench.simulations.calibration_book",
    "bench.regimes",
    "bench.leaks",
    "bench.false_alarms",
    "bench.simulations.pauses",
    "bench.simulations.honest_forecasts",
    "bench.yahoo_path",
    "bench.quality",
    "bench.filings",
    "bench.simulations.stream",
    "bench.footprint",
)


def main() -> None:
    """Measure and write; exit with 1 where a section failed."""
    for name in ORDER:
        import_module(name)  # what is broken says so now, not in ten minutes
    console, started, before = Console(), time.monotonic(), load()
    rows = _timings(console)
    sections = [_told(console, measure(name)) for name in TIMED]
    sections += _simulations(console)
    circumstances = Circumstances(
        datetime.now(UTC).date().isoformat(),
        COMMAND,
        hardware(),
        versions(),
        (before, load()),
        (time.monotonic() - started) / 60,
    )
    ordered = sorted(sections, key=lambda section: ORDER.index(section.name))
    PAGE.write_text(page(circumstances, rows, ordered), encoding="utf-8")
    console.print(f"wrote docs/{PAGE.name}")
    if any(section.failed for section in sections):
        sys.exit(1)


def _timings(console: Console) -> list[Row]:
    rows = []
    for bench in BENCHES:
        for row in bench.rows():
            rows.append(row)
            console.print(
                f"{row.what}: {row.ours} ms, {row.ratio:.1f}x {row.twin}", highlight=False, soft_wrap=True
            )
    return rows


def _simulations(console: Console) -> list[Section]:
    """Run what only counts, two at a time."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(measure, name) for name in SIMULATED]
        return [_told(console, future.result()) for future in as_completed(waiting)]


def _told(console: Console, section: Section) -> Section:
    console.print(f"{section.title}: {section.skipped or f'{section.seconds:.0f} s'}", highlight=False)
    return section


if __name__ == "__main__":
    main()
