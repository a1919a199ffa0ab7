"""The joint check: the multivariate look at drift, prepared once a reference so that a weekly look is cheap.

`monitors.domain` labels every stretch anew; here the reference's own stretches are told apart once, when the
model is fitted, and a later window is only told from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from scipy.special import ndtri

from monitors.arrays import BoolArray, FloatArray, IntArray
from monitors.domain import (
    AUC_LIMIT,
    FOLDS,
    LEAST_FEATURES,
    LEAST_ROWS,
    LEAST_RUNS,
    DomainShift,
    apart_from_session,
    finite,
    folds,
    infinite_words,
    leading,
    left_out_words,
    nature,
    pair_names,
    raw_products,
    ridge_of,
    state_of,
    strongest_pairs,
    tail_p,
    thinned,
    told_apart,
    unfit,
    unfit_words,
    why_unknown,
)
from monitors.reading import Evidence, NoData, Reading
from monitors.settings import WatchSettings
from monitors.verdict import Subject

SESSIONS = 378  # newest of the reference; more tell little and cost as much again
PAIRS = 60
RUNS = 40
ROWS = 4_000  # at the most
KNOTS = 400  # at which a feature's margin is remembered


@dataclass(frozen=True, slots=True, eq=False)
class JointReference:
    """A reference prepared for the joint check; sessions are dealt into folds in turn.

    Attributes:
        names: The features.
        length: Sessions in the windows that will be told from it.
        sessions: Sessions used of it.
        tickers: Tickers a session that are looked at.
        knots: Quantiles of each feature, rising, shape (features, knots).
        first: The one feature of each pair, shape (pairs,).
        second: The other.
        centre: Mean of each product, shape (pairs,).
        scatter: Of the centred products of each fold, shape (folds, pairs, pairs).
        far: The centred products of each fold's rows, those of the newest `length` sessions left out, as
            neighbours resemble the window.
        others: How well its own stretches can be told from the rest, shape (runs,).
        disjoint: How many of them lie side by side.
        constant: Features of one value throughout, shape (features,).
        slow: Features that stand still at times, shape (features,).
    """

    names: tuple[str, ...]
    length: int
    sessions: int
    tickers: int
    knots: FloatArray
    first: IntArray
    second: IntArray
    centre: FloatArray
    scatter: FloatArray
    far: tuple[FloatArray, ...]
    others: FloatArray
    disjoint: float
    constant: BoolArray
    slow: BoolArray

    def unfit(self, window: FloatArray) -> tuple[NoData | None, ...]:
        """Why each feature is left out of a look at the newest sessions; None where it is not."""
        return unfit(window[-self.length :], self.constant, self.slow)

    def shift(self, window: FloatArray) -> DomainShift | None:
        """Tell a window from the reference, as `monitors.domain.told_apart` tells its own stretches.

        Args:
            window: Shape (sessions, tickers, features), NaN = unknown; the newest `length` sessions count.

        Returns:
            None where it is too short, has fewer than a hundred rows in which every feature is known, or too
            few features are left. Products of what is constant, stuck or infinite are left out; the null
            remains that of all products, which can only be told apart better.
        """
        newest = finite(window[-self.length :])
        fit = np.array([reason is None for reason in self.unfit(window)], dtype=np.bool_)
        pair = fit[self.first] & fit[self.second]
        if newest.shape[0] < self.length or fit.sum() < LEAST_FEATURES or not pair.any():
            return None
        if np.isfinite(newest[:, :, fit]).all(axis=2).sum() < LEAST_ROWS:
            return None
        return (self if pair.all() else self._only(pair))._told(newest)

    def _only(self, pair: BoolArray) -> JointReference:
        return replace(
            self,
            first=self.first[pair],
            second=self.second[pair],
            centre=self.centre[pair],
            scatter=self.scatter[:, pair][:, :, pair],
            far=tuple(part[:, pair] for part in self.far),
        )

    def _told(self, newest: FloatArray) -> DomainShift | None:
        scores = apart_from_session(_normal(thinned(newest, self.tickers), self.knots))
        terms = raw_products(scores, self.first, self.second) - self.centre
        place = np.repeat(self.sessions + np.arange(self.length), scores.shape[1])
        fold_of = folds(place, self.length)
        sums = np.stack([part.sum(axis=0) for part in self.far])
        sizes = np.array([len(part) for part in self.far])
        whole = self.scatter.sum(axis=0)
        ridge = ridge_of(whole)
        area = pairs = 0.0
        weights = np.zeros(self.first.size)
        for fold, far in enumerate(self.far):
            train, test = terms[fold_of != fold], terms[fold_of == fold]
            behind = (sums.sum(axis=0) - sums[fold]) / max(int(sizes.sum() - sizes[fold]), 1)
            spread = whole - self.scatter[fold] + train.T @ train + ridge
            direction = np.linalg.solve(spread, train.mean(axis=0) - behind)
            told, ordered = test @ direction, np.sort(far @ direction)
            below = ordered.searchsorted(told, "left") + ordered.searchsorted(told, "right")
            area += float(below.sum()) / 2
            pairs += told.size * ordered.size
            weights += direction
        if not pairs:
            return None
        p = tail_p(area / pairs, self.others, self.disjoint)
        labels = pair_names(self.names, self.first, self.second)
        heavy = leading(weights * np.sqrt(np.diag(whole)), labels)
        rows = len(terms) + int(sizes.sum())
        return DomainShift(area / pairs, p, rows, self.others.size, heavy)


def prepare_joint(history: FloatArray, names: tuple[str, ...], *, window: int) -> JointReference | None:
    """Tell the reference's own stretches apart once.

    Args:
        history: Shape (sessions, tickers, features), NaN = unknown; the newest 378 sessions are used.
        names: The features, in order.
        window: Sessions in the windows that will be told from it.

    Returns:
        None where there is one feature, the reference holds too few such stretches or mostly unknown values.

    Raises:
        ValueError: When the shapes do not fit.
    """
    if history.ndim != 3 or history.shape[2] != len(names):
        raise ValueError(f"reference {history.shape} does not hold {len(names)} features on its third axis")
    used = finite(history[-SESSIONS:])
    starts = np.arange(0, used.shape[0] - window + 1)
    if window < FOLDS or starts.size < LEAST_RUNS or len(names) < 2 or np.isfinite(used).mean() < 0.5:
        return None
    stride = -(-starts.size // RUNS)
    starts = starts[::stride]
    constant, slow = nature(used)
    used = thinned(used, ROWS // used.shape[0])
    knots = np.stack([_quantiles(column) for column in used.reshape(-1, len(names)).T])
    scores = apart_from_session(_normal(used, knots))
    sessions, tickers, _ = scores.shape
    first, second = strongest_pairs(scores, PAIRS)
    raw = raw_products(scores, first, second)
    centre = raw.mean(axis=0)
    terms, session = raw - centre, np.repeat(np.arange(sessions), tickers)
    areas, _ = told_apart(terms, session, starts, window)
    others = areas[~np.isnan(areas)]
    if others.size < LEAST_RUNS:
        return None
    fold_of, is_far = folds(session, window), session < sessions - window
    parts = [terms[fold_of == fold] for fold in range(FOLDS)]
    return JointReference(
        names,
        window,
        sessions,
        tickers,
        knots,
        first,
        second,
        centre,
        np.stack([part.T @ part for part in parts]),
        tuple(terms[is_far & (fold_of == fold)] for fold in range(FOLDS)),
        others,
        others.size * stride / window,
        constant,
        slow,
    )


def _quantiles(column: FloatArray) -> FloatArray:
    known = np.sort(column[~np.isnan(column)])
    if known.size == 0:
        return np.zeros(KNOTS)
    return known[(np.arange(KNOTS) * known.size) // KNOTS]


def _normal(values: FloatArray, knots: FloatArray) -> FloatArray:
    """Normal scores by the reference's own quantiles, 0 where unknown, same shape."""
    rows = values.reshape(-1, values.shape[2])
    out = np.zeros(rows.shape)
    for column, held, own in zip(out.T, rows.T, knots, strict=True):
        middle = (own.searchsorted(held, "left") + own.searchsorted(held, "right")) / 2
        column[:] = np.where(np.isnan(held), 0.0, ndtri((middle + 0.5) / (KNOTS + 1)))
    return out.reshape(values.shape)


@dataclass(frozen=True, slots=True)
class JointState:
    """What the newest look found; the reading repeats it until the next one.

    Attributes:
        looked_on: Its session in ISO form, "" before the first.
        age: Sessions since.
        auc: As `DomainShift`.
        p_value: As there.
        rows: As there; 0 where the window could not be judged.
        runs: As there.
        leading: As there.
        reason: Why it could not be judged, "" where it could.
        left_out: Features left out and why, as `volume (stuck)`.
        infinite: Features of which single values were left out, as `volume (3 infinite)`.
    """

    looked_on: str = ""
    age: int = 0
    auc: float = 0.5
    p_value: float = 1.0
    rows: int = 0
    runs: int = 0
    leading: tuple[str, ...] = ()
    reason: str = ""
    left_out: tuple[str, ...] = ()
    infinite: tuple[str, ...] = ()


def step(
    state: JointState, session: date, window: FloatArray | None, reference: JointReference | None
) -> JointState:
    """Take in one session; it is looked at where a reference is given.

    Args:
        state: Before the session.
        session: The session.
        window: Shape (sessions, tickers, features); None while there is too little history.
        reference: Given in the sessions of a look, else None.
    """
    if reference is None or window is None:
        return replace(state, age=state.age + 1)
    shift, reasons = reference.shift(window), reference.unfit(window)
    found = JointState(
        session.isoformat(),
        left_out=unfit_words(reference.names, reasons),
        infinite=infinite_words(reference.names, window[-reference.length :], reasons),
    )
    if shift is None:
        return replace(found, reason=why_unknown(reasons).value)
    return replace(
        found,
        auc=shift.auc,
        p_value=shift.p_value,
        rows=shift.rows,
        runs=shift.runs,
        leading=shift.leading,
    )


def joint_reading(session: date, state: JointState, limits: WatchSettings) -> Reading:
    """The newest look's AUC; effect (0.6) and evidence together are a breach, evidence alone a warning."""
    subject = Subject(session, "drift", "domain_auc", "features", AUC_LIMIT)
    if not state.looked_on:
        return subject.unknown(NoData.NOT_EVALUATED, 0, "not looked at yet")
    if state.age > limits.joint_stale_after:
        return subject.unknown(NoData.STALE, 0, f"last looked at on {state.looked_on}")
    out = left_out_words(state.left_out, state.infinite)
    if not state.rows:
        why = NoData(state.reason or NoData.TOO_FEW)
        few = f"fewer than {LEAST_ROWS} rows with every feature known"
        clause = few if why is NoData.TOO_FEW else "too few features are left"
        return subject.unknown(why, 0, f"{state.looked_on}: {clause}{out}")
    shift = DomainShift(state.auc, state.p_value, state.rows, state.runs, state.leading)
    detail = f"looked at on {state.looked_on}; leading: {', '.join(state.leading)}{out}"
    evidence = Evidence("session_runs", p_value=state.p_value)
    return subject.judged(state.auc, state.rows, state_of(shift, limits), evidence, detail)
