"""`forewarn model list|show|promote`: every model ever fitted, which is in use and why."""

from __future__ import annotations

import getpass
import math
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.commands.model_rollback import tell
from daemon.commands.store import print_json, run_on_store, wide_console
from daemon.configuration.config import load_settings
from daemon.model_promotion import promote
from daemon.storage.database import Database
from daemon.storage.models import ModelStore
from daemon.storage.moves import Move, MoveStore
from daemon.verbs import VerbError
from daemon.web.status import to_plain
from forecaster.model_version import Metrics, ModelVersion


def show_models(config: Path | None, database: str | None, *, json: bool) -> None:
    """Print every version, how it came into use, and what its own walk-forward measured."""

    async def read(store: Database) -> tuple[tuple[ModelVersion, ...], tuple[Move, ...]]:
        async with store.read() as connection:
            return await ModelStore(connection).all(), await MoveStore(connection).all()

    found, moves = run_on_store(config, database, read)
    using = moves[-1].version if moves else None
    if json:
        plain = [_plain(model, using) for model in found]
        print_json({"in_use": using, "models": plain, "moves": [to_plain(move) for move in moves]})
    elif not found:
        Console().print("No model has been fitted yet.")
    else:
        wide_console().print(_table(found, moves, using))


def show_model(version: int | None, config: Path | None, database: str | None, *, json: bool) -> None:
    """Print one version whole; the one in use where none is named.

    Raises:
        VerbError: There is no such version.
    """

    async def read(store: Database) -> tuple[ModelVersion | None, tuple[Move, ...]]:
        async with store.read() as connection:
            moves = await MoveStore(connection).all()
            wanted = version if version is not None else moves[-1].version if moves else 0
            return await ModelStore(connection).get(wanted), moves

    model, moves = run_on_store(config, database, read)
    if model is None:
        wanted = "is in use" if version is None else f"has the number {version}"
        raise VerbError(f"no model {wanted}; see `forewarn model list`")
    using = moves[-1].version if moves else None
    if json:
        print_json(_plain(model, using) | {"parameters": model.to_dict()})
        return
    console = wide_console()
    state = "in use" if model.version == using else "not in use"
    found = model.metrics
    console.print(
        f"[bold]Model {model.version}[/bold], {state}: {model.target} over {model.horizon} sessions"
    )
    console.print(f"trained on {model.train_from} to {model.train_to}, {found.rows:,} ticker-sessions")
    console.print(f"fitted at the close of {model.fitted_on}")
    console.print(
        f"out of sample in there: {found.resolved:,} forecasts, slope {_slope(found)}, nats a forecast over "
        f"the base rate {_measured(found.log_loss_gain, '+.2g')}"
    )
    console.print(
        f"believes {model.strength:.2f} of what its signals lean to"
        + (": no edge is vouched for" if model.strength == 0 else "")
    )
    console.print(f"data {model.data_hash[:16]}, code {model.code_hash[:16]}")
    console.print(_signals(model))
    for move in moves:
        if move.version == model.version:
            console.print(f"{_when(move)}: {move.action} by {move.actor}: {move.reason}", markup=False)


def promote_model(version: int, config: Path | None, database: str | None, *, by: str | None) -> None:
    """Put a version into use on evidence.

    Raises:
        VerbError: It is refused.
    """
    sectors = load_settings(config).market.sector_of()

    async def act(store: Database) -> Move:
        async with store.write() as connection:
            return await promote(
                connection,
                version,
                sectors=sectors,
                actor=by or getpass.getuser(),
                at=datetime.now(UTC),
            )

    tell(run_on_store(config, database, act))


def _table(found: tuple[ModelVersion, ...], moves: tuple[Move, ...], using: int | None) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("version", "fitted on", "trained on", "rows", "slope", "believes", "data", "how", "why"):
        table.add_column(column, no_wrap=column not in {"trained on", "why"})
    for model in found:
        own = [move for move in moves if move.version == model.version]
        number = Text(f"{model.version}", style="bold green" if model.version == using else "")
        table.add_row(
            number + (Text(" in use") if model.version == using else Text("")),
            model.fitted_on.isoformat(),
            f"{model.train_from} to {model.train_to}",
            f"{model.metrics.rows:,}",
            _slope(model.metrics),
            f"{model.strength:.2f}",
            model.data_hash[:8],
            own[-1].action.value if own else "waits",
            Text(own[-1].reason if own else "for evidence"),
        )
    return table


def _slope(found: Metrics) -> str:
    if math.isnan(found.slope):
        return _measured(found.slope, "")
    return f"{found.slope:+.2f} ± {_measured(found.slope_error, '.2f')}"


def _measured(value: float, form: str) -> str:
    return "not measured" if math.isnan(value) else format(value, form)


def _signals(model: ModelVersion) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("signal", "weight", "evidence", "coefficients"):
        table.add_column(column)
    for signal, share in zip(model.signals, model.weights.everything, strict=True):
        pairs = zip(signal.features, signal.coefficients, strict=True)
        table.add_row(
            signal.name,
            f"{share:.1%}",
            f"{signal.evidence:.2f} x chance",
            ", ".join(f"{name} {value:+.4f}" for name, value in pairs),
        )
    return table


def _when(move: Move) -> str:
    return move.session.isoformat() if move.session else f"{move.at:%Y-%m-%d %H:%M} UTC"


def _plain(model: ModelVersion, using: int | None) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(
        {
            "version": model.version,
            "in_use": model.version == using,
            "fitted_on": model.fitted_on,
            "train_from": model.train_from,
            "train_to": model.train_to,
            "horizon": model.horizon,
            "target": model.target,
            "strength": model.strength,
            "metrics": asdict(model.metrics),
            "data_hash": model.data_hash,
            "code_hash": model.code_hash,
        }
    )
    return plain
