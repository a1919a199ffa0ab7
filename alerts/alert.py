"""The alert: a rule's condition on one subject, followed from session to session.

States: inactive -> pending -> firing -> resolved (-> pending ...), and no_data for what was judged once and
cannot be judged any more. `alerts.evaluation` moves it. Silences, acknowledgements and inhibition are marks
that only `alerts.tell` reads, so that they never keep the trading gate open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from alerts.reason import Reason
from alerts.rule import Rule, fingerprint
from monitors.reading import Evidence, Reading


class AlertState(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    NO_DATA = "no_data"


class Known(StrEnum):
    """What people were last told about an alert."""

    NOTHING = ""
    FIRING = "firing"
    BLIND = "blind"
    NO_DATA = "no_data"
    FLAPPING = "flapping"


OPEN: Final = frozenset({AlertState.FIRING, AlertState.NO_DATA})
"""The states people are told of."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What decides whether people are told of an alert; none of it touches the trading gate.

    Attributes:
        acknowledged_by: Who takes care of it; "" for nobody. It ends with the alert's spell of firing.
        acknowledged_at: When, aware UTC.
        acknowledged_until: When the acknowledgement runs out; None for not at all.
        silenced: A silence or a maintenance window covers it.
        inhibited: An alert that explains it fires.
        known: What people were last told.
        group: The group in which they were told; "" where they were told nothing.
        told_at: When they were told that, aware UTC; None where it reached no channel.
        escalated_at: When it was last escalated, aware UTC.
        reason: The newest decision about telling it.
    """

    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_until: datetime | None = None
    silenced: bool = False
    inhibited: bool = False
    known: Known = Known.NOTHING
    group: str = ""
    told_at: datetime | None = None
    escalated_at: datetime | None = None
    reason: Reason = Reason.UNCHANGED

    def is_acknowledged(self, now: datetime) -> bool:
        """Tell whether somebody takes care of it now."""
        running = self.acknowledged_until is None or now < self.acknowledged_until
        return bool(self.acknowledged_by) and running

    @property
    def asked_at(self) -> datetime | None:
        """Since when somebody is asked to take care of it; None for not at all.

        An acknowledgement that ran out asks anew.
        """
        if self.told_at is None or self.acknowledged_until is None:
            return self.told_at
        return max(self.told_at, self.acknowledged_until)


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule on one subject.

    Attributes:
        rule: The rule's name.
        subject: What the rule found.
        state: Where it stands.
        since: The session in which it entered the state.
        began: The session in which the condition of the present or last episode began.
        held: Consecutive sessions the condition has held while pending.
        fired_for: Sessions it has been firing, the present one included; 0 unless firing.
        value: The last known value while pending or firing, afterwards the one that ended it.
        n: How many observations the value rests on.
        threshold: The limit its reading was shown beside, or None.
        evidence: How likely the value is by chance, or None.
        counted: The session in which its counters last advanced; they advance once a session.
        blind: Sessions in a row without a reading that could be judged.
        moves: How often it changed its state, ever.
        flips: The ages, in sessions, of its recent firings and resolutions.
        flapping: It fires and resolves too often to be told each time.
        latches: It fired under a rule whose pause only a person lifts.
        marks: What decides whether people are told.
    """

    rule: str
    subject: str
    state: AlertState
    since: date
    began: date
    held: int
    fired_for: int
    value: float
    n: int = 0
    threshold: float | None = None
    evidence: Evidence | None = None
    counted: date | None = None
    blind: int = 0
    moves: int = 0
    flips: tuple[int, ...] = ()
    flapping: bool = False
    latches: bool = False
    marks: Marks = field(default_factory=Marks)

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint(self.rule, self.subject)

    @property
    def spell(self) -> str:
        """The identity of its present state: another one each time it begins to fire."""
        return f"{self.fingerprint}#{self.moves}"

    @property
    def is_open(self) -> bool:
        """Whether it is something to tell."""
        return self.state in OPEN

    @property
    def is_quiet(self) -> bool:
        """Whether another session of the same changes nothing about it."""
        still = self.state in (AlertState.INACTIVE, AlertState.RESOLVED)
        return still and self.blind == 0 and not self.flips


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """An alert that entered another state, and the reading that moved it; None where the lack of one did."""

    alert: Alert
    before: AlertState
    reading: Reading | None


def firing(alerts: Mapping[str, Alert]) -> tuple[Alert, ...]:
    """Return the alerts that fire, in the order of their fingerprints."""
    return tuple(alert for _, alert in sorted(alerts.items()) if alert.state is AlertState.FIRING)


def is_blind(alert: Alert, rule: Rule) -> bool:
    """Tell whether the alert could not be judged for as long as its rule allows."""
    return 0 < rule.no_data_sessions <= alert.blind
