"""`forewarn model`: every model fitted, and which is in use."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.options import ActorOption, ConfigOption, DatabaseOption, JsonOption, ReasonOption

model = typer.Typer(help="Every model fitted; promote one on evidence, or roll back.", no_args_is_help=True)


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
