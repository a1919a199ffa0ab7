"""Pages from 6,000 ticker-features, looked at every session for a year.

6,000 independent series, a reference of 2,600 rows, a rolling window of the newest 100, 250 sessions.
Survivors are what stands after Benjamini and Yekutieli's false-discovery control at 0.1 %, which holds
under any dependence; Benjamini and Hochberg's is shown beside it. The control bounds one look; a year is
250 looks, so 1 % a look would allow 2.5 false pages, and 0.1 % allows a quarter of one. Two ways to count
pages: raw, one whenever there are survivors and were none the session before; and as the default rule
`drift_evidence` tells them, after three sessions in a row and for ten at the least. Then sixty series move
together for 80 of the 100 rows: they should be found, and be one incident.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.finding import Finding
from bench.laws import Law
from monitors.arrays import BoolArray, FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.false_discovery import survivors
from monitors.incidents import incidents, onsets_of
from monitors.rolling_drift import RollingDrift

TITLE = "Pages from 6,000 ticker-features"
SEED = 20261122
FULL = 6_000  # series
YEARS = 2  # of 250 sessions, each with series of its own
REFERENCE, WINDOW, SESSIONS = 2_600, 100, 250
MOVED, UNMOVED_ROWS = 60, 20
RATE = 0.001
IN_A_ROW, AT_LEAST = 3, 10  # sessions, as the default rule `drift_evidence`


@dataclass(frozen=True, slots=True)
class Year:
    """One year without drift, and a common shift at its end.

    Attributes:
        raw: Pages, each first session with survivors being one.
        told: Pages as the default rule tells them.
        hochberg: Told pages by Benjamini and Hochberg's control.
        shifts: By shift in standard deviations: series found of those moved, others found, incidents that
            hold a moved one.
    """

    raw: int
    told: int
    hochberg: int
    shifts: dict[float, tuple[int, int, int]]


def findings(size: int = FULL, years: int = YEARS) -> list[Finding]:
    """Measure independent and slow series.

    Args:
        size: Series, at least as many as are moved.
        years: How many years of each law.
    """
    found = []
    for law in (Law.NORMAL, Law.SLOW):
        held = [year(law, size, seed) for seed in range(years)]
        for name, counted in (
            ("raw", [one.raw for one in held]),
            ("as the rule tells them", [one.told for one in held]),
        ):
            what = f"{law}: pages in {SESSIONS} sessions, {name}, worst of {years} years"
            note = "the tails beyond 26 windows are extrapolated" if name == "raw" else ""
            found.append(Finding.number(what, max(counted), at_most=1, note=note))
        beside = max(one.hochberg for one in held)
        found.append(
            Finding.number(f"{law}: the same by Benjamini and Hochberg, as the rule tells them", beside)
        )
        for shift in held[0].shifts:
            hits, others, stories = zip(*(one.shifts[shift] for one in held), strict=True)
            goal = MOVED if law is Law.NORMAL and shift == 1.5 else -np.inf
            what = f"{law}: {shift} sd on {MOVED}"
            note = "100 slow rows are too few to be told apart among 6,000 series" if law is Law.SLOW else ""
            found.append(Finding.number(f"{what}, fewest found", min(hits), at_least=goal, note=note))
            if min(hits):
                found.append(Finding.number(f"{what}, most incidents they make", max(stories), at_most=1))
            found.append(Finding.number(f"{what}, most found of the others", max(others)))
    return found


def year(law: Law, size: int, seed: int) -> Year:
    """Follow `size` series for a year, then move sixty of them."""
    rng = np.random.default_rng([SEED, seed, list(Law).index(law)])
    values = law.series(rng, REFERENCE + WINDOW + SESSIONS, size)
    names = tuple(str(i) for i in range(size))
    reference = prepare_reference(values[:REFERENCE, None, :], names, window=WINDOW)
    rolling = RollingDrift(reference)
    for row in values[REFERENCE : REFERENCE + WINDOW]:
        rolling.update(row)
    alarms = np.zeros((SESSIONS + 1, 2), dtype=np.bool_)
    for i, row in enumerate(values[REFERENCE + WINDOW :]):
        rolling.update(row)
        p = rolling.p
        alarms[i + 1] = [survivors(p, RATE, dependent=dependent).any() for dependent in (True, False)]
    raw = int((alarms[1:, 0] & ~alarms[:-1, 0]).sum())
    shifts = {shift: _moved(reference, values, shift) for shift in (1.5, 3.0)}
    return Year(raw, told(alarms[1:, 0]), told(alarms[1:, 1]), shifts)


def told(on: BoolArray) -> int:
    """Pages of a rule that waits for `IN_A_ROW` sessions and then fires for `AT_LEAST`, shape (sessions,)."""
    pages = held = fired = 0
    for alarm in on.tolist():
        held = held + 1 if alarm else 0
        if fired:
            fired = fired + 1 if alarm or fired < AT_LEAST else 0
        elif held >= IN_A_ROW:
            pages, fired = pages + 1, 1
    return pages


def _moved(reference: DriftReference, values: FloatArray, shift: float) -> tuple[int, int, int]:
    newest = values[-WINDOW:].copy()
    newest[UNMOVED_ROWS:, :MOVED] += shift * values[:REFERENCE, :MOVED].std(axis=0)
    rolling = RollingDrift(reference)
    for row in newest:
        rolling.update(row)
    stands = survivors(rolling.p, RATE, dependent=True)
    rows = np.concatenate([values[REFERENCE - 2 * WINDOW : REFERENCE], newest])
    found = incidents(reference.names, rolling.p, stands, rows, onsets_of(rows), together=WINDOW // 5)
    moved = set(reference.names[:MOVED])
    stories = sum(not moved.isdisjoint(incident.members) for incident in found)
    return int(stands[:MOVED].sum()), int(stands[MOVED:].sum()), stories
