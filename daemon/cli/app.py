"""The command line: the verbs that stand alone, and the groups of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.alerts import alerts
from daemon.cli.customers import customers
from daemon.cli.db import db
from daemon.cli.forecaster import forecaster
from daemon.cli.model import model
from daemon.cli.monitor import monitor
from daemon.cli.options import ConfigOption, DatabaseOption, DateOption, JsonOption, PortOption, date_of
from daemon.cli.rules import rules
from daemon.cli.trading import trading

app = typer.Typer(
    name="forewarn",
    help="Forecasts stocks, watches whether its forecasts still work, and stops trading when they do not.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(forecaster, name="forecaster")
app.add_typer(model, name="model")
app.add_typer(trading, name="trading")
app.add_typer(alerts, name="alerts")
app.add_typer(rules, name="rules")
app.add_typer(db, name="db")
app.add_typer(monitor, name="monitor")
app.command()(customers)


@app.command()
def demo(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the status page afterwards.")
    ] = True,
    json: JsonOption = False,
    port: PortOption = None,
) -> None:
    """Replay real history through the 2008 crash, then serve the status page."""
    from daemon.commands import process

    process.demo(config, database, serve=serve and not json, json=json, port=port)


@app.command()
def replay(
    prices: Annotated[Path, typer.Option("--prices", help="Parquet or CSV with daily bars.")],
    start: DateOption = None,
    end: DateOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the status page afterwards.")
    ] = False,
    json: JsonOption = False,
    port: PortOption = None,
) -> None:
    """Replay any file of daily bars: date, ticker, open, high, low, close, volume, perhaps adj_close."""
    from daemon.commands import process

    span = (date_of(start, "--start"), date_of(end, "--end"))
    process.replay_file(prices, span, config, database, serve=serve and not json, json=json, port=port)


@app.command()
def run(config: ConfigOption = None, database: DatabaseOption = None, port: PortOption = None) -> None:
    """Run the daemon: every session after the exchange's close, until it is told to stop."""
    from daemon.commands import process

    process.run(config, database, port=port)


@app.command()
def check(config: ConfigOption = None, database: DatabaseOption = None, json: JsonOption = False) -> None:
    """Does everything an alert needs work? Exit code 0 yes, 1 no, 3 the configuration cannot be used."""
    from daemon.commands import check as check_commands

    raise typer.Exit(check_commands.check(config, database, json=json))


@app.command()
def features(
    ticker: Annotated[str, typer.Argument(metavar="TICKER", help="As the price file names it.")],
    prices: Annotated[
        Path | None, typer.Option("--prices", help="Parquet or CSV with daily bars; the sample by default.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="DATE", help="At whose close; the newest by default.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Every feature of TICKER: value, rank in the universe, how well it is known, formula."""
    from daemon.commands import features as feature_commands

    feature_commands.show_features(ticker, prices, date_of(session, "--session"), config, json=json)


@app.command()
def leaks(
    prices: Annotated[
        Path | None, typer.Option("--prices", help="Parquet or CSV with daily bars; the sample by default.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Does any feature, the regime or the forecast look ahead? Exit code 0 no, 1 yes, 3 bad input."""
    from daemon.commands import leaks as leak_commands

    raise typer.Exit(leak_commands.leaks(prices, json=json))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"forewarn {installed('forewarn')}")
