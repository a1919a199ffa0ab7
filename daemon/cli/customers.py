"""`forewarn customers`: who is whose customer?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.options import ConfigOption, DateOption, JsonOption, date_of


def customers(
    out: Annotated[Path, typer.Option("--out", help="CSV or Parquet, for the setting customers_file.")],
    tickers: Annotated[
        str | None, typer.Option(help="Suppliers, as CRUS,SWKS; the configured universe by default.")
    ] = None,
    since: DateOption = None,
    reports: Annotated[
        Path | None,
        typer.Option(help="Folder of 10-K texts and index.csv: ticker, accession, accepted_at, file."),
    ] = None,
    identity: Annotated[
        str | None, typer.Option(help="Who asks the SEC, as 'Ann Lee ann@example.com'; needs edgartools.")
    ] = None,
    aliases: Annotated[
        Path | None, typer.Option(help="CSV: name, ticker; goes over the shipped table of names.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write who is whose customer, as annual reports tell it. Exit code 0 all, 1 in part, 3 bad input."""
    from daemon.commands import customers as customers_command

    if reports and identity:
        raise typer.BadParameter(
            "reports come from a folder or from the SEC, not both", param_hint="--identity"
        )
    named = tuple(one.strip().upper().replace(".", "-") for one in (tickers or "").split(",") if one.strip())
    if tickers is not None and not named:
        raise typer.BadParameter(f"{tickers!r} names no ticker; write CRUS,SWKS", param_hint="--tickers")
    raise typer.Exit(
        customers_command.customers(
            out,
            tickers=named,
            since=date_of(since, "--since"),
            reports=reports,
            identity=identity,
            aliases=aliases,
            config=config,
            json=json,
        )
    )
