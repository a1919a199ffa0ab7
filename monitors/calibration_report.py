"""The calibration report: stated probabilities and what came of them, one verdict."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.arrays import FloatArray, IntArray
from monitors.calibration_groups import GAP, group_readings
from monitors.calibration_tests import LEAST, SHARES, e_value, first_alarm, gains_by_time, method_of, tested
from monitors.ece import BINS, bin_gaps, debiased, debiased_rows, equal_mass_bins
from monitors.missing import missing_reading
from monitors.overlap import null_sums
from monitors.reading import Evidence, NoData, Reading, State
from monitors.reliability import null_gaps, reliability
from monitors.report import UNDATED, CalibrationReport, verdict_of
from monitors.scores import brier, log_loss, skill
from monitors.verdict import Subject, agreed

LEVEL = 0.01
ECE_LIMIT = 0.05
SPANS = 5  # times outcomes must span side by side, below which nothing is judged
METRICS = ("brier", "ece", "spiegelhalter_z", "sum_z", "edge_z", "calibration_evidence")
TESTS = 3  # looked at together, so that each must be as much less likely
BETWEEN_ALARMS = 5_000  # times between false alarms of the stream


def calibration_report(
    probability: FloatArray,
    outcome: FloatArray,
    time: NDArray[Any] | None = None,
    group: NDArray[Any] | None = None,
    *,
    overlap: int = 1,
    level: float = LEVEL,
    session: date = UNDATED,
) -> CalibrationReport:
    """Do stated probabilities come true?

    Args:
        probability: Stated, in [0, 1], shape (n,); a pair with a NaN is left out and counted.
        outcome: 1 where it came true, else 0, shape (n,).
        time: When each was stated, any values that can be sorted; forecasts of one time may depend on each
            other, those of different times must not. By default each stands alone, in the order given. With
            fewer than 20 different times nothing is judged: they do not show how much one time's depend.
        group: A label of each, tested group by group with a false discovery rate of `level`.
        overlap: After how many times an outcome is known: so many neighbouring times depend on each other.
        level: Chance that a calibrated forecaster is said to be in breach.
        session: What the readings are dated.

    Raises:
        ValueError: When `overlap` is below 1, lengths differ, a probability lies outside [0, 1] or an outcome
            is neither 0 nor 1.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> stated = rng.uniform(0.2, 0.8, 1000)
        >>> calibration_report(stated, (rng.random(1000) < stated).astype(float)).verdict.value
        'ok'
        >>> calibration_report(stated, (rng.random(1000) < 0.5).astype(float)).verdict.value
        'breach'
    """
    if overlap < 1:
        raise ValueError(f"overlap is {overlap}: at least 1 is needed")
    known = _known(probability, outcome, time, group)
    stated, came = probability[known].astype(np.float64), outcome[known].astype(np.float64)
    label = group[known] if group is not None else None
    starts = np.arange(stated.size)
    if time is not None:
        times, inverse = np.unique(time[known], return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        stated, came = stated[order], came[order]
        label = label[order] if label is not None else None
        starts = np.searchsorted(inverse[order], np.arange(times.size))
    missing = probability.size - stated.size
    lost = missing_reading(_subject(session, "missing"), missing, probability.size)
    least = max(LEAST, SPANS * overlap)
    if starts.size < least or 2 * missing > probability.size:
        reason = NoData.MISSING if 2 * missing > probability.size else NoData.TOO_FEW
        clause = f"{stated.size} forecasts with an outcome, {missing} without"
        clause += f"; {starts.size} of {least} times" if time is not None or overlap > 1 else ""
        unknown = (_subject(session, metric).unknown(reason, stated.size, clause) for metric in METRICS)
        return CalibrationReport((*unknown, *lost), State.NO_DATA)
    tests = _tests(session, stated, came, starts, level, overlap)
    sequential = _sequential(session, stated, came, starts, level, overlap)
    groups = () if label is None else group_readings(session, stated, came, starts, label, level, overlap)
    shown = _scores(session, stated, came, starts, missing, level, overlap)
    # a group too small to be judged counts in the whole; its gap is shown
    deciding = [one for one in groups if one.state is not State.NO_DATA and one.metric != GAP]
    verdict = verdict_of((*tests, sequential, *lost, *deciding))
    return CalibrationReport((*shown, *tests, sequential, *groups, *lost), verdict, reliability(stated, came))


def _known(
    probability: FloatArray, outcome: FloatArray, time: NDArray[Any] | None, group: NDArray[Any] | None
) -> NDArray[np.bool_]:
    for other in (outcome, time, group):
        if other is not None and (other.shape != probability.shape or probability.ndim != 1):
            raise ValueError(f"columns of shapes {probability.shape} and {other.shape} do not pair up")
    known = ~np.isnan(probability) & ~np.isnan(outcome)
    outside = ~((probability[known] >= 0) & (probability[known] <= 1))
    if outside.any():
        raise ValueError(f"{int(outside.sum())} probabilities lie outside 0 to 1")
    if not np.isin(outcome[known], (0, 1)).all():
        raise ValueError("an outcome is neither 0 nor 1")
    return np.asarray(known)


def _subject(session: date, metric: str, name: str = "all", threshold: float | None = None) -> Subject:
    return Subject(session, "calibration", metric, name, threshold)


def _scores(
    session: date,
    stated: FloatArray,
    came: FloatArray,
    starts: IntArray,
    missing: int,
    level: float,
    overlap: int,
) -> tuple[Reading, ...]:
    """Numbers to look at: the scores, their skill against the base rate, and ECE beside its own null."""
    n, base = stated.size, np.full(stated.size, came.mean())
    quality = brier(stated, came)
    loss = log_loss(stated, came)
    gained = skill(quality, brier(base, came))
    skilled = _subject(session, "brier_skill", threshold=0.0)
    return (
        _subject(session, "brier").judged(quality, n, State.OK, detail=f"{missing} pairs unknown"),
        skilled.unknown(NoData.CONSTANT, n, "every outcome is the same")
        if math.isnan(gained)
        else skilled.judged(
            gained, n, State.OK if gained > 0 else State.WARN, detail="against the base rate"
        ),
        _subject(session, "log_loss").judged(loss, n, State.OK, detail="nats"),
        _error(_subject(session, "ece", threshold=ECE_LIMIT), stated, came, starts, level, overlap),
    )


def _error(
    subject: Subject, stated: FloatArray, came: FloatArray, starts: IntArray, level: float, overlap: int
) -> Reading:
    """The debiased calibration error; its null is what calibrated forecasters who state the same show."""
    gaps = bin_gaps(stated, came)
    clustered = starts.size < stated.size or overlap > 1
    null = _gaps_by_time(stated, came, starts, overlap) if clustered else null_gaps(stated)
    errors = null.std(axis=0)
    value, chance = debiased(gaps, errors), debiased_rows(null, errors)
    p = (1 + int((chance >= value).sum())) / (1 + chance.size)
    detail = (
        f"debiased (raw {float(np.abs(gaps).sum()):.3f}); 95 % of calibrated forecasters stay below "
        f"{float(np.quantile(chance, 0.95)):.3f}"
    )
    method = "consistency_resampling_by_time" if clustered else "consistency_resampling"
    state = agreed(value > ECE_LIMIT, p <= level)
    return subject.judged(value, stated.size, state, Evidence(method, p_value=p), detail)


def _gaps_by_time(stated: FloatArray, came: FloatArray, starts: IntArray, overlap: int) -> FloatArray:
    """Gaps calibrated forecasters show when those of near times depend on each other, shape (draws, bins)."""
    bin_ = np.empty(stated.size, dtype=np.int64)
    bin_[np.argsort(stated, kind="stable")] = equal_mass_bins(stated, BINS)
    time = np.repeat(np.arange(starts.size), np.diff(starts, append=stated.size))
    residuals = np.zeros((starts.size, int(bin_.max()) + 1))
    np.add.at(residuals, (time, bin_), came - stated)
    return null_sums(residuals, overlap) / stated.size


def _tests(
    session: date, stated: FloatArray, came: FloatArray, starts: IntArray, level: float, overlap: int
) -> tuple[Reading, ...]:
    """Spiegelhalter's test, the sum test, and the one-sided sum test for an edge smaller than claimed."""
    found = []
    for metric, z, p in tested(stated, came, starts, overlap):
        subject = _subject(session, metric)
        if math.isnan(z):
            found.append(subject.unknown(NoData.CONSTANT, stated.size, "no forecast can be held against it"))
            continue
        state = State.BREACH if TESTS * p <= level else State.OK
        found.append(
            subject.judged(z, stated.size, state, Evidence(method_of(stated, starts, overlap), p_value=p))
        )
    return tuple(found)


def _sequential(
    session: date, stated: FloatArray, came: FloatArray, starts: IntArray, level: float, overlap: int
) -> Reading:
    gains = gains_by_time(stated, came, starts, SHARES)
    value = e_value(gains, overlap)
    alarm = first_alarm(gains, BETWEEN_ALARMS, overlap)
    detail = f"as a stream with one false alarm per {BETWEEN_ALARMS:,} times: "
    detail += "silent" if alarm is None else f"alarm at the {alarm:,}th of {starts.size:,}"
    state = State.BREACH if value >= 1 / level else State.OK
    subject = _subject(session, "calibration_evidence", threshold=1 / level)
    return subject.judged(value, starts.size, state, Evidence("e_process", e_value=value), detail)
