"""The hit rate: how often the stated direction came true, by direction, confidence, sector and regime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from monitors.arrays import BoolArray, FloatArray
from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.tally import Tally
from monitors.verdict import Subject

DECILES = 10
ALWAYS = (
    "universe",
    "direction:down",
    "direction:up",
    *(f"decile:{decile}" for decile in range(1, DECILES + 1)),
)
"""Groups that have a reading from the first session on; sectors and regimes have one once they were seen."""

COIN = 0.5
PRIOR = 0.5  # a session of one forecast misses its hit rate by at most so much on average


@dataclass(frozen=True, slots=True)
class HitState:
    """Whole numbers a group, since the start.

    Attributes:
        sessions: Sessions seen.
        names: The groups, sorted.
        tallies: One `Tally` each, as a row.
        seen: When each last had a resolved forecast, counted in sessions.
    """

    sessions: int = 0
    names: tuple[str, ...] = ()
    tallies: tuple[tuple[float, ...], ...] = ()
    seen: tuple[int, ...] = ()


def step(
    state: HitState,
    probabilities: FloatArray,
    outcomes: FloatArray,
    recent: tuple[float, ...],
    labels: Iterable[tuple[str, tuple[str, ...]]] = (),
    said_up: BoolArray | None = None,
) -> HitState:
    """Take in the forecasts resolved in one session; pairs with a NaN are left out.

    Args:
        state: Before the session.
        probabilities: Stated, in [0, 1], shape (tickers,).
        outcomes: 0 or 1, shape (tickers,).
        recent: Probabilities stated lately, this session's included; deciles are those of their confidence.
        labels: (kind, label of each ticker), as ("sector", ("Energy", ...)); "" is unknown and left out.
        said_up: The directions, shape (tickers,): a forecaster may lean to a side that its probability does
            not state. None takes one half or more for up.

    Raises:
        ValueError: When labels and probabilities do not pair up.
    """
    sessions = state.sessions + 1
    known = ~np.isnan(probabilities) & ~np.isnan(outcomes)
    stated, up = probabilities[known], outcomes[known] > COIN
    if stated.size == 0:
        return HitState(sessions, state.names, state.tallies, state.seen)
    called = stated >= COIN if said_up is None else said_up[known]
    hit = called == up
    kept = {
        name: (Tally.of(row), seen)
        for name, row, seen in zip(state.names, state.tallies, state.seen, strict=True)
    }
    for name, n, hits in (
        *_fixed(stated, called, hit, recent),
        *(counted for kind, given in labels for counted in _labelled(kind, given, known, hit)),
    ):
        if n:
            kept[name] = kept.get(name, (Tally(), 0))[0].added(n, hits), sessions
    names = tuple(sorted(kept))
    return HitState(
        sessions, names, tuple(kept[name][0] for name in names), tuple(kept[name][1] for name in names)
    )


def _fixed(
    stated: FloatArray, called: BoolArray, hit: BoolArray, recent: tuple[float, ...]
) -> Iterator[tuple[str, int, int]]:
    """(group, forecasts, hits) of the whole universe, of either direction and of every decile."""
    yield "universe", hit.size, int(np.count_nonzero(hit))
    for name, mask in (("direction:up", called), ("direction:down", ~called)):
        yield name, int(np.count_nonzero(mask)), int(np.count_nonzero(hit & mask))
    edges = np.sort(np.abs(np.array(recent) - COIN))
    ranks = edges.searchsorted(np.abs(stated - COIN), "left")
    decile = np.minimum(ranks * DECILES // max(edges.size, 1), DECILES - 1)
    counts = np.bincount(decile, minlength=DECILES).tolist()
    hits = np.bincount(decile[hit], minlength=DECILES).tolist()
    for i in range(DECILES):
        yield f"decile:{i + 1}", counts[i], hits[i]


def _labelled(
    kind: str, labels: tuple[str, ...], known: BoolArray, hit: BoolArray
) -> Iterator[tuple[str, int, int]]:
    if len(labels) != known.size:
        raise ValueError(f"{len(labels)} {kind} labels for {known.size} forecasts: one for each is needed")
    counted: dict[str, list[int]] = {}
    own = (label for label, there in zip(labels, known.tolist(), strict=True) if there)
    for label, came in zip(own, hit.tolist(), strict=True):
        if label:
            counts = counted.setdefault(f"{kind}:{label}", [0, 0])
            counts[0] += 1
            counts[1] += came
    yield from ((name, n, hits) for name, (n, hits) in counted.items())


def hit_rate_readings(session: date, state: HitState, limits: WatchSettings) -> tuple[Reading, ...]:
    """One reading a group: the share of its forecasts whose direction came true, since the start.

    A group is in breach where its hit rate lies below a coin's with an anytime-valid p-value of at most
    `hit_rate_p`. The p-value and the interval hold a group, not for all groups at once.
    """
    subject = partial(Subject, session, "performance", "hit_rate", threshold=COIN)
    found = dict(zip(state.names, zip(state.tallies, state.seen, strict=True), strict=True))
    missing = ((), 0)
    others = (name for name in state.names if name not in ALWAYS)
    return tuple(
        _rate(subject(name=name), Tally.of(row), state.sessions - seen, limits)
        for name in (*ALWAYS, *others)
        for row, seen in (found.get(name, missing),)
    )


def _rate(subject: Subject, tally: Tally, idle: int, limits: WatchSettings) -> Reading:
    if tally.sessions < limits.hit_rate_sessions:
        clause = f"{tally.sessions} of {limits.hit_rate_sessions} sessions"
        return subject.unknown(NoData.TOO_FEW, tally.n, clause)
    if idle >= limits.stale_after:
        return subject.unknown(NoData.STALE, tally.n, f"none resolved for {idle} sessions")
    estimate = tally.estimate(limits.horizon, PRIOR)
    interval, p = estimate.interval(), estimate.below_p(COIN)
    detail = f"{tally.total:,} of {tally.n:,} came true; 95 % at all times {interval.within(0.0, 1.0):.1%}"
    state = State.BREACH if p <= limits.hit_rate_p else State.OK
    return subject.judged(estimate.mean, tally.n, state, Evidence("confidence_sequence", p_value=p), detail)
