"""`forewarn rules`: are they sound, and what would they have done?"""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.options import ConfigOption, DatabaseOption, JsonOption, date_of

rules = typer.Typer(
    help="Check the rules, and rehearse them on stored readings. Exit code 0 sound, 1 doubtful, 3 bad input.",
    no_args_is_help=True,
)


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

    span = (date_of(start, "--from"), date_of(end, "--to"))
    rule_commands.rehearse(span, config, database, json=json)
