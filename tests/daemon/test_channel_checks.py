"""A channel that cannot deliver is found at the start, told on the others, and never delays anything."""

from __future__ import annotations

import asyncio

import pytest

from alerts.channels.channel import PermanentError, TransientError, UnknownOutcomeError
from alerts.message import Event
from daemon.clock import SystemClock
from daemon.delivery.channel_checks import PAUSES_S, ask, check_at_start, checking
from daemon.live.health import Health
from daemon.storage.database import Database
from tests.daemon.outbox_desk import Desk, Receiver, message

REFUSED = PermanentError("email: mail.example.org:587 refused the login with 535")


class Checked(Receiver):
    """A receiver whose check does in turn what the test says; then it would take a message."""

    def __init__(self, name: str, *answers: Exception) -> None:
        super().__init__(name)
        self.answers = list(answers)
        self.checks = 0

    async def check(self) -> None:
        self.checks += 1
        if self.answers:
            raise self.answers.pop(0)


class Start:
    """A start whose pauses take no time."""

    def __init__(self) -> None:
        self.health = Health(SystemClock())
        self.reports: list[tuple[str, str]] = []
        self.notes: list[tuple[bool, str]] = []
        self.slept: list[float] = []

    async def check(self, *channels: Receiver) -> None:
        await check_at_start(channels, self.health, self._report, sleep=self._sleep)

    def _report(self, name: str, reason: str) -> None:
        self.reports.append((name, reason))
        self.notes.append(self.told)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    @property
    def told(self) -> tuple[bool, str]:
        (stamp,) = self.health.loops()
        return stamp.ok, stamp.note


async def test_channels_that_answer_are_named_in_the_health() -> None:
    start = Start()
    await start.check(Checked("console"), Checked("email"))
    assert start.told == (True, "console, email: would take a message")
    assert (start.reports, start.slept) == ([], [])


async def test_one_that_refuses_for_good_is_reported_at_once() -> None:
    start, email = Start(), Checked("email", REFUSED)
    await start.check(Checked("console"), email)
    assert start.reports[0] == ("email", "mail.example.org:587 refused the login with 535")
    assert start.notes[0] == (False, str(REFUSED))


async def test_one_that_is_mended_while_the_daemon_runs_is_trusted_again() -> None:
    start, email = Start(), Checked("email", REFUSED, REFUSED)
    await start.check(email)
    assert start.reports[-1] == ("email", "")
    assert start.told == (True, "email: would take a message")
    assert (email.checks, start.slept) == (3, list(PAUSES_S[:2]))


@pytest.mark.parametrize("error", [TransientError("slack: busy"), UnknownOutcomeError("slack: no reply")])
async def test_one_that_is_away_for_a_moment_is_nobodys_concern(error: Exception) -> None:
    start, slack = Start(), Checked("slack", error, error)
    await start.check(slack)
    assert start.reports == []
    assert start.told == (True, "slack: would take a message")
    assert (slack.checks, start.slept) == (3, list(PAUSES_S[:2]))


async def test_one_that_stays_away_is_reported_after_a_while() -> None:
    away = TransientError("slack: no route")
    start, slack = Start(), Checked("slack", *[away] * (len(PAUSES_S) + 1))
    await start.check(slack)
    assert start.reports == [("slack", "no route"), ("slack", "")]
    assert start.slept == [*PAUSES_S, PAUSES_S[-1]]


async def test_two_that_fail_are_told_together() -> None:
    start = Start()
    await start.check(Checked("slack", PermanentError("slack: no")), Checked("email", REFUSED))
    assert start.notes[1] == (False, f"{REFUSED}; slack: no")


async def test_a_check_that_raises_what_it_should_not_stops_no_other() -> None:
    start = Start()
    await start.check(Checked("odd", *[KeyError("T0K3N")] * 4), Checked("email", REFUSED))
    assert [name for name, reason in start.reports if reason] == ["email", "odd"]
    assert ("odd", "unexpected KeyError") in start.reports
    assert "T0K3N" not in str(start.reports)


async def test_a_check_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Checked):
        async def check(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("daemon.delivery.channel_checks.CHECK_S", 0.01)
    assert "no answer in 0.01 s" in str(await ask(Stuck("slack")))


async def test_a_stop_does_not_wait_for_a_check() -> None:
    entered = asyncio.Event()

    class Stuck(Checked):
        async def check(self) -> None:
            entered.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(5), checking((Stuck("slack"),), Health(SystemClock()), lambda *_: None):
        await entered.wait()


async def test_the_other_channels_are_told_once_and_again_when_a_message_arrives(database: Database) -> None:
    desk, slack, email = Desk(database), Receiver("slack"), Receiver("email")
    delivery = desk.open(slack, email)
    delivery.distrust("email", str(REFUSED))
    await desk.until(5)
    (told,) = slack.took
    assert (told.event, told.title) == (Event.FIRING, "Messages do not reach email")
    assert told.findings[0].value == str(REFUSED)
    assert email.took == []

    await desk.put(message("drift"), channels=("email",))
    await desk.until(10)
    assert [one.group for one in email.took] == ["drift"]
    assert [one.title for one in slack.took[1:]] == ["Messages reach email again"]
