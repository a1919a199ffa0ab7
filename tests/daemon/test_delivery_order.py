"""The order within a group, whatever is in doubt or folded: the last word about an alert is the newest."""

from __future__ import annotations

import pytest

from alerts.channels.channel import Pace, TransientError, UnknownOutcomeError
from alerts.message import Event, Message, Severity
from daemon.storage.database import Database
from daemon.storage.stored_message import read_message
from tests.daemon.outbox_desk import Desk, Receiver, message

pytestmark = pytest.mark.no_cover  # it repeats what other tests count


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def fires(group: str, severity: Severity = Severity.WARNING) -> Message:
    return message(group, severity, episode="1")


def ends(group: str, severity: Severity = Severity.WARNING) -> Message:
    return message(group, severity, event=Event.RESOLVED, episode="1")


def told_of(receiver: Receiver, group: str) -> list[str]:
    """Return what the receiver was told about a group, one message after another."""
    words = []
    for one in receiver.took:
        if one.group == group:
            words.append(one.event.value)
        about = [finding.about for finding in one.findings if finding.about.startswith(f"{group} ")]
        words += ["resolved" if text.endswith("(over)") else "firing" for text in about]
    return words


@pytest.mark.parametrize("arrived", [False, True])
async def test_the_end_of_an_alert_in_doubt_is_never_told_before_it(desk: Desk, arrived: bool) -> None:
    slack = Receiver("slack", UnknownOutcomeError("reply lost"), remembers=True)
    desk.open(slack)
    await desk.put(fires("doubtful", Severity.CRITICAL))
    await desk.delivery.drain()
    if arrived:
        slack.take((await stored(desk))[0])
    await desk.put(ends("doubtful", Severity.CRITICAL))
    for name in "hij":
        await desk.put(fires(name), ends(name))
    await desk.until(120)
    assert told_of(slack, "doubtful")[-1] == "resolved"
    assert "firing" in told_of(slack, "doubtful")


async def stored(desk: Desk) -> list[Message]:
    return [read_message(row.message) for row in await desk.rows()]


async def test_a_change_in_doubt_is_not_shown_after_the_end(desk: Desk) -> None:
    slack = Receiver("slack", remembers=True)
    desk.open(slack)
    await desk.put(fires("g"))
    await desk.until(1)
    slack.script = [UnknownOutcomeError("lost")]
    await desk.put(fires("g"))
    await desk.until(2)
    await desk.put(ends("g"), *(fires(f"o{i}") for i in range(7)))
    await desk.until(90)
    assert told_of(slack, "g") == ["firing", "resolved"]


async def test_the_end_waits_for_the_digest_that_tells_the_beginning(desk: Desk) -> None:
    slack = Receiver("slack")
    desk.open(slack)
    slack.script = [UnknownOutcomeError("lost")]
    await desk.put(*(fires(f"g{i}") for i in range(8)))
    await desk.delivery.drain()
    await desk.put(ends("g3", Severity.CRITICAL))
    await desk.until(60)
    assert told_of(slack, "g3") == ["firing", "resolved"]
    assert {row.status for row in await desk.rows()} <= {"sent", "folded"}


async def test_a_channel_that_edits_shows_every_end_in_its_own_message(desk: Desk) -> None:
    slack = Receiver("slack", edits=True)
    desk.open(slack)
    for i in range(8):
        await desk.put(fires(f"g{i}"))
        await desk.until(i + 1)
    await desk.put(*(ends(f"g{i}") for i in range(8)), fires("new"))
    await desk.until(60)
    own = [one.group for one in slack.took if one.event is Event.RESOLVED]
    assert sorted(own) == [f"g{i}" for i in range(8)]
    assert slack.living[-8:] == [f"ref-{i + 1}" for i in range(8)]
    assert slack.took[8].group == "new", "what notifies nobody goes last"


async def test_ends_that_wait_for_their_turn_to_be_shown_fall_back_nowhere(desk: Desk) -> None:
    slack, email = Receiver("slack", edits=True, pace=Pace(per_s=1.0)), Receiver("email")
    desk.open(slack, email)
    for i in range(25):
        await desk.put(fires(f"g{i}", Severity.CRITICAL), fallback=("email",))
        await desk.until(i + 1)
    await desk.put(*(ends(f"g{i}", Severity.CRITICAL) for i in range(25)), fallback=("email",))
    await desk.until(60)
    assert sum(one.event is Event.RESOLVED for one in slack.took) == 25
    assert email.took == []


async def test_who_heard_of_an_alert_in_a_digest_instead_hears_its_end(desk: Desk) -> None:
    slack, email = Receiver("slack", TransientError("429", retry_after_s=60)), Receiver("email")
    desk.open(slack, email)
    groups = [f"g{i}" for i in range(8)]
    await desk.put(*(fires(one, Severity.CRITICAL) for one in groups), fallback=("email",))
    await desk.until(120)
    assert email.took[0].event is Event.DIGEST
    await desk.put(*(ends(one, Severity.CRITICAL) for one in groups), fallback=("email",))
    await desk.until(200)
    for one in groups:
        assert told_of(email, one) == ["firing", "resolved"]
