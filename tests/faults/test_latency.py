"""From the breach to the closed gate, and to the first byte at Slack, with a thousand rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import SecretStr

from alerts.channels.channel import Pace
from alerts.channels.slack_bot import SlackBotChannel
from alerts.message import Severity
from alerts.route import Routing
from alerts.rule import Action, Rule
from alerts.rulebook import Rulebook
from daemon.judge import Judge, Verdict
from daemon.storage.database import Database
from daemon.storage.schema import gates
from monitors.reading import Reading, State
from tests.faults.deliveries import delivering, until_sent
from tests.faults.worker import SESSION
from tests.stand_ins.slack_api import SlackApiStandIn
from tests.stand_ins.slack_workspace import BOT_TOKEN, CHANNEL
from trading.gate import GateState

RULES = 1000


class IdleSlack(SlackBotChannel):
    """Slack as it is when nothing has been sent for a while: its pace allows the next message at once."""

    pace = Pace(per_s=1000.0, burst=1000)


@dataclass
class Latencies:
    """Seconds from each breach to what followed."""

    gate: list[float] = field(default_factory=list)
    slack: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> tuple[float, float]:
        """Return a quantile of both."""
        return float(np.quantile(self.gate, share)), float(np.quantile(self.slack, share))


def thousand_rules() -> Rulebook:
    """Return a thousand rules on ten metrics, each of which closes the gate."""
    return Rulebook(
        Rule(
            f"r{number:04}",
            f"metric_{number % 10}",
            f"Number {number} is past its limit",
            subject=f"s{number:04}",
            threshold=0.5,
            flap_sessions=0,
            severity=Severity.CRITICAL,
            action=Action.REDUCE_ONLY,
        )
        for number in range(RULES)
    )


async def measure(store: Database, trials: int) -> Latencies:
    """Breach rule after rule on an idle system, each with the gate open, and time what follows."""
    judge = Judge(thousand_rules(), Routing((("slack", Severity.INFO),)), max_missing=0.2)
    found = Latencies()
    async with SlackApiStandIn(paced=False) as slack:
        channel = IdleSlack(token=SecretStr(BOT_TOKEN), channel=CHANNEL, api_url=slack.url)
        async with delivering(store, channel) as delivery:
            await hear(judge, store, 0, 0.1)  # writes the gate
            for trial in range(trials):
                number = trial * 7 % RULES
                await open_gate(store)
                posts, began_s = slack.count("chat.postMessage"), time.monotonic()
                verdict = await hear(judge, store, number, 0.9)
                found.gate.append(time.monotonic() - began_s)
                delivery.wake()
                assert verdict.gate.state is GateState.REDUCE_ONLY
                async with asyncio.timeout(10):
                    while slack.count("chat.postMessage") == posts:
                        slack.asked.clear()
                        await slack.asked.wait()
                found.slack.append(slack.calls[-1].at - began_s)
                await hear(judge, store, number, 0.1)
                delivery.wake()
                await until_sent(store, 10)
    return found


async def hear(judge: Judge, store: Database, number: int, value: float) -> Verdict:
    """Judge one reading."""
    state = State.BREACH if value > 0.5 else State.OK
    reading = Reading(SESSION, "drift", f"metric_{number % 10}", f"s{number:04}", value, 100, 0.5, state)
    now = datetime.now(UTC)
    async with store.write() as connection:
        return await judge.readings(connection, (reading,), now, now)


async def open_gate(store: Database) -> None:
    """Open the gate, as a whole session without a breach does."""
    async with store.write() as connection:
        await connection.execute(gates.update().values(state=GateState.ACTIVE.value, latched=False))


async def test_a_breach_closes_the_gate_within_a_second_and_reaches_slack_within_two(
    sqlite_store: Database, record_property: Callable[[str, object], None]
) -> None:
    check(await measure(sqlite_store, trials=60), record_property)


@pytest.mark.soak
async def test_of_a_thousand_breaches_99_in_100_are_as_quick(
    sqlite_store: Database, record_property: Callable[[str, object], None]
) -> None:
    check(await measure(sqlite_store, trials=1000), record_property)


def check(latencies: Latencies, record_property: Callable[[str, object], None]) -> None:
    """Check what the numbers must be, and say them."""
    gate_s, slack_s = latencies.quantile(0.99)
    record_property("gate_p99_ms", round(gate_s * 1e3))
    record_property("slack_p99_ms", round(slack_s * 1e3))
    assert gate_s <= 1.0
    assert slack_s <= 2.0
