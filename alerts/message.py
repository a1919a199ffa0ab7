"""The message: what a person is told about a group of alerts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How urgently a person is needed."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Event(StrEnum):
    """What happened to the group of alerts.

    `reminder` repeats what still fires, `digest` folds many messages into one, `test` was asked for by a
    person.
    """

    FIRING = "firing"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    REMINDER = "reminder"
    GATE = "gate"
    DIGEST = "digest"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert of the group, in words and numbers.

    Attributes:
        subject: What was measured, as a feature's name or `account`.
        value: What was measured, formatted with its unit.
        limit: The threshold it is compared with, formatted, with its direction (`> 0.2`).
        samples: How many observations the value rests on.
        chance: How likely it is by chance, in words (`p = 0.004, own windows`), or "".
        since: The session in which the condition began, ISO date.
        about: In a digest, what the finding belongs to (its alert's title); "" where the message's title
            says it.
        critical: In a digest, whether its alert is critical: then it is named, however long the digest.
        false_alarms: How often its rule fires when nothing has changed (`fires 0.5 times a calm year`), or ""
            where that is not measured. It is said where `chance` is not known.
    """

    subject: str
    value: str
    limit: str
    samples: int
    chance: str
    since: str
    about: str = ""
    critical: bool = False
    false_alarms: str = ""


@dataclass(frozen=True, slots=True)
class Trading:
    """The gate as the message left it.

    Attributes:
        state: As `REDUCE_ONLY`.
        epoch: Its number; a button pressed under an older one is refused.
        latched: Whether only a person may relax it.
    """

    state: str
    epoch: int
    latched: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """The metric's recent history, for the chart.

    Attributes:
        label: What is drawn: metric and subject.
        sessions: ISO dates, oldest first, at most 120.
        values: One a session, None = unknown.
        limit: The threshold to draw, or None.
    """

    label: str
    sessions: tuple[str, ...]
    values: tuple[float | None, ...]
    limit: float | None


@dataclass(frozen=True, slots=True)
class Message:
    """Everything a channel needs; it renders this and adds nothing.

    A message tells the whole group as it now stands, so that a channel which edits one living message in
    place needs nothing else.

    Attributes:
        key: Unique name of this delivery unit (group and revision): the idempotency key.
        group: Which alert group it belongs to.
        event: What happened.
        severity: How urgent it is.
        title: One line: what and where.
        session: The session it speaks about, ISO date.
        findings: The alerts of the group, worst first.
        done: What Forewarn did about it, as `Trading is REDUCE_ONLY (epoch 7)`.
        runbook: What the reader can do.
        episode: Which spell of firing this is, from the first alert of the group to its last: the session in
            which it began and a count where one session began several. A channel keeps one living message and
            one mail thread an episode.
        reason: Why people are told now, a value of `alerts.reason.Reason`.
        at: The instant of the decision, ISO, UTC.
        others: How many alerts of the group the findings leave out.
        trading: The gate as it is now; None where the message has nothing to do with it.
        curve: The worst finding's metric over time; None where there is none.
        acknowledged_by: Who takes care of the alerts that are told; "" for nobody.
        store: The identity of the store it comes from: two daemons number their messages alike. Delivery
            fills it in; "" where a store has none.
    """

    key: str
    group: str
    event: Event
    severity: Severity
    title: str
    session: str
    findings: tuple[Finding, ...]
    done: str
    runbook: str
    episode: str = ""
    reason: str = ""
    at: str = ""
    others: int = 0
    trading: Trading | None = None
    curve: Curve | None = None
    acknowledged_by: str = ""
    store: str = ""

    @property
    def identity(self) -> str:
        """What no other message of any store has: the store's identity, where it has one, and the key."""
        return f"{self.store}/{self.key}" if self.store else self.key
