"""The terminal: how a replay looks while it runs and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from daemon.summary import Pause, Summary
from trading.gate import GateState

SHOWN = 10
"""Findings that the summary names; the others are counted."""

STATE_STYLE = {
    GateState.ACTIVE: "bold green",
    GateState.UNKNOWN: "bold blue",
    GateState.REDUCE_ONLY: "bold yellow",
    GateState.HALTED: "bold red",
}


@contextmanager
def replay_progress(console: Console, *, quiet: bool) -> Iterator[Callable[[int, int, date], None]]:
    """Show a progress bar on a terminal, a line a year elsewhere, nothing when quiet."""
    if quiet:
        yield lambda done, total, session: None
    elif not console.is_terminal:
        yield _year_lines(console)
    else:
        columns = (
            TextColumn("[bold]replaying[/] {task.fields[session]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("sessions"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("replay", total=None, session="")

            def show(done: int, total: int, session: date) -> None:
                bar.update(task, completed=done, total=total, session=session.isoformat())

            yield show


def _year_lines(console: Console) -> Callable[[int, int, date], None]:
    seen: set[int] = set()

    def show(done: int, total: int, session: date) -> None:
        if session.year not in seen:
            seen.add(session.year)
            console.print(f"replaying {session.year} ({done} of {total} sessions)", highlight=False)

    return show


def print_summary(console: Console, summary: Summary, name: str, seconds: float) -> None:
    """Print what a replay came to, pauses first."""
    span = f"{summary.first} to {summary.last}" if summary.first else "no session"
    console.print()
    console.print(Text(f"{name}: {span}", style="bold"))
    console.print(_totals(summary))
    if summary.note:
        console.print(Text(f"{summary.note}.\n", style="bold yellow"))
    if summary.left_out:
        console.print(_left_out(summary.left_out))
    console.print(_pauses(summary.pauses) if summary.pauses else Text("Trading was never paused."))
    console.print(_years(summary))
    console.print(_money(summary))
    console.print(Text(f"{seconds:.1f} s", style="dim"))


def _totals(summary: Summary) -> Text:
    return Text(
        f"{summary.sessions:,} sessions, {summary.forecasts:,} forecasts, {summary.trades:,} trades, "
        f"{summary.readings:,} readings, {summary.fired:,} alerts fired and {summary.resolved:,} resolved\n"
    )


def _left_out(words: tuple[str, ...]) -> Text:
    lines = Text("Bars that cannot be right and were left out\n", style="bold")
    for one in words[:SHOWN]:
        lines.append(f"  {one}\n", style="not bold")
    if len(words) > SHOWN:
        lines.append(f"  and {len(words) - SHOWN} more: see --json\n", style="not bold dim")
    return lines


def _pauses(pauses: tuple[Pause, ...]) -> Text:
    lines = Text("Every pause of trading\n", style="")
    lines.stylize("bold")
    for pause in pauses:
        end = pause.end.isoformat() if pause.end else "still paused"
        lines.append(f"  {pause.start} to {end}  {pause.sessions:>3} sessions  ")
        lines.append(f"{pause.strictest:<11}", style=STATE_STYLE[pause.strictest])
        lines.append(f"  {pause.rule}\n")
        ended = (
            f"lifted by {pause.lifted_by}" if pause.lifted_by else "opened by itself: every demand cleared"
        )
        lines.append(f"      {pause.reason}{'; ' + ended if pause.end else ''}\n", style="dim")
    return lines


def _years(summary: Summary) -> Table:
    table = Table(title="Year by year", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("", *(str(year) for year, _, _ in summary.by_year)):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("alerts fired", *(str(fired) for _, fired, _ in summary.by_year))
    table.add_row("of which told", *(str(told) for _, told in summary.told_by_year))
    table.add_row("pauses", *(str(paused) for _, _, paused in summary.by_year))
    return table


def _money(summary: Summary) -> Table:
    table = Table(title="\nPaper account", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("", "equity, USD", "maximum drawdown"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("with the pauses", f"{summary.equity:,.0f}", f"{summary.max_drawdown:.1%}")
    table.add_row(
        "with the gate held open", f"{summary.equity_ungated:,.0f}", f"{summary.max_drawdown_ungated:.1%}"
    )
    return table
