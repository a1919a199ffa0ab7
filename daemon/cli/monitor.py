"""`forewarn monitor`: the monitors over anybody's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.options import JsonOption, PlotOption
from daemon.commands.usage import BadUsageIsBadInput

monitor = typer.Typer(
    cls=BadUsageIsBadInput,
    help="Run the monitors over your own tables. Exit code 0 ok, 1 breach, 2 cannot judge, 3 bad input, "
    "4 a fault of our own.",
    no_args_is_help=True,
)

OverlapOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="After how many times (or rows) an outcome is known: so many neighbours depend on each other.",
    ),
]


@monitor.command("drift")
def monitor_drift(
    reference: Annotated[Path, typer.Argument(help="CSV or Parquet, rows in order of time.")],
    current: Annotated[Path, typer.Argument(help="The same columns, later rows.")],
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Which columns; all numeric ones by default.")
    ] = None,
    json: JsonOption = False,
    plot: PlotOption = None,
) -> None:
    """Have the columns of CURRENT drifted from those of REFERENCE, beyond what chance does?"""
    from daemon.commands import monitor as monitor_commands

    raise typer.Exit(monitor_commands.drift(reference, current, column or (), json=json, plot=plot))


@monitor.command("calibration")
def monitor_calibration(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet, one forecast a row.")],
    probability: Annotated[str, typer.Option(help="Column with the stated probability, in [0, 1].")],
    outcome: Annotated[str, typer.Option(help="Column with 1 where it came true, else 0.")],
    time: Annotated[str | None, typer.Option(help="Column with when it was stated.")] = None,
    group: Annotated[str | None, typer.Option(help="Column to test group by group.")] = None,
    overlap: OverlapOption = 1,
    json: JsonOption = False,
    plot: PlotOption = None,
) -> None:
    """Do stated probabilities come true?"""
    from daemon.commands import monitor as monitor_commands

    raise typer.Exit(
        monitor_commands.calibration(
            file, probability, outcome, time=time, group=group, overlap=overlap, json=json, plot=plot
        )
    )


@monitor.command("performance")
def monitor_performance(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet, one trade or period a row, in order.")],
    returns: Annotated[str, typer.Option("--return", help="Column with net returns, as fractions.")],
    bound: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=10.0,
            help="Greatest size of a return that intervals allow for; doubled until it holds every one.",
        ),
    ] = 0.2,
    overlap: OverlapOption = 1,
    json: JsonOption = False,
    plot: PlotOption = None,
) -> None:
    """Does a series of returns earn, and as it did at first?"""
    from daemon.commands import monitor as monitor_commands

    raise typer.Exit(
        monitor_commands.performance(file, returns, bound=bound, overlap=overlap, json=json, plot=plot)
    )
