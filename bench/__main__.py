"""`make bench`: every comparison, one table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench import features, statements

BENCHES = (features, statements)


def main() -> None:
    """Measure everything and print it."""
    table = Table(title="Ours beside a twin, medians of one run", title_justify="left", box=None)
    for column in ("what", "ours, ms", "twin", "twin, ms", "ratio"):
        table.add_column(column, justify="right" if column in {"ours, ms", "twin, ms", "ratio"} else "left")
    for bench in BENCHES:
        for row in bench.rows():
            table.add_row(row.what, f"{row.ours_ms:.3f}", row.twin, f"{row.twin_ms:.3f}", f"{row.ratio:.1f}x")
    Console().print(table)


main()
