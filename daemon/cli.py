"""The command line. Heavy imports wait until a command needs them."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands.exit_codes import INTERRUPTED
from daemon.commands.usage import BadUsageIsBadInput

app = typer.Typer(
    name="forewarn",
    help="Forecasts stocks, watches whether its forecasts still work, and stops trading when they do not.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
trading = typer.Typer(help="Read the trading gate, close it, or lift a pause.", no_args_is_help=True)
db = typer.Typer(help="The store's schema.", no_args_is_help=True)
monitor = typer.Typer(
    cls=BadUsageIsBadInput,
    help="Run the monitors over your own tables. Exit code 0 ok, 1 breach, 2 cannot judge, 3 bad input, "
    "4 a fault of our own.",
    no_args_is_help=True,
)
alerts = typer.Typer(help="See alerts, acknowledge and silence them, test a channel.", no_args_is_help=True)
rules = typer.Typer(
    help="Check the rules, and rehearse them on stored readings. Exit code 0 sound, 1 doubtful, 3 bad input.",
    no_args_is_help=True,
)
forecaster = typer.Typer(help="Is the forecaster worth anything?", no_args_is_help=True)
model = typer.Typer(help="Every model fitted; promote one on evidence, or roll back.", no_args_is_help=True)
app.add_typer(forecaster, name="forecaster")
app.add_typer(model, name="model")
app.add_typer(trading, name="trading")
app.add_typer(alerts, name="alerts")
app.add_typer(rules, name="rules")
app.add_typer(db, name="db")
app.add_typer(monitor, name="monitor")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file; see config.toml for every key.")
]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", help="sqlite:///FILE or postgresql://user@host/name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
DateOption = Annotated[str | None, typer.Option(metavar="DATE", help="ISO date, as 2013-01-02.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in words; kept for ever.")]
EpochOption = Annotated[
    int | None, typer.Option("--epoch", help="Refuse unless the gate is still at this epoch.")
]
ActorOption = Annotated[str | None, typer.Option("--by", help="Who says so; the login name by default.")]
SpanOption = Annotated[str | None, typer.Option("--for", help="How long: 30m, 1h, 2d, 1w.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", help="Write a figure to this PNG file.")]
PortOption = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="TCP port of the status page; 0 picks one.")
]


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

    span = (_date(start, "--start"), _date(end, "--end"))
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

    feature_commands.show_features(ticker, prices, _date(session, "--session"), config, json=json)


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
        html=html,
        json=json,
    )


@alerts.command("list")
def alerts_list(
    every: Annotated[bool, typer.Option("--all", help="Resolved and inactive ones too.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """What fires, what cannot be judged, what is about to fire, and who has it."""
    from daemon.commands import alerts as alert_commands

    alert_commands.show_alerts(config, database, every=every, json=json)


@alerts.command("show")
def alerts_show(
    target: Annotated[str, typer.Argument(metavar="ALERT|GROUP", help="As `alerts list` names it.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """What happened to an alert or a group, who was told, and why or why not."""
    from daemon.commands import alerts as alert_commands

    alert_commands.show_timeline(target, config, database, json=json)


@alerts.command("ack")
def alerts_ack(
    target: Annotated[str, typer.Argument(metavar="ALERT|GROUP", help="As `alerts list` names it.")],
    span: SpanOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    by: ActorOption = None,
) -> None:
    """Say that you take care of it: it is neither repeated nor escalated. Exit code 1 nothing is open."""
    from daemon.commands import alerts as alert_commands

    alert_commands.ack(target, config, database, by=by, span=span)


@alerts.command("silence")
def alerts_silence(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule or group; * and ? match any.")],
    reason: ReasonOption,
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 1h, 2d, 1w.")],
    subject: Annotated[str, typer.Option(help="Only these subjects; * and ? match any.")] = "*",
    config: ConfigOption = None,
    database: DatabaseOption = None,
    by: ActorOption = None,
) -> None:
    """Tell nothing of some alerts for a while. The trading gate does not hear silences."""
    from daemon.commands import alerts as alert_commands

    alert_commands.add_silence(rule, subject, config, database, span=span, reason=reason, by=by)


@alerts.command("silences")
def alerts_silences(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """The silences that have not ended."""
    from daemon.commands import alerts as alert_commands

    alert_commands.show_silences(config, database, every=every, json=json)


@alerts.command("expire")
def alerts_expire(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As `alerts silences` numbers it.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    by: ActorOption = None,
) -> None:
    """End a silence before its time."""
    from daemon.commands import alerts as alert_commands

    alert_commands.expire(number, config, database, by=by)


@rules.command("check")
def rules_check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Are the rules sound, and what does each do? Exit code 0 sound, 1 doubtful, 3 unusable."""
    from daemon.commands import rules as rule_commands

    raise typer.Exit(rule_commands.check(config, json=json))


@rules.command("test")
def rules_test(
    start: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first session.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last session.")] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """What would these rules have fired, told and paused, on the readings in the store?"""
    from daemon.commands import rules as rule_commands

    span = (_date(start, "--from"), _date(end, "--to"))
    rule_commands.rehearse(span, config, database, json=json)


@alerts.command("test")
def alerts_test(
    channel: Annotated[str, typer.Argument(help="As in the configuration: email, slack, webhook, console.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send one real test message through CHANNEL. Exit code 0 the receiver took it, 1 it did not."""
    from daemon.commands import check as check_commands

    raise typer.Exit(check_commands.send_test(channel, config, json=json))


@trading.command("status")
def trading_status(
    config: ConfigOption = None, database: DatabaseOption = None, json: JsonOption = False
) -> None:
    """Say whether orders may pass, since when and why."""
    from daemon.commands import process

    process.trading_status(config, database, json=json)


@trading.command("pause")
def trading_pause(
    reason: ReasonOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    epoch: EpochOption = None,
    by: ActorOption = None,
) -> None:
    """Close the gate to REDUCE_ONLY: only orders that shrink the exposure pass, until a person resumes."""
    from daemon.commands import process

    process.trading_command("REDUCE_ONLY", config, database, reason=reason, epoch=epoch, by=by)


@trading.command("halt")
def trading_halt(
    reason: ReasonOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    epoch: EpochOption = None,
    by: ActorOption = None,
) -> None:
    """Close the gate to HALTED: nothing but cancels passes, until a person resumes."""
    from daemon.commands import process

    process.trading_command("HALTED", config, database, reason=reason, epoch=epoch, by=by)


@trading.command("resume")
def trading_resume(
    reason: ReasonOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    epoch: EpochOption = None,
    by: ActorOption = None,
) -> None:
    """Lift a latched pause; the next session that is judged opens the gate if no rule objects."""
    from daemon.commands import process

    process.trading_command("UNKNOWN", config, database, reason=reason, epoch=epoch, by=by)


@model.command("list")
def model_list(
    config: ConfigOption = None, database: DatabaseOption = None, json: JsonOption = False
) -> None:
    """Every version: when it was fitted, on what, what it is worth, and whether it is in use."""
    from daemon.commands import model as model_commands

    model_commands.show_models(config, database, json=json)


@model.command("show")
def model_show(
    version: Annotated[int | None, typer.Argument(help="Which; the one in use by default.")] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """One version whole: data vintage, code, metrics, signals."""
    from daemon.commands import model as model_commands

    model_commands.show_model(version, config, database, json=json)


@model.command("promote")
def model_promote(
    version: Annotated[int, typer.Argument(help="As `model list` numbers it.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    by: ActorOption = None,
) -> None:
    """Put a version into use that has forecast better than the present one, by a paired e-value of 20."""
    from daemon.commands import model as model_commands

    model_commands.promote_model(version, config, database, by=by)


@model.command("rollback")
def model_rollback(
    reason: ReasonOption,
    version: Annotated[int | None, typer.Argument(help="Which; the one before by default.")] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    by: ActorOption = None,
) -> None:
    """Go back to a version that was in use before; newer ones need evidence from then on."""
    from daemon.commands import model_rollback as rollback_command

    rollback_command.rollback_model(version, config, database, reason=reason, by=by)


@db.command("upgrade")
def db_upgrade(config: ConfigOption = None, database: DatabaseOption = None) -> None:
    """Bring the store to the schema this version needs."""
    from daemon.commands import process

    process.db_upgrade(config, database)


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
    json: JsonOption = False,
    plot: PlotOption = None,
) -> None:
    """Do stated probabilities come true?"""
    from daemon.commands import monitor as monitor_commands

    raise typer.Exit(
        monitor_commands.calibration(file, probability, outcome, time=time, group=group, json=json, plot=plot)
    )


@monitor.command("performance")
def monitor_performance(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet, one trade or period a row, in order.")],
    returns: Annotated[str, typer.Option("--return", help="Column with net returns, as fractions.")],
    json: JsonOption = False,
    plot: PlotOption = None,
) -> None:
    """Does a series of returns earn, and as it did at first?"""
    from daemon.commands import monitor as monitor_commands

    raise typer.Exit(monitor_commands.performance(file, returns, json=json, plot=plot))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"forewarn {installed('forewarn')}")


def main() -> None:
    """Run the command line; a known error is one line on standard error, not a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        from daemon.commands.exit_codes import FAULT, exit_code

        code = exit_code(error)
        if code is None:  # never 1, which says breach or refused
            import traceback

            traceback.print_exc()
            sys.exit(FAULT)
        sys.stderr.write(f"forewarn: {error}\n")
        sys.exit(code)


def _date(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2013-01-02", param_hint=option) from None
