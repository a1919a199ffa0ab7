"""`forewarn trading`: the gate."""

from __future__ import annotations

import typer

from daemon.cli.options import (
    ActorOption,
    ConfigOption,
    DatabaseOption,
    EpochOption,
    JsonOption,
    ReasonOption,
)

trading = typer.Typer(help="Read the trading gate, close it, or lift a pause.", no_args_is_help=True)


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
