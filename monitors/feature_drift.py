"""The drift readings of one session: every feature by PSI and KS, and all of them together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from monitors.arrays import BoolArray, FloatArray, IntArray
from monitors.drift import LEAST_VALUES, DriftReference, FeatureReference
from monitors.false_discovery import survivors
from monitors.ks import kolmogorov_p
from monitors.psi import yurdakul_p
from monitors.reading import Evidence, NoData, Reading, State
from monitors.repeats import repeated_shares
from monitors.settings import WatchSettings
from monitors.stack import Stack
from monitors.verdict import Subject, graded

OWN_WINDOWS = "own_windows"
INDEPENDENT = ("yurdakul_chi_square", "kolmogorov_independent")
LAWS = ("Yurdakul's chi-square rule", "Kolmogorov's law")
TOO_SHORT = "the reference is too short for windows of its own"
TOO_THIN = "the window is too thin for the reference's own windows"
EXACT_FROM = 100  # windows side by side from which a p-value of 1 % is not extrapolated
ALL_KNOWN = "0% of the window unknown"
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
        why_not: Why it does not, in words; "" where it does.
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
    why_not: str = ""

    def told(self, law: str) -> str:
        """How much of the window is there, and by which law it is judged where not by own windows."""
        return self.presence + (
            f"; {self.why_not}: {law}, values taken as independent" if self.why_not else ""
        )

    @property
    def presence(self) -> str:
        """How much of the window is there, for a person."""
        clause = f"{self.missing:.0%} of the window unknown" if self.missing else ALL_KNOWN
        return f"{clause}, {self.infinite} infinite" if self.infinite else clause


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one window shows, feature by feature.

    Attributes:
        drifts: In the reference's order.
        stands: Whose evidence stands among all of them, shape (features,).
    """

    drifts: tuple[FeatureDrift, ...]
    stands: BoolArray


def look(window: FloatArray | None, reference: DriftReference | None, limits: WatchSettings) -> Look | None:
    """Compare a window with its reference; None without a reference. Arguments as of `drift_readings`."""
    if reference is None:
        return None
    drifts = compare(window, reference, limits)
    return Look(drifts, survivors(np.array([drift.p for drift in drifts]), limits.false_discovery_rate))


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
    return look_readings(session, look(window, reference, limits), reference, limits)


def look_readings(
    session: date, found: Look | None, reference: DriftReference | None, limits: WatchSettings
) -> tuple[Reading, ...]:
    """What a look says, as readings; see `drift_readings`."""
    if reference is None or found is None:
        share = Subject(session, "drift", "drift_share", "features", limits.drift_share_limit)
        return (share.unknown(NoData.NOT_EVALUATED, detail="no reference to hold it against"),)
    stands = found.stands.tolist()
    return (
        *(_psi_reading(session, drift, limits) for drift in found.drifts),
        *(
            _ks_reading(session, drift, stood, limits)
            for drift, stood in zip(found.drifts, stands, strict=True)
        ),
        _share_reading(session, found.drifts, stands, reference, limits),
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
    if by_feature.size == 0:
        return tuple(
            FeatureDrift(feature.name, 0, 1.0, 0, feature.reason or NoData.MISSING)
            for feature in reference.features
        )
    stack = reference.stack
    present = Presence.of(by_feature, stack)
    suspect = present.suspect | stack.unusable | (present.missing > limits.missing_limit)
    suspect |= (present.n < LEAST_VALUES) & ~stack.has_null(present.n)
    reasons: list[NoData | None] = [None] * len(reference.features)
    for i in suspect.nonzero()[0].tolist():
        reasons[i] = _reason(reference.features[i], present, i, limits)
    return _measured(present, reference, reasons)


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """What of a window is there, feature by feature.

    Attributes:
        below: Values <= each knot of the reference, shape (features, knots).
        n: Values that are not NaN, shape (features,).
        missing: Share that is NaN.
        infinite: How many are infinite.
        constant: Whether all that is there is one value.
        repeated: Share of the last moves that stood still, NaN where that cannot be judged.
    """

    below: IntArray
    n: IntArray
    missing: FloatArray
    infinite: IntArray
    constant: BoolArray
    repeated: FloatArray

    @classmethod
    def of(cls, values: FloatArray, stack: Stack) -> Presence:
        """Look at a window of shape (features, sessions, tickers), not empty."""
        flat = values.reshape(values.shape[0], -1)
        below, n = stack.below(flat)
        least, most = np.fmin.reduce(flat, axis=1), np.fmax.reduce(flat, axis=1)  # NaN is passed over
        infinite = np.zeros(n.size, dtype=np.int64)
        if np.isinf(least).any() or np.isinf(most).any():
            infinite = np.count_nonzero(np.isinf(flat), axis=1)
        return cls(below, n, 1.0 - n / flat.shape[1], infinite, least == most, repeated_shares(values))

    @property
    def suspect(self) -> BoolArray:
        """Features that may be unfit to be compared, whatever the reference."""
        return np.asarray(
            (self.n == 0) | (self.infinite == self.n) | self.constant | (self.repeated >= STUCK)
        )


def _reason(feature: FeatureReference, present: Presence, i: int, limits: WatchSettings) -> NoData | None:
    """What makes a window unfit to be compared: unknown, too few, infinite, one value, or standing still."""
    n = int(present.n[i])
    if feature.reason is not None:
        return feature.reason
    slow = feature.repeats >= STUCK  # such a feature may stand still
    found = {
        NoData.MISSING: n == 0 or present.missing[i] > limits.missing_limit,
        NoData.TOO_FEW: n < LEAST_VALUES and feature.null_for(n) is None,
        NoData.INFINITE: present.infinite[i] == n,
        NoData.CONSTANT: present.constant[i] and not slow,
        NoData.STUCK: present.repeated[i] >= STUCK and not slow,
    }
    return next((reason for reason, holds in found.items() if holds), None)


def _measured(
    present: Presence, reference: DriftReference, reasons: list[NoData | None]
) -> tuple[FeatureDrift, ...]:
    """PSI, KS and their evidence of the features that have no reason against it, all in one pass."""
    stack, n = reference.stack, present.n
    coarse = stack.coarse_below(present.below)
    stability = stack.psi(stack.binned(coarse, n))
    distance = stack.distance(present.below, n)
    p_psi = stack.psi_laws.p(stability)
    p_ks = stack.ks_laws.p(stack.coarse_distance(coarse, n) ** 2)
    presence = n, present.missing, present.infinite
    arrays = *presence, stability, distance, p_psi, p_ks, stack.has_null(n)
    numbers = zip(*(array.tolist() for array in arrays), strict=True)
    return tuple(map(_drift, reference.features, reasons, numbers))


def _drift(
    feature: FeatureReference,
    reason: NoData | None,
    numbers: tuple[int, float, int, float, float, float, float, bool],
) -> FeatureDrift:
    n, missing, infinite, psi, ks, p_psi, p_ks, own = numbers
    if reason is not None:
        return FeatureDrift(feature.name, n, missing, infinite, reason)
    by_psi, by_ks, why_not = OWN_WINDOWS, OWN_WINDOWS, ""
    if not own:
        why_not = TOO_SHORT if feature.null is None else TOO_THIN
        by_psi, by_ks = INDEPENDENT
        p_psi = yurdakul_p(psi, feature.n, n, feature.counts.size)
        p_ks = kolmogorov_p(ks, feature.n, n)
    return FeatureDrift(
        feature.name,
        n,
        missing,
        infinite,
        None,
        psi,
        ks,
        feature.grid.error,
        Evidence(by_psi, p_value=p_psi),
        Evidence(by_ks, p_value=p_ks),
        min(1.0, 2 * min(p_psi, p_ks)),
        own,
        why_not,
    )


def _psi_reading(session: date, drift: FeatureDrift, limits: WatchSettings) -> Reading:
    subject, presence = Subject(session, "drift", "psi", drift.name, limits.psi_limit), drift.presence
    if drift.reason is not None:
        return subject.unknown(drift.reason, drift.n, presence)
    state = graded(drift.psi, warn=limits.psi_warn, limit=limits.psi_limit)
    if drift.infinite and state is not State.BREACH:
        return subject.unknown(NoData.INFINITE, drift.n, presence)
    return subject.judged(drift.psi, drift.n, state, drift.psi_evidence, drift.told(LAWS[0]))


def _ks_reading(session: date, drift: FeatureDrift, stands: bool, limits: WatchSettings) -> Reading:
    subject, presence = Subject(session, "drift", "ks", drift.name), drift.presence
    if drift.reason is not None or drift.ks_evidence is None or drift.ks_evidence.p_value is None:
        return subject.unknown(drift.reason or NoData.NOT_EVALUATED, drift.n, presence)
    unlikely = drift.ks_evidence.p_value <= limits.drift_p
    state = State.OK
    if unlikely:  # without own windows the p-value ignores that tickers move together: never a breach
        state = State.BREACH if stands and drift.own else State.WARN
    if drift.infinite and state is not State.BREACH:
        return subject.unknown(NoData.INFINITE, drift.n, presence)
    detail = f"within {drift.ks_error:.2g} of the exact distance; {drift.told(LAWS[1])}"
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
        detail += f"; {TOO_SHORT}"
    elif reference.disjoint < EXACT_FROM:
        detail += f"; p-values below 1 in {reference.disjoint + 1:.0f} are extrapolated"
    if reference.origin:
        detail += f"; held against {reference.origin}"
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
    counted = tuple(i for i, drift in enumerate(drifts) if drift.own)
    law = reference.joint_law(counted)
    if law is None:
        return None
    total = -math.fsum(math.log(drifts[i].p) for i in counted)
    return Evidence("own_windows_joint", p_value=law.p(total))
