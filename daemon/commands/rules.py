"""`forewarn rules`: are the rules sound, what do they do, and what would they have done?"""

from __future__ import annotations

import asyncio
import json as json_format
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from alerts.explain import explain
from alerts.message import Event, Severity
from alerts.rulebook import Rulebook
from daemon.commands.exit_codes import REFUSED
from daemon.commands.rehearsal import Day, Rehearsal, Rehearsing
from daemon.commands.terminal import STATE_STYLE
from daemon.configuration.alert_checks import doubts, untold
from daemon.configuration.config import load_settings
from daemon.configuration.settings import Settings
from daemon.delivery.channels import channel_levels
from daemon.storage.database import Database
from daemon.storage.readings import reading_of
from daemon.storage.schema import readings, runs
from daemon.storage.schema_version import require_newest
from daemon.web.status import to_plain
from monitors.metrics import METRICS

SEVERITY_STYLE: Final = {Severity.INFO: "blue", Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}


def check(config: Path | None, *, json: bool) -> int:
    """Say what each rule does, and what about the rules is probably not meant.

    Returns:
        The exit code: 0 sound, 1 something is probably not meant.

    Raises:
        ConfigError: The rules cannot be used.
    """
    settings = load_settings(config)
    rules, doubtful = settings.rule_set(), tuple(doubts(settings))
    sentences = {rule.name: explain(rule, METRICS.get(rule.metric, "")) for rule in rules}
    silent = {rule.name: why for rule, why in untold(settings)}
    if json:
        plain = [
            {**to_plain(rule), "sentence": sentences[rule.name], "untold": silent.get(rule.name, "")}
            for rule in rules
        ]
        _print_json({"rules": plain, "doubts": list(doubtful)})
        return REFUSED if doubtful else 0
    console = _console(110)
    ranked = sorted(rules, key=lambda rule: (-list(Severity).index(rule.severity), rule.name))
    for rule in ranked:
        console.print(Text(rule.name, style=SEVERITY_STYLE[rule.severity]))
        console.print(Text(f"{rule.summary}. {sentences[rule.name]}"), style="", soft_wrap=False)
        console.print()
    where = config or "the defaults"
    console.print(f"{len(rules)} rules of {where} are in force.")
    if silent:
        text = "Nobody is told of these; the page and `forewarn alerts list` show them: "
        console.print(Text(text + ", ".join(silent) + ".", style="dim"))
    for doubt in doubtful:
        console.print(Text(f"Probably not meant: {doubt}.", style="yellow"))
    return REFUSED if doubtful else 0


def rehearse(
    span: tuple[date | None, date | None], config: Path | None, database: str | None, *, json: bool
) -> None:
    """Print what the rules would have done about the stored readings.

    Raises:
        BadParameter: The span ends before it begins.
        ConfigError: The configuration cannot be used.
        DatabaseError: The store cannot be read.
    """
    first, last = span
    if first and last and first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}; swap them")
    settings = load_settings(config)
    started = time.perf_counter()
    found = asyncio.run(_rehearse(settings, database, span, quiet=json))
    seconds = time.perf_counter() - started
    if json:
        _print_json({**to_plain(found), "seconds": round(seconds, 2)})
    else:
        _print(_console(120), found, seconds)


async def _rehearse(
    settings: Settings, database: str | None, span: tuple[date | None, date | None], *, quiet: bool
) -> Rehearsal:
    store = Database(database or settings.database.url)
    rehearsing = Rehearsing(
        Rulebook(settings.rule_set()),
        settings.routing(channel_levels(settings)),
        settings.windows(),
        max_missing=settings.monitors.max_missing,
        patience=settings.replay.operator_sessions,
    )
    try:
        await require_newest(store)
        months = await _months(store, span)
        hidden = quiet or not sys.stderr.isatty()
        for first, last in track(months, "rehearsing", disable=hidden, transient=True):
            for day in await _days(store, first, last):
                rehearsing.step(day)
    finally:
        await store.aclose()
    return rehearsing.result()


async def _months(store: Database, span: tuple[date | None, date | None]) -> list[tuple[date, date]]:
    """Return the stored sessions of a span, month by month, as (first, last)."""
    async with store.read() as connection:
        query = select(readings.c.session).distinct().order_by(readings.c.session)
        every = (await connection.execute(query)).scalars().all()
    first, last = span
    wanted = [day for day in every if (first is None or day >= first) and (last is None or day <= last)]
    months = [list(days) for _, days in groupby(wanted, lambda day: (day.year, day.month))]
    return [(days[0], days[-1]) for days in months]


async def _days(store: Database, first: date, last: date) -> list[Day]:
    async with store.read() as connection:
        query = select(readings).where(readings.c.session.between(first, last))
        ordered = query.order_by(readings.c.session, readings.c.metric, readings.c.subject)
        rows = (await connection.execute(ordered)).all()
        judged = select(runs.c.session, runs.c.due_at).where(
            runs.c.job == "judge", runs.c.session.between(first, last)
        )
        due = {row.session: row.due_at for row in await connection.execute(judged)}
    return [
        Day(session, due.get(session) or _evening(session), tuple(reading_of(row) for row in found))
        for session, found in groupby(rows, lambda row: row.session)
    ]


def _evening(session: date) -> datetime:
    """Return an instant after the close, for a session whose judgement is not in the ledger."""
    return datetime(session.year, session.month, session.day, tzinfo=UTC) + timedelta(hours=23)


def _print(console: Console, found: Rehearsal, seconds: float) -> None:
    if not found.sessions:
        console.print("No reading is stored for these sessions.")
        return
    console.print(
        Text(
            f"{found.first} to {found.last}: {found.sessions:,} sessions, {found.readings:,} readings, "
            f"{len(found.lines)} rules",
            style="bold",
        )
    )
    console.print(_rule_table(found))
    _print_pauses(console, found)
    _print_told(console, found)
    console.print(
        Text(
            f"\n{seconds:.1f} s. The readings are those that were stored: what other pauses would have "
            "changed about the account is not replayed. A latched pause counts as lifted after the "
            "sessions of replay.operator_sessions.",
            style="dim",
        )
    )


def _rule_table(found: Rehearsal) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("\nrule")
    for column in ("\nfired", "sessions it\nfired in", "longest,\nsessions", "without\ndata", "\nmessages"):
        table.add_column(column, justify="right")
    for line in found.lines:
        counts = (line.fired, line.sessions, line.longest, line.no_data, line.told)
        cells = [f"{number:,}" if number else "-" for number in counts]
        table.add_row(line.rule, *cells, style="" if any(counts) else "dim")
    return table


def _print_pauses(console: Console, found: Rehearsal) -> None:
    if not found.closures:
        console.print("\nTrading would never have been paused.")
        return
    console.print(Text("\nTrading would have been paused", style="bold"))
    for one in found.closures:
        end = one.end.isoformat() if one.end else "the end"
        line = Text(f"  {one.start} to {end:<10}  {one.sessions:>3} sessions  ")
        line.append(f"{one.state:<11}", style=STATE_STYLE[one.state])
        line.append(f"  {one.rule}")
        line.append(", lifted by a person" if one.lifted else "", style="dim")
        console.print(line)


def _print_told(console: Console, found: Rehearsal) -> None:
    kinds = Counter((one.session.year, one.event) for one in found.told)
    if not kinds:
        console.print("\nNobody would have been told anything.")
        return
    console.print(Text("\nPeople would have been told", style="bold"))
    table = Table(box=None, pad_edge=False)
    years = sorted({year for year, _ in kinds})
    table.add_column("  messages")
    for year in years:
        table.add_column(str(year), justify="right")
    for event in Event:
        if any(kinds[year, event] for year in years):
            cells = [str(kinds[year, event] or "-") for year in years]
            table.add_row(f"  {event.replace('_', ' ')}", *cells)
    console.print(table)


def _console(width: int) -> Console:
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=width)


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json_format.dumps(value) + "\n")
