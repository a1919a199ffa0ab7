"""The delays: how late things come, how old they are, and how often a second choice had to serve."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
from scipy.special import bdtrc

from monitors.arrays import FloatArray
from monitors.reading import Evidence, NoData, Reading, State
from monitors.verdict import Subject, agreed, graded

QUANTILES = (0.5, 0.95, 0.99)
LEAST = 20  # calls below which quantiles say nothing
ACCEPTED = 0.05  # share of calls above the limit that is nothing unusual
LEVEL = 0.01


def latency_readings(
    session: date, name: str, seconds: FloatArray, *, limit_s: float, accepted: float = ACCEPTED
) -> tuple[Reading, ...]:
    """Latency of a provider, broker or channel: `latency_p50_s`, `_p95_s`, `_p99_s`, and `slow_rate`.

    The quantiles are order statistics that were measured, not interpolated. A call that timed out is +inf
    and counts as slow; NaN is a call of unknown length. `slow_rate` is the share above `limit_s`; more than
    `accepted` by effect and by the exact binomial test is a breach, by one of them a warning.

    Args:
        session: The session.
        name: Who was called.
        seconds: One a call, shape (calls,).
        limit_s: What is slow.
        accepted: Share of slow calls that is nothing unusual.

    Example:
        >>> found = latency_readings(date(2024, 3, 7), "slack", np.linspace(0.1, 2.0, 100), limit_s=5.0)
        >>> [(reading.metric, round(reading.value, 2), reading.state.value) for reading in found][1:3]
        [('latency_p95_s', 1.9, 'ok'), ('latency_p99_s', 1.98, 'ok')]
    """
    known = np.sort(seconds[~np.isnan(seconds)])
    n = known.size
    quantiles = [
        Subject(session, "execution", f"latency_p{round(100 * q)}_s", name, limit_s) for q in QUANTILES
    ]
    rate = Subject(session, "execution", "slow_rate", name, accepted)
    if n < LEAST:
        clause = f"{n} calls"
        return tuple(subject.unknown(NoData.TOO_FEW, n, clause) for subject in (*quantiles, rate))
    slow = int(np.count_nonzero(known > limit_s))
    p = _at_least(slow, n, accepted)
    state = agreed(slow / n > accepted, p <= LEVEL)
    at = [float(known[max(0, math.ceil(q * n - 1e-9) - 1)]) for q in QUANTILES]
    return (
        *(
            subject.judged(value, n, State.WARN if value > limit_s else State.OK)
            for subject, value in zip(quantiles, at, strict=True)
        ),
        rate.judged(
            slow / n, n, state, Evidence("exact_binomial", p_value=p), f"{slow} of {n} above {limit_s:g} s"
        ),
    )


def staleness_reading(
    session: date, name: str, age_s: float, *, limit_s: float, warn_s: float | None = None
) -> Reading:
    """How old the newest thing from a provider is, in seconds of the time in which it should have come.

    Args:
        session: The session.
        name: The provider.
        age_s: Seconds since it was due, 0 or less when it is there; NaN when nothing ever came.
        limit_s: Above this it is a breach.
        warn_s: Above this a warning; half the limit by default.

    Example:
        >>> staleness_reading(date(2024, 3, 7), "yahoo", 90.0, limit_s=60.0).state.value
        'breach'
    """
    subject = Subject(session, "execution", "staleness_s", name, limit_s)
    if np.isnan(age_s):
        return subject.unknown(NoData.STALE, 0, "nothing ever came")
    if np.isinf(age_s):
        return subject.unknown(NoData.INFINITE, 0, "age without end")
    age = max(0.0, age_s)
    return subject.judged(age, 1, graded(age, warn=limit_s / 2 if warn_s is None else warn_s, limit=limit_s))


def share_reading(
    session: date,
    metric: str,
    name: str,
    failed: int,
    of: int,
    *,
    limit: float,
    accepted: float,
    least: int = 5,
) -> Reading:
    """A share of events that went wrong: time-outs, fallbacks to a second provider, failed jobs.

    Effect (above `limit`) and evidence (exact binomial against `accepted`) together are a breach, one of
    them a warning.

    Args:
        session: The session.
        metric: As `timeout_rate`, `fallback_rate`, `job_failure_rate`.
        name: Provider, broker, channel or job.
        failed: Events that went wrong.
        of: All events.
        limit: Share that is a breach where evidence agrees.
        accepted: Share that is nothing unusual.
        least: Fewest events that can be judged.

    Raises:
        ValueError: When more went wrong than there were.

    Example:
        >>> share_reading(
        ...     date(2024, 3, 7), "fallback_rate", "eodhd", 6, 20, limit=0.1, accepted=0.02
        ... ).state.value
        'breach'
    """
    if not 0 <= failed <= of:
        raise ValueError(f"{failed} of {of} events went wrong: the first must lie between 0 and the second")
    subject = Subject(session, "execution", metric, name, limit)
    if of < least:
        return subject.unknown(NoData.TOO_FEW, of, f"{of} events")
    p = (
        1.0
        if failed == 0
        else min(1.0, max(float(bdtrc(failed - 1, of, accepted)), np.finfo(np.float64).tiny))
    )
    state = agreed(failed / of > limit, p <= LEVEL)
    return subject.judged(failed / of, of, state, Evidence("exact_binomial", p_value=p), f"{failed} of {of}")


def lateness_reading(
    session: date, due: FloatArray, done: FloatArray, *, limit_s: float, name: str = "forecasts"
) -> Reading:
    """How late the latest forecast (or job) of a session was, in seconds after it was due.

    Args:
        session: The session.
        due: When each was due, seconds on any clock, shape (n,).
        done: When each was there, the same clock, NaN = not there, shape (n,).
        limit_s: Above this it is a breach, and so is one that is not there.
        name: What was due.

    Raises:
        ValueError: When the shapes differ.

    Example:
        >>> late = lateness_reading(date(2024, 3, 7), np.zeros(2), np.array([10.0, 45.0]), limit_s=60.0)
        >>> late.value, late.state.value
        (45.0, 'warn')
    """
    if due.shape != done.shape or due.ndim != 1:
        raise ValueError(f"due {due.shape} and done {done.shape} do not pair up")
    subject = Subject(session, "execution", "lateness_s", name, limit_s)
    if due.size == 0:
        return subject.unknown(NoData.TOO_FEW, 0, "nothing was due")
    late = np.maximum(done - due, 0.0)
    absent = int(np.isnan(late).sum())
    if absent == late.size:
        return subject.unknown(NoData.MISSING, 0, f"none of {due.size} is there")
    worst = float(np.nanmax(late))
    state = State.BREACH if absent else graded(worst, warn=limit_s / 2, limit=limit_s)
    return subject.judged(worst, int(due.size), state, detail=f"{absent} of {due.size} not there")


def _at_least(failed: int, of: int, accepted: float) -> float:
    """P(at least `failed` of `of` independent events go wrong) at the accepted rate."""
    if failed == 0:
        return 1.0
    return min(1.0, max(float(bdtrc(failed - 1, of, accepted)), float(np.finfo(np.float64).tiny)))
