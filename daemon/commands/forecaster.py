"""`forewarn forecaster`: is the forecaster worth anything? The honest answer, on anybody's prices."""

from __future__ import annotations

import json as json_format
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from backtest.evaluation import Evaluated, EvaluationError, Question, evaluate_prices
from daemon.clock import SystemClock
from daemon.commands.data_file import DataFileError
from daemon.commands.forecaster_html import page
from daemon.commands.forecaster_terminal import left_out, show, show_left_out
from daemon.commands.reference_files import read_sectors
from daemon.price_series import market_series, to_forecast, weekend_note
from forecaster.target import Target
from forecaster.training import Training, TrainingError
from market.membership import read_membership
from market.price_file import PriceFileError, read_bars
from market.sample import BENCHMARK, SAMPLE_PATH
from market.screening import screen

LONGEST_HORIZON: Final = 63


def evaluate(
    prices: Path | None,
    *,
    target: str,
    horizon: int,
    members: Path | None,
    sectors: Path | None,
    trials: int,
    delisting: float | None,
    html: Path | None,
    json: bool,
) -> None:
    """Walk through a price file and print what the forecaster was worth.

    Args:
        prices: Parquet or CSV with daily bars; None takes the sample.
        target: `relative` or `absolute`.
        horizon: Sessions held.
        members: CSV with `ticker`, `start_date`, `end_date` of an index; None where it is unknown.
        sectors: CSV with `ticker` and `sector` (or `gics_sector`); None where they are unknown.
        trials: Configurations tried on these prices, this one included.
        delisting: Return beyond the last close of a ticker that ended, a fraction; None judges no such call.
        html: Where to write the page; None writes none.
        json: Print one JSON object instead of the tables.

    Raises:
        DataFileError: A file of members or sectors cannot be used, or an option is out of range.
        PriceFileError: The prices cannot be used.
    """
    if not 1 <= horizon <= LONGEST_HORIZON:
        raise DataFileError(f"--horizon {horizon}: give 1 to {LONGEST_HORIZON} sessions")
    if trials < 1:
        raise DataFileError(f"--trials {trials}: at least 1 was made")
    if delisting is not None and not -1.0 <= delisting <= 1.0:
        raise DataFileError(f"--delisting-return {delisting}: give a fraction from -1 to 1, such as -0.3")
    path = prices or SAMPLE_PATH
    told, unusable = read_bars(path, today=SystemClock().now().date())
    panel, findings = screen(told)
    findings = (*unusable, *findings)
    series, _ = market_series(panel)
    question = Question(
        panel=panel,
        universe=to_forecast(panel.tickers),
        benchmark=BENCHMARK,
        series=series,
        sectors=read_sectors(sectors) if sectors else None,
        members=read_membership(members).spells if members else None,
        training=Training(horizon=horizon, target=_target(target)),
        trials=trials,
        delisting=delisting,
    )
    try:
        found = _walked(question, quiet=json)
    except (EvaluationError, TrainingError) as error:
        why = f"; {'; '.join(left_out(findings))}" if findings else ""
        raise PriceFileError(f"{path}: {error}{why}") from None
    if html is not None:
        _write(html, page(found.honesty, path.name, left_out(findings) if findings else ()))
    if json:
        timings = {"features_s": round(found.feature_s, 3), "walk_forward_s": round(found.walk_s, 3)}
        named = {"left_out": [str(one) for one in findings], "weekend": weekend_note(panel.sessions)}
        report = {"prices": path.name} | named | found.honesty.to_dict() | timings
        sys.stdout.write(json_format.dumps(report) + "\n")
        return
    console = Console(highlight=False)
    show(console, found, path.name)
    show_left_out(console, findings)
    if note := weekend_note(panel.sessions):
        console.print(f"{note}.", style="yellow", markup=False)
    if html is not None:
        console.print(f"\nThe same as a page: {html}", markup=False)


def _target(name: str) -> Target:
    with suppress(ValueError):
        return Target(name)
    raise DataFileError(f"--target {name!r}: give {' or '.join(Target)}")


def _walked(question: Question, *, quiet: bool) -> Evaluated:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("walking forward", total=len(question.panel.sessions))

        def tell(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return evaluate_prices(question, tell)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataFileError(f"--html {path}: cannot be written: {error.strerror}") from None
