"""A thousand alerts at once against Slack's real limits: few messages, none lost, the critical first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

from pydantic import SecretStr
from sqlalchemy import select

from alerts.channels.channel import Channel
from alerts.channels.slack_bot import SlackBotChannel
from alerts.message import Severity
from alerts.route import Routing
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from daemon.judge import Judge
from daemon.storage.database import Database
from daemon.storage.schema import outbox
from monitors.reading import Reading, State
from tests.faults.deliveries import delivering, until_sent
from tests.faults.worker import SESSION
from tests.stand_ins.slack_api import Call, Fault, SlackApiStandIn
from tests.stand_ins.slack_workspace import BOT_TOKEN, CHANNEL

ALERTS = 1000
CRITICAL = 613
"""The rule that is critical: somewhere in the middle."""


def slack_at(url: str) -> Channel:
    """Return the bot's channel on the stand-in."""
    return SlackBotChannel(token=SecretStr(BOT_TOKEN), channel=CHANNEL, api_url=url)


def storm_judge(alerts: int = ALERTS) -> Judge:
    """Return a judge of a thousand rules, each with a group of its own."""
    rules = (
        Rule(
            f"r{number:04}",
            "psi",
            f"Number {number} is past its limit",
            subject=f"s{number:04}",
            threshold=0.5,
            severity=Severity.CRITICAL if number == CRITICAL % alerts else Severity.WARNING,
        )
        for number in range(alerts)
    )
    return Judge(Rulebook(rules), Routing((("slack", Severity.INFO),)), max_missing=0.2)


async def break_all(store: Database, alerts: int = ALERTS) -> None:
    """Let every rule's reading break its limit at once."""
    readings = tuple(
        Reading(SESSION, "drift", "psi", f"s{number:04}", 0.9, 100, 0.5, State.BREACH)
        for number in range(alerts)
    )
    now = datetime.now(UTC)
    async with store.write() as connection:
        verdict = await storm_judge(alerts).readings(connection, readings, now, now)
    assert len(verdict.messages) == alerts


async def assert_all_told(store: Database, slack: SlackApiStandIn, count: int = ALERTS) -> None:
    """Check that each alert's message, or the one it was folded into, stands in Slack."""
    shown = {post.key for post in slack.posts}
    async with store.read() as connection:
        rows = {row.key: row for row in await connection.execute(select(outbox))}
    alerts = [row for row in rows.values() if row.group_.startswith("r")]
    assert len(alerts) == count
    for row in alerts:
        end = rows[row.folded_into] if row.folded_into else row
        assert (end.status, end.key in shown) == ("sent", True), row.key


def taken(slack: SlackApiStandIn) -> list[Call]:
    """Return the requests to post, those that were refused included."""
    return [call for call in slack.calls if call.method == "chat.postMessage"]


async def test_a_thousand_alerts_in_one_instant_are_few_messages_and_the_critical_one_is_quick(
    sqlite_store: Database,
) -> None:
    await break_all(sqlite_store)
    async with SlackApiStandIn() as slack:
        begun_s = asyncio.get_running_loop().time()
        async with delivering(sqlite_store, slack_at(slack.url)):
            await until_sent(sqlite_store, 60)
    await assert_all_told(sqlite_store, slack)
    assert len(slack.posts) <= 10
    posts = taken(slack)
    assert [call.ended for call in posts] == ["ok"] * len(posts)
    assert all(late.at - early.at >= 0.98 for early, late in pairwise(posts))
    assert slack.posts[0].key == f"r{CRITICAL:04}/1"
    assert posts[0].at - begun_s <= 5


async def test_a_storm_that_meets_a_429_waits_as_long_as_slack_asked(sqlite_store: Database) -> None:
    await break_all(sqlite_store, 100)
    async with SlackApiStandIn() as slack:
        slack.break_next("chat.postMessage", Fault.RATE_LIMITED)
        async with delivering(sqlite_store, slack_at(slack.url)):
            await until_sent(sqlite_store, 60)
    await assert_all_told(sqlite_store, slack, 100)
    refused, *posts = taken(slack)
    assert refused.ended == Fault.RATE_LIMITED
    assert posts[0].at - refused.at >= 7
    assert not any(call.early for call in slack.calls)
    assert len(slack.posts) <= 10
    assert slack.posts[0].key == "r0013/1"
