"""The drift incidents of one session: what drifted, grouped by cause, with when each began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from monitors.arrays import FloatArray
from monitors.false_discovery import adjusted
from monitors.feature_drift import Look
from monitors.incidents import Incident, incidents
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.verdict import Subject

NAMED = 3  # members of an incident that are named in words


@dataclass(frozen=True, slots=True)
class IncidentState:
    """Since when each drifted feature has drifted.

    Attributes:
        sessions: Sessions seen.
        names: The features whose evidence stood in the newest session.
        onsets: The session each began in, counted from 1.
    """

    sessions: int = 0
    names: tuple[str, ...] = ()
    onsets: tuple[int, ...] = ()


def step(state: IncidentState, look: Look | None) -> IncidentState:
    """Take in one session; a session without a look changes nothing but the count."""
    now = state.sessions + 1
    if look is None or all(drift.reason is not None for drift in look.drifts):
        return IncidentState(now, state.names, state.onsets)
    since = dict(zip(state.names, state.onsets, strict=True))
    names = tuple(drift.name for drift, stands in zip(look.drifts, look.stands, strict=True) if stands)
    return IncidentState(now, names, tuple(since.get(name, now) for name in names))


def incidents_of(state: IncidentState, look: Look, window: FloatArray) -> tuple[Incident, ...]:
    """Group what drifted: features that move together, or began to drift together, are one incident.

    Args:
        state: After the session.
        look: What the session's window shows.
        window: Shape (sessions, tickers, features).
    """
    since = dict(zip(state.names, state.onsets, strict=True))
    names = tuple(drift.name for drift in look.drifts)
    known = np.isfinite(window)
    means = np.where(known, window, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    means[~known.any(axis=1)] = np.nan
    onsets = np.array([since.get(name, 0) for name in names])
    return incidents(names, np.array([drift.p for drift in look.drifts]), look.stands, means, onsets)


def incident_reading(
    session: date, state: IncidentState, look: Look | None, window: FloatArray | None, limits: WatchSettings
) -> Reading:
    """How many incidents of drift there are; shown only, as `drift_share` decides."""
    subject = Subject(session, "drift", "drift_incidents", "features")
    if look is None or window is None:
        return subject.unknown(NoData.NOT_EVALUATED, detail="no reference or no window yet")
    judged = sum(drift.reason is None for drift in look.drifts)
    if not judged:
        return subject.unknown(NoData.MISSING, 0, f"none of {len(look.drifts)} features can be judged")
    least = float(np.nanmin(adjusted(np.array([drift.p for drift in look.drifts]))))
    evidence = Evidence("benjamini_hochberg", p_value=least)
    if not look.stands.any():
        return subject.judged(0.0, judged, State.OK, evidence, "nothing drifted")
    found = incidents_of(state, look, window)
    since = dict(zip(state.names, state.onsets, strict=True))
    told = "; ".join(_words(one, state.sessions, since) for one in found[:NAMED])
    return subject.judged(float(len(found)), judged, State.WARN, evidence, told)


def _words(incident: Incident, now: int, since: dict[str, int]) -> str:
    named = ", ".join(incident.members[:NAMED])
    if len(incident.members) > NAMED:
        named += f" and {len(incident.members) - NAMED} more"
    age = 1 + now - min(since[name] for name in incident.members)
    return f"{named} ({incident.contribution:.0%} of the evidence, {age} sessions)"
