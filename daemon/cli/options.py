"""The options that several commands have in common."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

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


def date_of(text: str | None, option: str) -> date | None:
    """Read an option that is an ISO date; None where it is not given."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2013-01-02", param_hint=option) from None
