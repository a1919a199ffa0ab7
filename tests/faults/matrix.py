"""The matrix: the same faults against Forewarn and Prometheus Alertmanager, all measured in one run.

`python -m tests.faults.matrix` prints a table and writes docs/fault-matrix.md; it takes about seven minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from tests.faults.disk import full, small_disk
from tests.faults.hook import Hook
from tests.faults.systems import (
    ALERTMANAGER,
    GROUP_INTERVAL_S,
    GROUP_WAIT_S,
    Alertmanager,
    Forewarn,
    System,
    alertmanager_version,
)
from tests.faults.waiting import until

PAGE: Final = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
FEW: Final = 5
STORM: Final = 1000
DOWN_S: Final = 20.0

FULL_S: Final = 10.0

Make = Callable[[Hook, Path, Path | None], System]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: what is done, in words, and how it is done and judged."""

    what: str
    run: Callable[[System, Hook], Awaitable[str]]
    small_disk: bool = False


def names(count: int) -> list[str]:
    """Return the names of so many alerts."""
    return [f"s{number:04}" for number in range(count)]


async def killed_early(system: System, hook: Hook) -> str:
    """Kill it between its taking the alerts and its telling them."""
    await system.start()
    hook.down = True  # a receiver that fails for this half second, so that nobody can have been told
    await system.post(names(FEW))
    await asyncio.sleep(0.5)
    await system.kill()
    hook.down = False
    await system.start()
    await hook.quiet(system.quiet_s, 60)
    return await told(system, names(FEW))


async def limited(system: System, hook: Hook) -> str:
    """Answer the first request about an alert with 429; ten seconds later the alert ends."""
    await system.start()
    hook.busy, hook.retry_after_s = 1, 2
    await system.post(names(1))
    await until(lambda: bool(hook.attempts), 60)
    await asyncio.sleep(10)
    fired = bool(hook.taken)
    await system.post(names(1), firing=False)
    await hook.quiet(system.quiet_s, 60)
    over = len(hook.taken) > fired
    early = sum(one.early for one in hook.attempts)
    return f"{said('firing', fired)}, {said('its end', over)}; {early} requests before Retry-After"


async def restarted(system: System, hook: Hook) -> str:
    """Kill it after the alerts were told; their end comes after the restart."""
    await system.start()
    await post_slowly(system)
    await hook.quiet(system.quiet_s, 60)
    before = len(hook.taken)
    await system.kill()
    await system.start()
    await post_slowly(system, firing=False)
    await hook.quiet(system.quiet_s, 60)
    ends = {name for name in names(FEW) for one in hook.taken[before:] if name in one.body}
    return f"{len(ends)} of {FEW} ends told"


async def killed_late(system: System, hook: Hook) -> str:
    """Kill it a second after the last alert was told; the source says again that they fire."""
    await system.start()
    await post_slowly(system)
    await until(lambda: len(hook.taken) >= FEW, 60)
    await asyncio.sleep(1.0)
    await system.kill()
    await system.start()
    await post_slowly(system)
    await hook.quiet(system.quiet_s, 60)
    twice = sum(len(hook.telling(name)) > 1 for name in names(FEW))
    return f"{twice} of {FEW} told twice"


async def receiver_down(system: System, hook: Hook) -> str:
    """Let the receiver answer 500 for a while."""
    loop = asyncio.get_running_loop()
    await system.start()
    hook.down = True
    await system.post(names(FEW))
    await asyncio.sleep(DOWN_S)
    hook.down = False
    back_s, asked = loop.time(), len(hook.attempts)
    await hook.quiet(system.quiet_s + 10, 90)
    last_s = max((one.at_s - back_s for one in hook.taken), default=0.0)
    return (
        f"{await told(system, names(FEW))}, the last {last_s:.0f} s after it was back; "
        f"{asked} requests meanwhile"
    )


async def storm(system: System, hook: Hook) -> str:
    """Post a thousand alerts at once to a receiver that takes one message a second."""
    loop = asyncio.get_running_loop()
    await system.start()
    begun_s = loop.time()
    await system.post(names(STORM))
    await hook.quiet(system.quiet_s, 60)
    refused = sum(one.status == 429 for one in hook.attempts)
    early = sum(one.early for one in hook.attempts)
    first_s = min((one.at_s for one in hook.attempts), default=begun_s) - begun_s
    return (
        f"{await told(system, names(STORM))} in {len(hook.taken)} messages, the first after "
        f"{first_s:.1f} s; {refused} times 429, {early} requests before Retry-After"
    )


async def disk_full(system: System, hook: Hook) -> str:
    """Fill the disk; alerts come meanwhile; then there is room again, and it is killed and started anew."""
    await system.start()
    await post_slowly(system)
    await hook.quiet(3.0, 60)
    late = names(2 * FEW)[FEW:]
    with full(system.disk, system.store):
        posting = asyncio.create_task(system.post(late))
        await asyncio.sleep(FULL_S)
    await posting
    await asyncio.sleep(0.2)
    await system.kill()
    await system.start()
    await hook.quiet(system.quiet_s, 60)
    twice = sum(len(hook.telling(name)) > 1 for name in names(2 * FEW))
    return f"{await told(system, late)}, {twice} of {2 * FEW} told twice"


FAULTS: Final = (
    Fault("SIGKILL 0.5 s after the alerts were accepted, before anybody was told; restart", killed_early),
    Fault("The first request is answered 429, Retry-After 2 s; the alert ends 10 s later", limited),
    Fault("SIGKILL after firing was told; restart; then the alerts end", restarted),
    Fault(
        "SIGKILL 1 s after the alerts were told; restart; the source says again that they fire", killed_late
    ),
    Fault(
        f"The disk is full for {FULL_S:g} s while {FEW} more alerts come; SIGKILL 0.2 s after there is room "
        "and they are accepted; restart",
        disk_full,
        small_disk=True,
    ),
    Fault(f"The receiver answers 500 for {DOWN_S:g} s", receiver_down),
    Fault(f"{STORM:,} alerts in one instant, a group each; the receiver takes one message a second", storm),
)


async def told(system: System, alerts: list[str]) -> str:
    """Say how many of the alerts were told, and how many of them by a digest that only counts them."""
    count, named = len(alerts), system.named(alerts)
    told = count - await system.untold(alerts)
    if named >= told:
        return f"{named:,} of {count:,} alerts told by name"
    return f"{named:,} of {count:,} alerts told by name, {told - named:,} more counted in a digest"


def said(what: str, was: bool) -> str:
    """Say whether something was told."""
    return f"{what} told" if was else f"{what} never told"


async def post_slowly(system: System, *, firing: bool = True) -> None:
    """Post alerts so slowly that a receiver which takes one message a second takes all of them."""
    for name in names(FEW):
        await system.post([name], firing=firing)
        await asyncio.sleep(1.5)


async def measure(fault: Fault, make: Make) -> str:
    """Run one fault against one system that has just been set up."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        try:
            disk = stack.enter_context(small_disk(folder / "disk", 16)) if fault.small_disk else None
        except pytest.skip.Exception as skipped:
            return f"not measured: {skipped.msg}"
        async with Hook() as hook:
            system = make(hook, folder, disk)
            try:
                return await fault.run(system, hook)
            finally:
                await system.aclose()


async def table(faults: tuple[Fault, ...] = FAULTS) -> list[tuple[str, str, str]]:
    """Return a row a fault: what, Forewarn, Alertmanager."""
    rows = []
    for fault in faults:
        ours = await measure(fault, Forewarn)
        theirs = await measure(fault, Alertmanager) if ALERTMANAGER else "not installed here"
        rows.append((fault.what, ours, theirs))
        print(f"{fault.what}\n  Forewarn: {ours}\n  Alertmanager: {theirs}", flush=True)  # noqa: T201 -- progress
    return rows


def page(rows: list[tuple[str, str, str]]) -> str:
    """Return the page."""
    peer = f"Alertmanager {alertmanager_version()}" if ALERTMANAGER else "Alertmanager"
    lines = [
        "# Fault matrix",
        "",
        "The same faults against Forewarn and against Prometheus Alertmanager, measured by",
        "`python -m tests.faults.matrix`, which wrote this page.",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with Forewarn {version('forewarn')}, {peer}, Python "
        f"{platform.python_version()} and SQLite. No fault is",
        "drawn by chance, so there is no seed.",
        "",
        f"| fault | Forewarn | {peer} |",
        "|---|---|---|",
        *(f"| {what} | {ours} | {theirs} |" for what, ours, theirs in rows),
        "",
        "How to read it:",
        "",
        "- Both systems tell one incoming webhook as Slack has it: one message a second, else 429.",
        f"  {FEW} alerts, each a group of its own, unless said otherwise.",
        f"- Forewarn runs with its default settings. Alertmanager's `group_wait` is {GROUP_WAIT_S:g} s",
        f"  and its `group_interval` {GROUP_INTERVAL_S:g} s, a fifteenth of its defaults, to save time.",
        "- Each alert is handed over once, unless the row says otherwise. Behind a Prometheus server,",
        "  which says every minute what fires, Alertmanager hears again of what it lost while that fires.",
        "- An alert is told by name where its name can be read in a message that was taken. One that a",
        "  digest only counts is counted apart; `forewarn alerts list` names it.",
        "- In the storm every alert is a group of its own, for both; with one group for all, Alertmanager",
        "  would tell them in one message. Both are watched until nothing comes any more, at most a minute.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print the page and write nothing")
    parser.add_argument("--only", type=int, help="the number of one row, from 1")
    given = parser.parse_args()
    faults = FAULTS if given.only is None else FAULTS[given.only - 1 : given.only]
    text = page(asyncio.run(table(faults)))
    if given.dry or given.only is not None:
        print(text)  # noqa: T201 -- its output
    else:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
