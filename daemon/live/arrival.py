"""Arrival: what a provider tells, in the unit of what is kept, without the bars that cannot be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from market.panel import FIELDS, FloatArray, Panel
from market.quality import Finding, Kind, Told, check
from market.revisions import Revision, RevisionKind, revise, revisions, scale


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came.

    Attributes:
        values: The new session's bars, shape (fields, tickers), NaN where unknown or left out; of shape
            (fields, 0) where only older sessions were asked for.
        revisions: What is told otherwise now of kept sessions.
        findings: Why bars were left out.
    """

    values: FloatArray
    revisions: tuple[Revision, ...]
    findings: tuple[Finding, ...]


def arrive(kept: Panel, told: Panel, session: date | None, trusted: frozenset[str]) -> Arrival:
    """Compare what is told with what is kept.

    Args:
        kept: The newest kept sessions, perhaps none.
        told: Bars of these sessions and of the new one, as far as the provider has them; the same tickers.
        session: The new session, later than those kept; None where none is asked for.
        trusted: Tickers whose bars may correct kept ones: another provider's differ without being right.
    """
    at = slice(0, len(kept.sessions))
    cube = _rows(told, kept.sessions if session is None else (*kept.sessions, session))
    found = scale(kept, cube[:, at])
    changes = tuple(
        one
        for one in revisions(kept, cube[:, at], found)
        if one.kind is not RevisionKind.CORRECTION or one.ticker in trusted
    )
    fields = [getattr(revise(kept, changes), name) for name in FIELDS]
    sessions = kept.sessions
    if session is not None:
        new = found.apply(cube[:, -1:])
        fields = [np.concatenate([field, row]) for field, row in zip(fields, new, strict=True)]
        sessions = (*sessions, session)
    candidate = Panel(sessions, kept.tickers, *fields)
    fresh = {(one.session, one.ticker) for one in changes if one.values}
    fresh |= {(session, ticker) for ticker in kept.tickers if session is not None}
    bad, findings = _faults(candidate, fresh)
    return Arrival(
        _day(candidate, session, bad),
        tuple(one for one in changes if not one.values or (one.session, one.ticker) not in bad),
        findings,
    )


def screen(panel: Panel) -> tuple[Panel, tuple[Finding, ...]]:
    """Return a history without the bars that cannot be right, and why they were left out."""
    report = check(Told(panel))
    fields = [np.where(report.quarantined, np.nan, getattr(panel, name)) for name in FIELDS]
    return Panel(panel.sessions, panel.tickers, *fields), _named(report.findings)


def _faults(
    candidate: Panel, fresh: set[tuple[date, str]]
) -> tuple[set[tuple[date, str]], tuple[Finding, ...]]:
    """Return the fresh bars that are quarantined, and the findings that name one of them."""
    findings = [
        one
        for one in _named(check(Told(candidate)).findings)
        if any((day, one.ticker) in fresh for day in one.sessions)
    ]
    bad = {(day, one.ticker) for one in findings for day in one.sessions} & fresh
    return bad, tuple(findings)


def _named(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.kind is not Kind.MISSING)


def _day(candidate: Panel, session: date | None, bad: set[tuple[date, str]]) -> FloatArray:
    if session is None:
        return np.empty((len(FIELDS), 0))
    values = np.stack([getattr(candidate, name)[-1] for name in FIELDS])
    values[:, [(session, ticker) in bad for ticker in candidate.tickers]] = np.nan
    return values


def _rows(panel: Panel, sessions: tuple[date, ...]) -> FloatArray:
    """Return the panel's bars of some sessions, shape (fields, sessions, tickers), NaN where it has none."""
    out = np.full((len(FIELDS), len(sessions), len(panel.tickers)), np.nan)
    row = {day: i for i, day in enumerate(panel.sessions)}
    for place, day in enumerate(sessions):
        if day in row:
            out[:, place] = [getattr(panel, name)[row[day]] for name in FIELDS]
    return out
