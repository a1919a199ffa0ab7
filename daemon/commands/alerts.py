"""`forewarn alerts`: see what fires and why people were told, acknowledge it, silence it."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.alert import Alert, AlertState
from alerts.compose import amount, limit_of
from alerts.message import Severity
from alerts.rulebook import Rulebook
from alerts.silence import Silence, broken
from daemon.commands.alert_timeline import Timeline, place_of, read_timeline
from daemon.commands.store import print_json, run_on_store, wide_console
from daemon.configuration.config import load_settings
from daemon.storage.alerts import AlertStore
from daemon.storage.database import Database
from daemon.storage.silences import SilenceStore
from daemon.verbs import VerbError, acknowledge, end_silence, silence
from daemon.web.status import to_plain

STYLES: Final = {
    AlertState.FIRING: "bold red",
    AlertState.NO_DATA: "bold blue",
    AlertState.PENDING: "yellow",
    AlertState.RESOLVED: "green",
    AlertState.INACTIVE: "dim",
}
SHOWN: Final = (AlertState.FIRING, AlertState.NO_DATA, AlertState.PENDING)

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def show_alerts(config: Path | None, database: str | None, *, every: bool, json: bool) -> None:
    """Print the alerts that fire, cannot be judged or are about to fire; with `every`, all of them."""
    book = Rulebook(load_settings(config).rule_set())

    async def read(store: Database) -> dict[str, Alert]:
        async with store.read() as connection:
            return await AlertStore(connection).all()

    found = run_on_store(config, database, read).values()
    alerts = sorted(
        (alert for alert in found if every or alert.state in SHOWN), key=lambda one: _order(one, book)
    )
    now = datetime.now(UTC)
    if json:
        print_json({"alerts": [_plain(alert, book) for alert in alerts]})
    elif not alerts:
        Console().print("No alert is open.")
    else:
        wide_console(markup=False).print(_alert_table(alerts, book, now))


def show_timeline(target: str, config: Path | None, database: str | None, *, json: bool) -> None:
    """Print what happened to an alert or a group.

    Raises:
        VerbError: Nothing has that name.
    """
    book = Rulebook(load_settings(config).rule_set())

    async def read(store: Database) -> Timeline | None:
        async with store.read() as connection:
            return await read_timeline(connection, target, book)

    timeline = run_on_store(config, database, read)
    if timeline is None:
        raise VerbError(f"no alert and no group is called {target!r}; see `forewarn alerts list --all`")
    if json:
        plain: dict[str, Any] = to_plain(timeline)
        print_json({**plain, "alerts": [_plain(alert, book) for alert in timeline.alerts]})
        return
    console = wide_console(markup=False)
    console.print(_alert_table(timeline.alerts, book, datetime.now(UTC)))
    table = Table(box=None, pad_edge=False, title=f"\nWhat happened to {timeline.group}", **_LEFT)
    table.add_column("when, UTC", no_wrap=True)
    table.add_column("what")
    table.add_column("why")
    for entry in timeline.entries:
        text = Text(entry.text, style="bold" if entry.what == "message" else "")
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M}", text, Text(entry.why, style="dim"))
    console.print(table)


def ack(target: str, config: Path | None, database: str | None, *, by: str | None, span: str | None) -> None:
    """Acknowledge an alert or a group."""
    now = datetime.now(UTC)
    until = now + read_span(span) if span else None

    async def act(store: Database) -> tuple[Alert, ...]:
        async with store.write() as connection:
            actor = by or getpass.getuser()
            return await acknowledge(connection, target, actor=actor, at=now, until=until)

    found = run_on_store(config, database, act)
    names = ", ".join(alert.fingerprint for alert in found)
    how_long = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until it is over"
    Console(highlight=False, markup=False).print(
        f"Acknowledged {how_long}: {names}." if found else f"{target} had been acknowledged before."
    )


def add_silence(
    rule: str,
    subject: str,
    config: Path | None,
    database: str | None,
    *,
    span: str,
    reason: str,
    by: str | None,
) -> None:
    """Silence some alerts for a while.

    Raises:
        VerbError: A glob can match nothing, or the silence is refused.
    """
    now = datetime.now(UTC)
    ends = now + read_span(span)
    book = Rulebook(load_settings(config).rule_set())
    literal = {name for one in book.rules for name in (one.name, one.place)}
    for what, glob in (("rule or group", rule), ("subject", subject)):
        if glob not in literal and (wrong := broken(glob)):
            raise VerbError(f"{what} = {glob!r}: {wrong}")

    async def act(store: Database) -> Silence:
        async with store.write() as connection:
            actor = by or getpass.getuser()
            return await silence(connection, rule, subject, starts=now, ends=ends, reason=reason, actor=actor)

    made = run_on_store(config, database, act)
    console = Console(highlight=False, markup=False)
    console.print(
        f"Silence {made.number}: {rule} / {subject} is not told until {ends:%Y-%m-%d %H:%M} UTC. "
        "What it does about trading goes on."
    )
    names = [one.name for one in book.rules if made.covers(one.name, one.place, subject, now)]
    if not names:
        console.print("No rule in force has such a name or group.", style="yellow")


def show_silences(config: Path | None, database: str | None, *, every: bool, json: bool) -> None:
    """Print the silences that have not ended; with `every`, all of them."""
    now = datetime.now(UTC)

    async def read(store: Database) -> tuple[Silence, ...]:
        async with store.read() as connection:
            held = SilenceStore(connection)
            return await (held.all() if every else held.running(now))

    found = run_on_store(config, database, read)
    if json:
        print_json({"silences": [to_plain(one) for one in found]})
        return
    if not found:
        Console().print("Nothing is silenced.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("no.", "rule or group", "subject", "from, UTC", "until, UTC", "by", "reason"):
        table.add_column(column)
    for one in found:
        dates = (f"{one.starts:%Y-%m-%d %H:%M}", f"{one.ends:%Y-%m-%d %H:%M}")
        cells = (str(one.number), one.rule, one.subject, *dates, one.actor, one.reason)
        table.add_row(*(Text(cell) for cell in cells), style="dim" if one.ends <= now else "")
    wide_console(markup=False).print(table)


def expire(number: int, config: Path | None, database: str | None, *, by: str | None) -> None:
    """End a silence before its time."""
    now = datetime.now(UTC)

    async def act(store: Database) -> Silence:
        async with store.write() as connection:
            return await end_silence(connection, number, actor=by or getpass.getuser(), at=now)

    ended = run_on_store(config, database, act)
    Console(highlight=False, markup=False).print(
        f"Silence {number} is over: {ended.rule} / {ended.subject} is told again within seconds."
    )


def read_span(text: str) -> timedelta:
    """Return a span of time written as `30m`, `1h`, `2d` or `1w`.

    Raises:
        VerbError: It is not written so, or is nothing.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text.strip().lower())
    if found is None or float(found[1]) == 0 or float(found[1]) > 10_000:
        raise VerbError(f"{text!r} is no span of time; write it as 30m, 1h, 2d or 1w")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


_LEFT: Final[dict[str, Any]] = {"title_justify": "left", "title_style": "bold"}


def _alert_table(alerts: Iterable[Alert], book: Rulebook, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("state", "since", "what", "value", "limit", "told", "who"):
        table.add_column(column, no_wrap=column in {"state", "since", "value"})
    for alert in alerts:
        rule, marks = book.get(alert.rule), alert.marks
        who = Text(f"{marks.acknowledged_by} has it" if marks.is_acknowledged(now) else "")
        table.add_row(
            Text(alert.state.value, style=STYLES[alert.state]),
            alert.since.isoformat(),
            Text(alert.fingerprint),
            amount(rule.metric if rule else "", alert.value),
            limit_of(rule, alert.threshold) if rule else "rule not in force",
            _mark(alert),
            who,
        )
    return table


def _mark(alert: Alert) -> str:
    """Return the decision about telling an alert, in a word or two."""
    held = [
        word
        for word, holds in (
            ("silenced", alert.marks.silenced),
            ("inhibited", alert.marks.inhibited),
            ("flapping", alert.flapping),
            ("no data", alert.blind > 0 and alert.state is AlertState.FIRING),
        )
        if holds
    ]
    if held or not (alert.is_open or alert.marks.known):
        return ", ".join(held)
    reason = alert.marks.reason
    word = reason.value.replace("_", " ")
    return word if reason.told else f"no: {word}"


def _order(alert: Alert, book: Rulebook) -> tuple[int, int, str]:
    rule = book.get(alert.rule)
    urgency = list(Severity).index(rule.severity) if rule else -1
    states = [*SHOWN, AlertState.RESOLVED, AlertState.INACTIVE]
    return states.index(alert.state), -urgency, alert.fingerprint


def _plain(alert: Alert, book: Rulebook) -> dict[str, Any]:
    rule = book.get(alert.rule)
    plain: dict[str, Any] = to_plain(alert)
    return {
        "fingerprint": alert.fingerprint,
        "group": place_of(alert, book),
        "severity": rule.severity.value if rule else None,
        "limit": limit_of(rule, alert.threshold) if rule else None,
        **plain,
    }
