"""The drift report: two tables of features, one verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np

from monitors.arrays import BoolArray, FloatArray
from monitors.domain import domain_reading
from monitors.drift import DriftReference, FeatureReference, prepare_reference
from monitors.false_discovery import survivors
from monitors.feature_drift import STUCK, Look, look, look_readings
from monitors.incidents import TOGETHER, Incident, incidents, onsets_of
from monitors.ks import kolmogorov_p
from monitors.missing import missing_reading
from monitors.reading import Evidence, NoData, Reading, State
from monitors.repeats import repeated_shares
from monitors.report import UNDATED, DriftReport, verdict_of
from monitors.settings import WatchSettings
from monitors.verdict import Subject
from monitors.wasserstein import wasserstein

DEFAULTS = WatchSettings()
DOMAIN_MOST = 60  # features beyond which products are too many to be told apart
EFFECTIVE = "Kolmogorov's law with effective sample sizes (Bartlett 1946)"
DECIDING = {State.BREACH, State.NO_DATA}


def drift_report(
    reference: FloatArray,
    current: FloatArray,
    names: tuple[str, ...],
    *,
    session: date = UNDATED,
    limits: WatchSettings = DEFAULTS,
) -> DriftReport:
    """Hold a table of newer rows against a table of older ones.

    Args:
        reference: Rows in order of time, shape (rows, features), or (sessions, tickers, features) where the
            rows of one session belong together; NaN = unknown.
        current: The same kind, all later than the reference.
        names: The features, in order.
        session: What the readings are dated.
        limits: Thresholds.

    Returns:
        Readings, verdict and incidents. A feature that cannot be judged reads `no_data` and why; one that
        stands still although it never did in the reference, or is mostly unknown although it was not, is a
        data-quality breach.

    Raises:
        ValueError: When the shapes do not fit each other.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> older, newer = rng.standard_normal((3000, 2)), rng.standard_normal((250, 2))
        >>> drift_report(older, newer, ("volume", "momentum")).verdict.value
        'ok'
        >>> report = drift_report(older, newer + np.array([0.0, 0.6]), ("volume", "momentum"))
        >>> report.verdict.value, report.incidents[0].members
        ('breach', ('momentum',))
    """
    old, new = _sessions(reference), _sessions(current)
    if old.shape[2] != len(names) or new.shape[1:] != old.shape[1:]:
        raise ValueError(
            f"reference {reference.shape} and current {current.shape} do not both hold {len(names)} features"
        )
    if new.shape[0] == 0:
        empty = Subject(session, "drift", "drift_share", "features", limits.drift_share_limit)
        return DriftReport((empty.unknown(NoData.TOO_FEW, 0, "no current row"),), State.NO_DATA)
    prepared = prepare_reference(old, names, window=new.shape[0])
    found = look(new, prepared, limits)
    if found is None:
        raise RuntimeError("a window was held against no reference")
    own = look_readings(session, found, prepared, limits)
    univariate, p, stands = _short_of_windows(own, found, old, new, limits)
    quality = _quality(session, old, new, prepared, limits)
    far = tuple(_wasserstein(session, old, new, names, univariate[: len(names)]))
    lost = _missing(session, new, prepared)
    readings = (*univariate, *far, *quality, *lost)
    deciding = [univariate[-1], *quality, *lost]
    # a warning of one feature among many is chance; what stands among all of them is a breach
    deciding += [reading for reading in univariate if reading.metric == "ks" and reading.state in DECIDING]
    if 2 <= len(names) <= DOMAIN_MOST:
        joint = domain_reading(session, old, new, names, limits)
        readings = (*readings, joint)
        deciding += [joint] if joint.state is not State.NO_DATA else []
    return DriftReport(readings, verdict_of(deciding), _incidents(p, stands, names, old, new))


def _sessions(values: FloatArray) -> FloatArray:
    if values.ndim not in {2, 3}:
        raise ValueError(f"a table of shape {values.shape}: (rows, features) is needed")
    return np.asarray(values if values.ndim == 3 else values[:, None, :], dtype=np.float64)


def _short_of_windows(
    readings: tuple[Reading, ...], found: Look, old: FloatArray, new: FloatArray, limits: WatchSettings
) -> tuple[tuple[Reading, ...], FloatArray, BoolArray]:
    """The readings where features without own windows are judged by effective sample sizes; p and who stands.

    With lag-one autocorrelation r of the session means, n sessions count as n (1 - r) / (1 + r) independent
    values (Bartlett 1946). That is cautious for slow series and for tickers that move together, for which
    the law of independent values is far too eager. What survives the false discovery rate is a breach. The
    share of drifted features and the incidents count by the same rule.
    """
    p = np.array([drift.p for drift in found.drifts])
    count, own = p.size, np.array([drift.own for drift in found.drifts], dtype=np.bool_)
    short = ~own & ~np.isnan(p)
    if not short.any():
        return readings, p, found.stands
    for i in short.nonzero()[0].tolist():
        share = _independent_share(old[:, :, i])
        sizes = (max(2, int(share * table.shape[0])) for table in (old, new))
        p[i] = kolmogorov_p(found.drifts[i].ks, *sizes)
    stands = survivors(p, limits.false_discovery_rate)
    judged = list(readings)
    for i in short.nonzero()[0].tolist():
        if readings[count + i].state is State.NO_DATA:
            continue
        unlikely = State.WARN if p[i] <= limits.drift_p else State.OK
        judged[count + i] = replace(
            readings[count + i],
            state=State.BREACH if stands[i] else unlikely,
            evidence=Evidence("kolmogorov_effective_n", p_value=float(p[i])),
            detail=f"{found.drifts[i].presence}; {found.drifts[i].why_not}: {EFFECTIVE}",
        )
    whole = readings[-1]
    if whole.state is not State.NO_DATA:
        value = float(stands.sum()) / int((~np.isnan(p)).sum())
        detail = f"{int(stands.sum())} features drifted; {int(short.sum())} of {count} judged by {EFFECTIVE}"
        # a breach needs own windows, in which features that move together count as they are
        state = whole.state if own.any() else State.WARN if value else State.OK
        judged[-1] = replace(whole, value=value, state=state, detail=detail)
    return tuple(judged), p, stands


def _independent_share(values: FloatArray) -> float:
    known = np.isfinite(values)
    means = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    means = means[known.any(axis=1)]
    ranks = np.argsort(np.argsort(means, kind="stable"), kind="stable") - (means.size - 1) / 2
    square = float((ranks**2).sum())
    r = float((ranks[1:] * ranks[:-1]).sum()) / square if square > 0 else 0.0
    return (1 - max(0.0, r)) / (1 + max(0.0, r))


def _quality(
    session: date, old: FloatArray, new: FloatArray, reference: DriftReference, limits: WatchSettings
) -> list[Reading]:
    """A breach for each feature whose feed broke: unknown, infinite, standing still, or no constant."""
    still = repeated_shares(np.moveaxis(new, 2, 0)) >= STUCK
    found = []
    for i, feature in enumerate(reference.features):
        share, clause = _broken(feature, old[:, :, i], new[:, :, i], bool(still[i]), limits)
        if clause:
            subject = Subject(session, "drift", "data_quality", feature.name, limits.missing_limit)
            found.append(subject.judged(share, new[:, :, i].size, State.BREACH, detail=clause))
    return found


def _missing(session: date, new: FloatArray, reference: DriftReference) -> list[Reading]:
    """The share of unknown values of every feature that has some."""
    found: list[Reading] = []
    for i, feature in enumerate(reference.features):
        subject, unknown = (
            Subject(session, "drift", "missing", feature.name),
            int(np.isnan(new[:, :, i]).sum()),
        )
        found += missing_reading(subject, unknown, new[:, :, i].size, feature.missing)
    return found


def _broken(
    feature: FeatureReference, old: FloatArray, new: FloatArray, still: bool, limits: WatchSettings
) -> tuple[float, str]:
    """The share of values that are wrong, and what is wrong with them; no words where nothing is."""
    present = new[~np.isnan(new)]
    missing, infinite = 1 - present.size / new.size, int(np.isinf(present).sum())
    if feature.reason is NoData.CONSTANT:
        always = old[np.isfinite(old)][0]
        other = int((present != always).sum())
        return other / new.size, f"was {always:g} throughout the reference" if other else ""
    if feature.reason is not None:
        return 0.0, ""
    if missing > max(limits.missing_limit, 2 * feature.missing):
        return missing, f"{missing:.0%} unknown, {feature.missing:.0%} in the reference"
    if infinite:
        return infinite / new.size, f"{infinite} infinite values"
    constant = present.size > 1 and bool((present == present[0]).all())
    if feature.repeats < STUCK and (constant or still):
        return 1.0, "stands still, which it never did in the reference"
    return 0.0, ""


def _wasserstein(
    session: date, old: FloatArray, new: FloatArray, names: tuple[str, ...], judged: tuple[Reading, ...]
) -> list[Reading]:
    found = []
    for i, (name, beside) in enumerate(zip(names, judged, strict=True)):
        subject = Subject(session, "drift", "wasserstein", name)
        before, after = (np.sort(values[np.isfinite(values)]) for values in (old[:, :, i], new[:, :, i]))
        if beside.reason is not None:
            found.append(subject.unknown(beside.reason, after.size))
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # values near the greatest float
            spread, value = float(before.std()), wasserstein(before, after)
        if not math.isfinite(value):
            found.append(subject.unknown(NoData.INFINITE, after.size, "values too great to be subtracted"))
            continue
        known = 0 < spread < math.inf
        detail = f"{value / spread:.2f} standard deviations of the reference" if known else ""
        found.append(subject.judged(value, int(after.size), State.OK, detail=detail))
    return found


def _incidents(
    p: FloatArray, stands: BoolArray, names: tuple[str, ...], old: FloatArray, new: FloatArray
) -> tuple[Incident, ...]:
    rows = np.concatenate([old[-2 * new.shape[0] :], new])
    known = np.isfinite(rows)
    means = np.where(known, rows, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    means[~known.any(axis=1)] = np.nan
    together = max(TOGETHER, new.shape[0] // 5)
    return incidents(names, p, stands, means, onsets_of(means), together=together)
