"""`forewarn check` and `forewarn alerts test`: does everything that an alert needs work?"""

from __future__ import annotations

import asyncio
import json as json_format
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from math import sin
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.channels import kinds
from alerts.channels.channel import DeliveryError
from alerts.message import Curve, Event, Message, Severity
from alerts.reason import Reason
from daemon.checks import (
    Check,
    Standing,
    all_checks,
    check_calendar,
    check_outside,
    check_prices,
    check_store,
)
from daemon.commands.exit_codes import BAD_INPUT, REFUSED
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import ConfigError
from daemon.configuration.settings import Settings
from daemon.delivery.channel_checks import check_channel
from daemon.delivery.channels import make_channel
from daemon.storage.database import Database, DatabaseError

STYLE: Final = {Standing.OK: "green", Standing.OFF: "dim", Standing.WRONG: "bold red"}
EXAMPLE_SESSIONS: Final = 60


def check(config: Path | None, database: str | None, *, json: bool) -> int:
    """Check the configuration, the store, the calendar, the prices and every channel.

    Returns:
        The exit code: 0 everything will do, 1 something will not, 3 the configuration cannot be used.
    """
    where = str(config) if config else "defaults and environment"
    try:
        settings = load_settings(config)
        store = Database(database or settings.database.url)
    except (ConfigError, DatabaseError) as error:
        _print((Check("configuration", Standing.WRONG, str(error), "mend it, then check again"),), json=json)
        return BAD_INPUT
    rules = len(settings.rule_set())
    found = (
        Check("configuration", Standing.OK, f"{where}: {rules} rules in force"),
        *asyncio.run(_check(settings, store)),
    )
    _print(found, json=json)
    return REFUSED if any(one.standing is Standing.WRONG for one in found) else 0


def send_test(name: str, config: Path | None, *, json: bool) -> int:
    """Send one real message through one channel and say what the receiver answered.

    Returns:
        The exit code: 0 the receiver took it, 1 it did not.

    Raises:
        ConfigError: The configuration cannot be used, or there is no such channel.
    """
    settings = load_settings(config)
    channel = make_channel(settings, name)
    message = compose_test(name, datetime.now(UTC))

    async def send() -> str:
        try:
            return await channel.send(message)
        finally:
            await channel.aclose()

    told = {"channel": name, "key": message.key, "enabled": settings.channels.of(name).enabled}
    try:
        told |= {"sent": True, "reference": asyncio.run(send()), "error": ""}
    except DeliveryError as error:
        told |= {"sent": False, "reference": "", "error": str(error), "kind": type(error).__name__}
    if json:
        _print_json(told)
    else:
        _print_test(told)
    return 0 if told["sent"] else REFUSED


def compose_test(channel: str, now: datetime) -> Message:
    """Return the message that a test sends: it says what it is, and shows what a chart looks like.

    Args:
        channel: Whom it goes through.
        now: Aware UTC; part of the key, so that no receiver takes a test for the one before.
    """
    return Message(
        key=f"test/{now:%Y%m%dT%H%M%S.%f}",
        group="test",
        event=Event.TEST,
        severity=Severity.INFO,
        title=f"Forewarn reaches you through {channel}",
        session=now.date().isoformat(),
        findings=(),
        done="",
        runbook=f"Nothing: somebody ran `forewarn alerts test {channel}`. A curve you may see is made up.",
        episode=now.isoformat(),
        reason=Reason.TEST.value,
        at=now.isoformat(),
        curve=_example(now.date()),
    )


async def _check(settings: Settings, store: Database) -> tuple[Check, ...]:
    try:
        return await all_checks(
            check_store(store),
            check_calendar(settings.market.calendar),
            check_prices(settings),
            check_outside(settings),
            *(check_channel(settings, name) for name in kinds()),
        )
    finally:
        await store.aclose()


def _example(today: date) -> Curve:
    days = (today - timedelta(days=EXAMPLE_SESSIONS - n) for n in range(EXAMPLE_SESSIONS))
    values = tuple(0.1 + 0.04 * sin(n / 5) + max(n - 45, 0) / 90 for n in range(EXAMPLE_SESSIONS))
    return Curve("an example, not a measurement", tuple(day.isoformat() for day in days), values, 0.2)


def _print(found: tuple[Check, ...], *, json: bool) -> None:
    if json:
        ok = all(one.standing is not Standing.WRONG for one in found)
        _print_json({"ok": ok, "checks": [asdict(one) for one in found]})
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for one in found:
        said = Text(one.said)
        if one.fix:
            said.append(f"\n-> {one.fix}", "bold")
        style = "dim" if one.standing is Standing.OFF else ""
        table.add_row(Text(one.part, style), Text(one.standing.value, STYLE[one.standing]), said, style=style)
    wrong = sum(one.standing is Standing.WRONG for one in found)
    console = Console(highlight=False)
    console.print(table)
    verdict = f"{wrong} of {len(found)} parts will not do." if wrong else "Everything will do."
    console.print(Text(f"\n{verdict}", "bold red" if wrong else "bold green"))


def _print_test(told: dict[str, Any]) -> None:
    console = Console(highlight=False)
    if told["sent"]:
        reference = f": {told['reference']}" if told["reference"] else ""
        console.print(Text(f"{told['channel']} took the message {told['key']}{reference}", "green"))
        if not told["enabled"]:
            console.print(f"No alert goes there yet: set channels.{told['channel']}.enabled = true.")
        return
    console.print(Text(f"{told['channel']} did not take the message.", "bold red"))
    console.print(Text(str(told["error"])))


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json_format.dumps(value) + "\n")
