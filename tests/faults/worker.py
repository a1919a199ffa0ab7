"""A process that judges and delivers, made to be killed: the daemon's own parts between a feed and receivers.

`python -m tests.faults.worker SPEC` imports everything once, then gives birth to a life (a forked process)
for each line of its standard input, and says on its standard output when it was born and how it ended. A life
reads readings from a loopback socket, judges them, acknowledges them once their transaction has committed,
and delivers what there is to tell. Only lives are killed, so that a death costs no start of Python.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Final, Self

import structlog
from pydantic import SecretStr

from alerts.channels.channel import Channel, Pace
from alerts.channels.email import EmailChannel, TlsMode
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_webhook import SlackWebhookChannel
from alerts.channels.webhook import WebhookChannel
from alerts.message import Severity
from alerts.route import Routing
from alerts.rule import Action, Rule
from alerts.rulebook import Rulebook
from daemon.clock import SystemClock
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.delivery.delivery import Delivery
from daemon.judge import Judge
from daemon.live.outage import is_outage
from daemon.log import configure_log
from daemon.storage.channels import ChannelStore
from daemon.storage.database import Database
from daemon.storage.fallbacks import FallbackStore
from daemon.storage.outbox import OutboxStore
from daemon.storage.parcel import Status
from monitors.reading import Reading, State
from tests.stand_ins.slack_workspace import BOT_TOKEN
from tests.stand_ins.slack_workspace import CHANNEL as SLACK_CHANNEL
from tests.stand_ins.webhook import SECRET

SESSION: Final = date(2024, 1, 2)
SENDER: Final = "forewarn@example.org"
CHUNK: Final = 1024
"""Bytes read at once: at the most so many are judged in one transaction."""
UNPACED: Final = Pace(per_s=10_000.0, burst=10_000)
LONGEST_LIFE_S: Final = 1800
"""Seconds after which a life, or the whole worker, ends by itself."""

QUICK: Final = {
    "settle_seconds": 0.5,
    "fold_above": 40,
    "retry_seconds": 0.2,
    "longest_retry_seconds": 1.0,
    "probe_seconds": 0.2,
    "longest_probe_seconds": 1.0,
}
"""Pauses made short, so that a test need not wait for them; nothing else differs from the defaults."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a worker is told.

    Attributes:
        url: The store, migrated.
        feed: TCP port on 127.0.0.1 where readings come from.
        rules: How many rules there are, each on a metric and in a group of its own.
        slack: Where Slack's methods are; "" for no such channel, as with the others.
        hook: An incoming webhook of Slack's.
        webhook: The receiver's URL.
        smtp: The mail server's port; 0 for none.
        paced: Whether the channels keep their pace; off where more is to go through than a receiver allows.
        closing: How many of the rules, the first ones, close the gate.
        critical: Every how-manieth rule is critical.
        delivery: Settings of delivery.
    """

    url: str
    feed: int
    rules: int
    slack: str = ""
    hook: str = ""
    webhook: str = ""
    smtp: int = 0
    paced: bool = False
    closing: int = 0
    critical: int = 10
    delivery: dict[str, float] = field(default_factory=lambda: dict(QUICK))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the spec that `write` wrote."""
        return cls(**json.loads(text))

    def write(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self))


class _UnpacedSlack(SlackBotChannel):
    pace = UNPACED


class _UnpacedWebhook(WebhookChannel):
    pace = UNPACED


class _UnpacedEmail(EmailChannel):
    pace = UNPACED


def rules_of(spec: Spec) -> tuple[Rule, ...]:
    """Return the rules: `rNNNN` on the metric `mNNNN` above 0.5."""
    return tuple(
        Rule(
            f"r{number:04}",
            f"m{number:04}",
            f"Number {number} is past its limit",
            threshold=0.5,
            flap_sessions=0,
            severity=Severity.CRITICAL if number % spec.critical == 0 else Severity.WARNING,
            action=Action.REDUCE_ONLY if number < spec.closing else Action.NOTIFY,
        )
        for number in range(spec.rules)
    )


def channels_of(spec: Spec) -> tuple[Channel, ...]:
    """Return the channels whose receivers the spec names."""
    found: list[Channel] = []
    if spec.slack:
        slack = SlackBotChannel if spec.paced else _UnpacedSlack
        found.append(slack(token=SecretStr(BOT_TOKEN), channel=SLACK_CHANNEL, api_url=spec.slack))
    if spec.hook:
        found.append(SlackWebhookChannel(url=SecretStr(spec.hook)))
    if spec.webhook:
        webhook = WebhookChannel if spec.paced else _UnpacedWebhook
        found.append(webhook(url=spec.webhook, secret=SecretStr(SECRET)))
    if spec.smtp:
        email = EmailChannel if spec.paced else _UnpacedEmail
        found.append(
            email(host="127.0.0.1", port=spec.smtp, sender=SENDER, recipients=[SENDER], tls=TlsMode.NONE)
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Seed:
    """What every life inherits: made once, with no connection open and no statement left to compile."""

    spec: Spec
    database: Database
    judge: Judge


class _NotMeantError(Exception):
    """Rolls back what was only done to have done it once."""


async def warm(spec: Spec) -> Seed:
    """Do everything once in a transaction that is rolled back, so that no life has to learn it anew."""
    channels = tuple((channel.name, Severity.INFO) for channel in channels_of(spec))
    judge = Judge(Rulebook(rules_of(spec)), Routing(channels), max_missing=0.2)
    database, now = Database(spec.url), SystemClock().now()
    with suppress(_NotMeantError):
        async with database.write() as connection:
            for value in (0.9, 0.1):
                await judge.readings(connection, _readings(f"0 m0000 {value} warm".encode()), now, now)
            store = OutboxStore(connection)
            for channel, _ in channels:
                for row in await store.unsent(channel):
                    parcel = await store.claim(row, now=now, lease_s=1.0)
                    assert parcel is not None
                    await store.mark(parcel, Status.SENT, wall=now, reference="warm")
            await store.abandon_claims(now=now)
            await store.strays([channel for channel, _ in channels])
            await ChannelStore(connection).all()
            raise _NotMeantError
    async with database.read() as connection:
        for channel, _ in channels:
            await OutboxStore(connection).unsent(channel)
        await FallbackStore(connection).due(before=now, failing=[])
    await database.aclose()
    return Seed(spec, database, judge)


async def live(seed: Seed) -> None:
    """Judge and deliver until the feed ends; a store that fails for a while is waited for."""
    spec, database, judge = seed.spec, seed.database, seed.judge
    channels, clock = channels_of(spec), SystemClock()
    settings = DeliverySettings.model_validate(spec.delivery)
    delivery = Delivery(database, channels, settings, clock)
    await delivery.recover()
    reader, writer = await asyncio.open_connection("127.0.0.1", spec.feed)
    stop = asyncio.Event()
    sending = asyncio.create_task(delivery.run(stop))
    try:
        rest = b""
        while chunk := await reader.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if not lines:
                continue
            await _judge(judge, database, clock, lines)
            delivery.wake()
            writer.write(b"".join(line.partition(b" ")[0] + b"\n" for line in lines))
            await writer.drain()
    finally:
        stop.set()
        await sending
        await delivery.aclose()
        await database.aclose()
        writer.close()


async def _judge(judge: Judge, database: Database, clock: SystemClock, lines: Sequence[bytes]) -> None:
    found = tuple(reading for line in lines for reading in _readings(line))
    while True:
        now = clock.now()
        try:
            async with database.write() as connection:
                await judge.readings(connection, found, now, now)
        except Exception as error:
            if not is_outage(error):
                raise
            await asyncio.sleep(0.1)
        else:
            return


def _readings(line: bytes) -> tuple[Reading, ...]:
    """Read `NUMBER METRIC VALUE SUBJECT,SUBJECT...`."""
    _, metric, text, subjects = line.decode().split()
    value = float(text)
    state = State.BREACH if value > 0.5 else State.OK
    return tuple(
        Reading(SESSION, "drift", metric, subject, value, 100, 0.5, state) for subject in subjects.split(",")
    )


def _be_born(seed: Seed) -> int:
    """Fork a life. Returns its process id, in the parent only."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(LONGEST_LIFE_S)
    code = 1
    try:
        asyncio.run(live(seed))
        code = 0
    except BaseException:  # whatever it is, this process must not go on as its parent
        structlog.get_logger("worker").exception("a life ended")
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Give birth to a life for each line of the standard input, one after another."""
    signal.alarm(LONGEST_LIFE_S)
    spec = Spec.read(sys.argv[1])
    configure_log(json=True)
    seed = asyncio.run(warm(spec))
    gc.collect()
    gc.freeze()  # what lives inherit is not looked through by each of them
    print(json.dumps({"ready": os.getpid()}), flush=True)  # noqa: T201 -- its output
    for _ in sys.stdin:
        pid = _be_born(seed)
        print(json.dumps({"born": pid}), flush=True)  # noqa: T201 -- its output
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
