"""`forewarn forecaster`: is it worth anything?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.options import JsonOption

forecaster = typer.Typer(help="Is the forecaster worth anything?", no_args_is_help=True)


@forecaster.command("evaluate")
def forecaster_evaluate(
    prices: Annotated[
        Path | None, typer.Option("--prices", help="Parquet or CSV with daily bars; the sample by default.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="relative: beat the universe's median; absolute: rise.")
    ] = "relative",
    horizon: Annotated[int, typer.Option(help="Sessions from the next open to the exit's open.")] = 5,
    members: Annotated[
        Path | None, typer.Option(help="CSV of an index: ticker, start_date, end_date; tells survivorship.")
    ] = None,
    sectors: Annotated[Path | None, typer.Option(help="CSV: ticker, sector.")] = None,
    trials: Annotated[int, typer.Option(help="Configurations tried on these prices, this one included.")] = 1,
    delisting_return: Annotated[
        float | None,
        typer.Option(
            help="Judge calls of a ticker that ended as if this came on top of its last close: -0.3."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one page to this file.")] = None,
    json: JsonOption = False,
) -> None:
    """Walk forward through prices and say honestly what the forecasts were worth."""
    from daemon.commands import forecaster as forecaster_commands

    forecaster_commands.evaluate(
        prices,
        target=target,
        horizon=horizon,
        members=members,
        sectors=sectors,
        trials=trials,
        delisting=delisting_return,
        html=html,
        json=json,
    )
