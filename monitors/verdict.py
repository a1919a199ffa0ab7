"""Verdicts: the two ways a reading comes about, judged or not to be judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from monitors.confidence_sequence import Interval
from monitors.reading import Evidence, NoData, Reading, State


@dataclass(frozen=True, slots=True)
class Subject:
    """What a reading is about, before it is known what it says.

    Attributes:
        session: The session whose close is described.
        monitor: The family.
        metric: The measure.
        name: What is measured.
        threshold: The classic limit beside which the value is shown, or None.
    """

    session: date
    monitor: str
    metric: str
    name: str
    threshold: float | None = None

    def judged(
        self,
        value: float,
        n: int,
        state: State,
        evidence: Evidence | None = None,
        detail: str = "",
        interval: Interval | None = None,
    ) -> Reading:
        """A reading with a value; one that is not finite after all is `NO_DATA`, whatever `state` says."""
        if not math.isfinite(value):
            return self.unknown(NoData.MISSING if math.isnan(value) else NoData.INFINITE, n, detail)
        return Reading(
            session=self.session,
            monitor=self.monitor,
            metric=self.metric,
            subject=self.name,
            value=value,
            n=n,
            threshold=self.threshold,
            state=state,
            evidence=evidence,
            detail=detail,
            interval=None if interval is None or math.isnan(interval.low) else (interval.low, interval.high),
        )

    def unknown(self, reason: NoData, n: int = 0, detail: str = "") -> Reading:
        """A reading that could not be judged."""
        return Reading(
            session=self.session,
            monitor=self.monitor,
            metric=self.metric,
            subject=self.name,
            value=math.nan,
            n=n,
            threshold=self.threshold,
            state=State.NO_DATA,
            reason=reason,
            detail=detail,
        )


def graded(value: float, *, warn: float, limit: float) -> State:
    """`BREACH` above `limit`, `WARN` above `warn`, else `OK`."""
    if value > limit:
        return State.BREACH
    return State.WARN if value > warn else State.OK


def agreed(effect: bool, evidence: bool) -> State:
    """`BREACH` where effect and evidence agree, `WARN` where only one of them speaks, else `OK`."""
    if effect and evidence:
        return State.BREACH
    return State.WARN if effect or evidence else State.OK
