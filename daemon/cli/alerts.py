"""`forewarn alerts`: what fires, who takes care of it, what is to be quiet."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.options import ActorOption, ConfigOption, DatabaseOption, JsonOption, ReasonOption, SpanOption

alerts = typer.Typer(help="See alerts, acknowledge and silence them, test a channel.", no_args_is_help=True)


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


@alerts.command("test")
def alerts_test(
    channel: Annotated[str, typer.Argument(help="As in the configuration: email, slack, webhook, console.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send one real test message through CHANNEL. Exit code 0 the receiver took it, 1 it did not."""
    from daemon.commands import check as check_commands

    raise typer.Exit(check_commands.send_test(channel, config, json=json))
