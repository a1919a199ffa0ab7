"""The drift readings of one session: every feature by PSI and KS, and all of them together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from monitors.arrays import FloatArray, IntArray
from monitors.drift import LEAST_VALUES, DriftReference, FeatureReference
from monitors.false_discovery import survivors
from monitors.ks import kolmogorov_p
from monitors.own_windows import counts_between
from monitors.psi import psi, yurdakul_p
from monitors.reading import Evidence, NoData, Reading, State
from monitors.repeats import repeated
from monitors.settings import WatchSettings
from monitors.verdict import Subject, graded
from monitors.window_law import WindowLaw

OWN_WINDOWS = "own_windows"
STUCK = 0.9  # share of values standing still over five sessions that no live feed shows


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """How one feature's newest window compares with its reference.

    Attributes:
        name: The feature.
        n: Values present in the window, infinite ones among them.
        missing: Share of the window unknown.
        infinite: How many values are infinite.
        reason: Why it cannot be judged, or None.
        psi: PSI on the reference's bins.
        ks: KS distance on the full grid of ranks, in error by at most `ks_error`.
        ks_error: Bound of that error.
        psi_evidence: Evidence beside the PSI.
        ks_evidence: Evidence beside the KS distance.
        p: One p-value for both, NaN where it cannot be judged.
        own: Whether `p` comes from the reference's own windows.
    """

    name: str
    n: int
    missing: float
    infinite: int
    reason: NoData | None
    psi: float = math.nan
    ks: float = math.nan
    ks_error: float = math.nan
    psi_evidence: Evidence | None = None
    ks_evidence: Evidence | None = None
    p: float = math.nan
    own: bool = False


def drift_readings(
    session: date, window: FloatArray | None, reference: DriftReference | None, limits: WatchSettings
) -> tuple[Reading, ...]:
    """PSI and KS of every feature, and the share that drifted.

    Args:
        session: The session whose close ends the window.
        window: Shape (sessions, tickers, features), NaN = unknown; None while there is too little history.
        reference: What the model in use was trained on; None when there is no model yet.
        limits: Thresholds.

    Returns:
        `psi` per feature, `ks` per feature, `drift_share`; only the last without a reference.

    Raises:
        ValueError: When the window's last axis does not hold the reference's features.
    """
    if reference is None:
        share = Subject(session, "drift", "drift_share", "features", limits.drift_share_limit)
        return (share.unknown(NoData.NOT_EVALUATED, detail="no reference yet"),)
    drifts = compare(window, reference, limits)
    stands = survivors(np.array([drift.p for drift in drifts]), limits.false_discovery_rate)
    return (
        *(_psi_reading(session, drift, limits) for drift in drifts),
        *(
            _ks_reading(session, drift, bool(stood), limits)
            for drift, stood in zip(drifts, stands, strict=True)
        ),
        _share_reading(session, drifts, [bool(stood) for stood in stands], reference, limits),
    )


def compare(
    window: FloatArray | None, reference: DriftReference, limits: WatchSettings
) -> tuple[FeatureDrift, ...]:
    """Compare each feature of a window with the reference; the order is the reference's."""
    if window is None or window.shape[0] < reference.window:
        return tuple(FeatureDrift(name, 0, 1.0, 0, NoData.TOO_FEW) for name in reference.names)
    if window.ndim != 3 or window.shape[2] != len(reference.features):
        raise ValueError(
            f"window {window.shape} does not hold {len(reference.features)} features on its third axis"
        )
    by_feature = np.ascontiguousarray(np.moveaxis(window[-reference.window :], 2, 0), dtype=np.float64)
    return tuple(
        compare_feature(values, feature, limits)
        for values, feature in zip(by_feature, reference.features, strict=True)
    )


def compare_feature(values: FloatArray, reference: FeatureReference, limits: WatchSettings) -> FeatureDrift:
    """Compare one feature, shape (sessions, tickers), with its reference."""
    present = values[~np.isnan(values)]
    n = int(present.size)
    missing = 1.0 - n / values.size if values.size else 1.0
    infinite = int(np.isinf(present).sum())
    reason = reference.reason
    if reason is None and missing > limits.missing_limit:
        reason = NoData.MISSING
    if reason is None:
        reason = _unlike_data(values, present, reference)
    if reason is not None:
        return FeatureDrift(reference.name, n, missing, infinite, reason)
    below = reference.grid.count_below(present)
    stability = float(psi(reference.counts, counts_between(below[reference.edges], n)))
    distance = reference.grid.distance(below, n)
    by_psi, by_ks, p = _evidence(reference, below, n, stability, distance)
    return FeatureDrift(
        name=reference.name,
        n=n,
        missing=missing,
        infinite=infinite,
        reason=None,
        psi=stability,
        ks=distance,
        ks_error=reference.grid.error,
        psi_evidence=by_psi,
        ks_evidence=by_ks,
        p=p,
        own=by_psi.method == OWN_WINDOWS,
    )


def _unlike_data(values: FloatArray, present: FloatArray, reference: FeatureReference) -> NoData | None:
    """What makes a window unfit to be compared: too small, all infinite, one value, or standing still."""
    if present.size < LEAST_VALUES and reference.null_for(present.size) is None:
        return NoData.TOO_FEW
    if np.isinf(present).all():
        return NoData.INFINITE
    if reference.repeats >= STUCK:  # a slow feature may stand still
        return None
    if (present == present[0]).all():
        return NoData.CONSTANT
    return NoData.STUCK if repeated(values) >= STUCK else None


def _evidence(
    reference: FeatureReference, below: IntArray, n: int, stability: float, distance: float
) -> tuple[Evidence, Evidence, float]:
    """Evidence beside PSI and KS and one p-value for both, from own windows where the reference has them."""
    grid, null = reference.grid, reference.null_for(n)
    if null is not None:
        at = reference.coarse
        coarse = float(np.abs(below[at] / n - grid.below[at] / grid.n).max())
        p_psi, p_ks, methods = null.p_psi(stability), null.p_ks(coarse), (OWN_WINDOWS, OWN_WINDOWS)
    else:
        p_psi = yurdakul_p(stability, grid.n, n, reference.counts.size)
        p_ks, methods = kolmogorov_p(distance, grid.n, n), ("yurdakul_chi_square", "kolmogorov_independent")
    either = min(1.0, 2 * min(p_psi, p_ks))
    return Evidence(methods[0], p_value=p_psi), Evidence(methods[1], p_value=p_ks), either


def _psi_reading(session: date, drift: FeatureDrift, limits: WatchSettings) -> Reading:
    subject = Subject(session, "drift", "psi", drift.name, limits.psi_limit)
    if drift.reason is not None:
        return subject.unknown(drift.reason, drift.n, _presence(drift))
    state = graded(drift.psi, warn=limits.psi_warn, limit=limits.psi_limit)
    if drift.infinite and state is not State.BREACH:
        return subject.unknown(NoData.INFINITE, drift.n, _presence(drift))
    return subject.judged(drift.psi, drift.n, state, drift.psi_evidence, _presence(drift))


def _ks_reading(session: date, drift: FeatureDrift, stands: bool, limits: WatchSettings) -> Reading:
    subject = Subject(session, "drift", "ks", drift.name)
    if drift.reason is not None or drift.ks_evidence is None or drift.ks_evidence.p_value is None:
        return subject.unknown(drift.reason or NoData.NOT_EVALUATED, drift.n, _presence(drift))
    unlikely = drift.ks_evidence.p_value <= limits.drift_p
    state = State.OK
    if unlikely:  # without own windows the p-value ignores that tickers move together: never a breach
        state = State.BREACH if stands and drift.own else State.WARN
    if drift.infinite and state is not State.BREACH:
        return subject.unknown(NoData.INFINITE, drift.n, _presence(drift))
    detail = f"within {drift.ks_error:.2g} of the exact distance; {_presence(drift)}"
    return subject.judged(drift.ks, drift.n, state, drift.ks_evidence, detail)


def _share_reading(
    session: date,
    drifts: tuple[FeatureDrift, ...],
    stands: list[bool],
    reference: DriftReference,
    limits: WatchSettings,
) -> Reading:
    """Share of the judged features whose evidence stands, beside how odd all of them are together."""
    subject = Subject(session, "drift", "drift_share", "features", limits.drift_share_limit)
    judged = [drift for drift in drifts if drift.reason is None]
    if not judged:
        reasons = [drift.reason for drift in drifts if drift.reason is not None]
        reason = max(sorted(set(reasons)), key=reasons.count) if reasons else NoData.NOT_EVALUATED
        return subject.unknown(reason, 0, f"none of {len(drifts)} features can be judged")
    share = sum(stands) / len(judged)
    evidence = joint_evidence(drifts, reference)
    p = evidence.p_value if evidence is not None else None
    named = [drift.name for drift in sorted(judged, key=lambda drift: (drift.p, -drift.psi))]
    detail = f"{sum(stands)} of {len(judged)} features drifted"
    if any(stands):
        detail += f", first {', '.join(named[: min(3, sum(stands))])}"
    if evidence is None:
        detail += "; the reference is too short for windows of its own"
    if len(judged) < len(drifts):
        detail += f"; {len(drifts) - len(judged)} could not be judged"
    if share >= limits.drift_share_limit and p is not None and p <= limits.drift_p:
        return subject.judged(share, len(judged), State.BREACH, evidence, detail)
    if any(drift.infinite for drift in judged):
        return subject.unknown(NoData.INFINITE, len(judged), detail)
    if 2 * len(judged) < len(drifts):
        return subject.unknown(NoData.MISSING, len(judged), detail)
    unlikely = share > 0 or (p is not None and p <= limits.drift_p)
    return subject.judged(share, len(judged), State.WARN if unlikely else State.OK, evidence, detail)


def joint_evidence(drifts: tuple[FeatureDrift, ...], reference: DriftReference) -> Evidence | None:
    """How often a window of the reference is as unusual in all features at once.

    The statistic is Fisher's (1925), the sum of -ln p over the features; its law is learnt from the same
    windows of the reference in every feature, so features that move together are counted as they are.
    """
    total, rows, disjoint = 0.0, [], math.inf
    for drift, feature in zip(drifts, reference.features, strict=True):
        if drift.own and feature.null is not None:
            total -= math.log(drift.p)
            rows.append(feature.null.p_values)
            disjoint = min(disjoint, feature.null.psi.disjoint)
    if not rows:
        return None
    null = -np.log(np.stack(rows)).sum(axis=0)
    known = null[~np.isnan(null)]  # windows known in every one of these features
    if known.size < 2:
        return None
    law = WindowLaw.of(known, disjoint * known.size / null.size)
    return Evidence("own_windows_joint", p_value=law.p(total))


def _presence(drift: FeatureDrift) -> str:
    clause = f"{drift.missing:.0%} of the window unknown"
    return f"{clause}, {drift.infinite} infinite" if drift.infinite else clause
