"""SIGKILL at random instants while alerts stream in and receivers fail: nothing lost, little told twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from sqlalchemy import select

from alerts.render_email import message_id
from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.storage.schema import alert_transitions, outbox
from daemon.storage.stored_message import read_message
from tests.faults.deliveries import until_sent
from tests.faults.feed import Feed
from tests.faults.nemesis import Nemesis
from tests.faults.receivers import Receivers, episode_name
from tests.faults.worker import SENDER, Spec

REPLY_LOSS, ERRORS = 0.03, 0.05
LONGEST_S = 0.12
"""Seconds a life lasts at the most once it is connected, unless it has fallen behind the stream."""
DOMAIN = SENDER.partition("@")[2]


@dataclass(frozen=True, slots=True)
class Toll:
    """What a run came to."""

    kills: int
    alerts: int
    per_s: float
    copies: dict[str, int]
    lost_replies: int
    messages: dict[str, int]


async def haunt(url: str, folder: Path, *, kills: int, within_s: float, seed: int) -> Toll:
    """Kill a worker again and again, let it settle, and check everything that must hold."""
    store = Database(url)
    await upgrade(store)
    loop = asyncio.get_running_loop()
    try:
        async with Receivers(errors=ERRORS, reply_loss=REPLY_LOSS, seed=seed) as receivers, Feed() as feed:
            spec = Spec(url, feed.port, feed.rules, **receivers.places())
            async with Nemesis(spec, folder / "worker.log", seed=seed) as nemesis:
                feed.begin()
                begun_s = loop.time()
                await nemesis.haunt(feed, kills, within_s=within_s, longest_s=LONGEST_S)
                feed.end()
                per_s = len(feed.begun) / (loop.time() - begun_s)
                receivers.heal()
                await nemesis.start()
                await feed.settle(120)
                await until_sent(store, 120)
                feed.hang_up()
                assert await nemesis.wait() == 0
                assert nemesis.ends[:-1] == [-SIGKILL] * nemesis.kills
            copies = await check(store, receivers, feed)
            return Toll(
                nemesis.kills,
                len(feed.begun),
                per_s,
                copies,
                receivers.slack_replies_lost,
                {
                    "slack": len(receivers.slack.posts),
                    "webhook": len(receivers.webhook.taken),
                    "email": len(receivers.smtp.taken),
                },
            )
    finally:
        await store.aclose()


async def check(store: Database, receivers: Receivers, feed: Feed) -> dict[str, int]:
    """Check that nothing was lost or repeated. Returns how many messages each receiver has twice."""
    async with store.read() as connection:
        rows = list(await connection.execute(select(outbox)))
        moves = list(await connection.execute(select(alert_transitions)))
    check_transitions(moves, feed)
    told = tellings(rows)
    acknowledged = set(feed.begun)
    mails = receivers.mail_ids
    slack_shows = receivers.slack_shows
    for channel, got in (
        ("slack", lambda message: {message["key"], episode_name(message)} & slack_shows),
        ("email", lambda message: message_id(read_message(message), domain=DOMAIN) in mails),
        ("webhook", lambda message: message["key"] in receivers.webhook.taken),
    ):
        reached = {one for one, message in told[channel].items() if got(message)}
        assert acknowledged - reached == set(), channel
    assert not receivers.slack.refusals
    assert not receivers.webhook.refused
    return {
        "slack": receivers.slack_copies,
        "email": mails.total() - len(mails),
        "webhook": sum(
            row.channel == "webhook" and row.status == "folded" and row.key in receivers.webhook.taken
            for row in rows
        ),
    }


def check_transitions(moves: list[Any], feed: Feed) -> None:
    """Check that every alert fired once and, where its end came, was resolved once."""
    found = Counter((row.subject, row.after) for row in moves)
    fired, over = dict.fromkeys(feed.begun, 1), dict.fromkeys(feed.over, 1)
    assert {name: count for (name, after), count in found.items() if after == "firing"} == fired
    assert {name: count for (name, after), count in found.items() if after == "resolved"} == over
    steps: dict[str, list[Any]] = {}
    for row in sorted(moves, key=lambda row: (row.fingerprint, row.move)):
        steps.setdefault(row.fingerprint, []).append(row)
    for path in steps.values():
        assert [row.move for row in path] == [*range(1, len(path) + 1)]
        assert all(late.before == early.after for early, late in pairwise(path))


def tellings(rows: list[Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return, by channel and alert, the message that told it: its own, or the one it was folded into."""
    by_key = {(row.channel, row.key): row for row in rows}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        end = row
        while end.status in ("folded", "superseded"):
            end = by_key[end.channel, end.folded_into]
        assert end.status == "sent", (end.key, end.channel, end.status, end.error)
        if row.event != "firing":
            continue
        for finding in row.message["findings"]:
            found.setdefault(row.channel, {})[finding["subject"]] = end.message
    return found


def judge(toll: Toll) -> None:
    """Check what the numbers must be."""
    assert toll.copies["webhook"] == 0
    assert toll.copies["slack"] <= toll.kills
    assert toll.copies["email"] <= toll.kills + toll.messages["email"] * 2 * REPLY_LOSS


@pytest.mark.timeout(800)
async def test_kills_at_random_instants_lose_no_alert_and_repeat_none(
    new_url: Callable[[], str], tmp_path: Path
) -> None:
    url = new_url()
    kills = 200 if url.startswith("sqlite") else 20
    toll = await haunt(url, tmp_path, kills=kills, within_s=500, seed=20081015)
    assert toll.kills == kills
    assert toll.per_s >= 25  # a hundred and more where nobody else uses the machine
    judge(toll)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_thousand_kills_lose_no_alert_and_repeat_none(
    new_url: Callable[[], str], tmp_path: Path
) -> None:
    toll = await haunt(new_url(), tmp_path, kills=1000, within_s=1500, seed=20081016)
    assert toll.kills == 1000
    assert toll.per_s >= 100
    judge(toll)
