"""The reason: why people are told something about a group of alerts now, or why they are not."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a message was written, or why none was. It reaches store, log, status and message."""

    # told
    FIRST = "first"
    NEW_IN_GROUP = "new_in_group"
    SOME_RESOLVED = "some_resolved"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    REPEAT = "repeat"
    ESCALATED = "escalated"
    SILENCE_ENDED = "silence_ended"
    INHIBITION_ENDED = "inhibition_ended"
    ROUTED = "routed"
    RAISED = "raised"
    UNSTEADY = "unsteady"
    STEADY = "steady"
    RULE_REMOVED = "rule_removed"
    GATE = "gate"
    DIGEST = "digest"
    PERSON = "person"
    TEST = "test"
    # not told
    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"
    BELOW_SEVERITY = "below_severity"
    UNROUTED = "unrouted"
    DIGESTED = "digested"
    UNCHANGED = "unchanged"

    @property
    def told(self) -> bool:
        """Whether people are told."""
        return self not in _NOT_TOLD

    @property
    def words(self) -> str:
        """The reason as the end of a sentence that begins with `told because` or `not told because`."""
        return _WORDS[self]


_NOT_TOLD: Final = frozenset(
    {
        Reason.SILENCED,
        Reason.MAINTENANCE,
        Reason.INHIBITED,
        Reason.ACKNOWLEDGED,
        Reason.FLAPPING,
        Reason.BELOW_SEVERITY,
        Reason.UNROUTED,
        Reason.DIGESTED,
        Reason.UNCHANGED,
    }
)

_WORDS: Final = {
    Reason.FIRST: "it began to fire",
    Reason.NEW_IN_GROUP: "another alert of the group began to fire",
    Reason.SOME_RESOLVED: "part of the group is over",
    Reason.RESOLVED: "it is over",
    Reason.NO_DATA: "it can no longer be judged",
    Reason.REPEAT: "it still fires and nobody has acknowledged it",
    Reason.ESCALATED: "nobody has acknowledged it in time",
    Reason.SILENCE_ENDED: "it still fires after its silence ended",
    Reason.INHIBITION_ENDED: "it still fires although its likely cause is gone",
    Reason.ROUTED: "it still fires, and a channel takes it now",
    Reason.RAISED: "it still fires, and its rule is more urgent now",
    Reason.UNSTEADY: "it keeps firing and resolving; the next word comes when it is steady",
    Reason.STEADY: "it is steady again",
    Reason.RULE_REMOVED: "its rule is no longer in force",
    Reason.GATE: "the trading gate moved",
    Reason.DIGEST: "the day's digest is due",
    Reason.PERSON: "a person moved the trading gate",
    Reason.TEST: "somebody asked for a test",
    Reason.SILENCED: "a silence covers it",
    Reason.MAINTENANCE: "a maintenance window covers it",
    Reason.INHIBITED: "its likely cause is told instead",
    Reason.ACKNOWLEDGED: "somebody has acknowledged it",
    Reason.FLAPPING: "it keeps firing and resolving",
    Reason.BELOW_SEVERITY: "its severity is below what any channel asks for",
    Reason.UNROUTED: "no route leads to a channel",
    Reason.DIGESTED: "it waits for the day's digest",
    Reason.UNCHANGED: "nothing people know about has changed",
}
