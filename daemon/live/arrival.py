"""Arrival: what a provider tells, in the unit of what is kept, without the bars that cannot be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from daemon.live.overlap import Overlap
from market.panel import FIELDS, FloatArray, Panel
from market.provider import Fetched
from market.quality_finding import BoolArray, Finding
from market.revisions import Revision, RevisionKind, revise, revisions, scale
from market.screening import screen
from market.splits import Splits


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came.

    Attributes:
        values: The new sessions' bars, shape (fields, sessions, tickers), NaN where unknown or left out.
        revisions: What is told otherwise now of kept sessions.
        findings: Why bars were left out, one finding a bar.
        splits: Those that were told and by which the kept volume differs from raw shares.
    """

    values: FloatArray
    revisions: tuple[Revision, ...]
    findings: tuple[Finding, ...]
    splits: Splits


def arrive(kept: Overlap, fetched: Fetched, new: tuple[date, ...], trusted: frozenset[str]) -> Arrival:
    """Compare what is told with what is kept, and leave out what cannot be right.

    Each bar that is new, late or corrected is held against the sessions up to its own, as they are told, and
    not against those that came later: as in a replay.

    Args:
        kept: The newest kept sessions, perhaps none.
        fetched: Bars of these sessions and of the new ones, as far as a provider has them; the same tickers.
        new: Sessions later than those kept, oldest first; none where only kept ones are asked for again.
        trusted: Tickers whose bars may correct kept ones: another provider's differ without being right.
    """
    panel, count = kept.panel, len(kept.panel.sessions)
    cube = _rows(fetched.panel, (*panel.sessions, *new))
    found = scale(panel, cube[:, :count])
    changes = tuple(
        one
        for one in revisions(panel, cube[:, :count], found)
        if one.kind is not RevisionKind.CORRECTION or one.ticker in trusted
    )
    candidate = _extended(revise(panel, changes), new, found.apply(cube[:, count:]))
    settled = set(panel.sessions[: kept.first])
    open_ = tuple(one for one in changes if not one.values or one.session not in settled)
    screened, findings = _screened(candidate, fetched.splits, _fresh(candidate, open_, new))
    bad = {(one.sessions[-1], one.ticker) for one in findings}
    restated = {one.ticker for one in changes if one.kind is RevisionKind.SPLIT}
    return Arrival(
        np.stack([getattr(screened, name)[count:] for name in FIELDS]),
        tuple(one for one in open_ if not one.values or (one.session, one.ticker) not in bad),
        findings,
        {ticker: told for ticker, told in fetched.splits.items() if ticker not in restated},
    )


def _extended(kept: Panel, new: tuple[date, ...], values: FloatArray) -> Panel:
    fields = [np.concatenate([getattr(kept, name), rows]) for name, rows in zip(FIELDS, values, strict=True)]
    return Panel((*kept.sessions, *new), kept.tickers, *fields)


def _fresh(candidate: Panel, changes: tuple[Revision, ...], new: tuple[date, ...]) -> BoolArray:
    """Return the bars that were not judged before, shape (sessions, tickers)."""
    fresh = np.zeros(candidate.close.shape, np.bool_)
    fresh[len(candidate.sessions) - len(new) :] = True
    row = {session: i for i, session in enumerate(candidate.sessions)}
    column = {ticker: i for i, ticker in enumerate(candidate.tickers)}
    for one in changes:
        if one.values:
            fresh[row[one.session], column[one.ticker]] = True
    return fresh


def _screened(candidate: Panel, splits: Splits, fresh: BoolArray) -> tuple[Panel, tuple[Finding, ...]]:
    """Screen the fresh bars; sessions without any bar do not count, as they are in no provider's answer."""
    told = np.asarray(np.isfinite(candidate.close).any(axis=1))
    screened, findings = screen(candidate.select(told), splits, only=fresh[told])
    fields = [getattr(candidate, name).copy() for name in FIELDS]
    for field, name in zip(fields, FIELDS, strict=True):
        field[told] = getattr(screened, name)
    return Panel(candidate.sessions, candidate.tickers, *fields), findings


def _rows(panel: Panel, sessions: tuple[date, ...]) -> FloatArray:
    """Return the panel's bars of some sessions, shape (fields, sessions, tickers), NaN where it has none."""
    out = np.full((len(FIELDS), len(sessions), len(panel.tickers)), np.nan)
    row = {day: i for i, day in enumerate(panel.sessions)}
    for place, day in enumerate(sessions):
        if day in row:
            out[:, place] = [getattr(panel, name)[row[day]] for name in FIELDS]
    return out
