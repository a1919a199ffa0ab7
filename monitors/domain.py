"""The domain classifier: can the joint behaviour of features tell the newest window from the reference?

PSI and KS look at one feature at a time; two features whose correlation turns round keep their margins. Here
a classifier is given the features' products and nothing else (what margins show is watched elsewhere and
would drown the rest) and tries to tell newest rows from old ones. Its cross-validated AUC is the effect; how
well it tells *any other* stretch of as many sessions from the rest is the null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import ndtri, stdtr

from monitors.arrays import BoolArray, FloatArray, IntArray
from monitors.feature_drift import STUCK
from monitors.reading import Evidence, NoData, Reading, State
from monitors.repeats import most_repeated, repeated_shares
from monitors.settings import WatchSettings
from monitors.verdict import Subject
from monitors.window_law import LEAST_P

FOLDS = 4
MOST_ROWS = 8_000
MOST_PAIRS = 300  # products beyond the most correlated ones are left out
MOST_RUNS = 200
LEAST_RUNS = 20
LEAST_ROWS = 100  # of the window with every feature known
LEAST_TICKERS = 10  # from which features are held against the session's mean over tickers
RIDGE = 1e-3  # of the mean variance, so that twin features do no harm
LEAST_RIDGE = 1e-12  # where nothing varies
LEAST_FEATURES = 2  # of which a product can be made
INFINITE_MOST = 0.05  # share of infinite values from which a feature is left out; fewer count as unknown
AUC_LIMIT = 0.6  # of 0.5 for no difference at all


@dataclass(frozen=True, slots=True)
class DomainShift:
    """How well the window can be told from the reference.

    Attributes:
        auc: Cross-validated area under the ROC curve; 0.5 means not at all.
        p_value: How often another stretch of as many sessions can be told as well, in (0, 1].
        rows: Rows looked at.
        runs: Other stretches looked at.
        leading: The three products that weigh most, as `momentum x volatility`.
    """

    auc: float
    p_value: float
    rows: int
    runs: int
    leading: tuple[str, ...]


def domain_shift(reference: FloatArray, window: FloatArray, names: tuple[str, ...]) -> DomainShift | None:
    """Tell the window from the reference by Fisher's (1936) linear discriminant on products of ranks.

    The discriminant is the least-squares cousin of logistic regression; as its scatter matrix does not know
    the labels, one factorisation serves every labelling of the null. The folds are sessions in turn. The null
    labels stretches of whole sessions as long as the window, so tickers of a session stay together and
    sessions in their order: neither common shocks nor autocorrelation feign a shift.

    Args:
        reference: Shape (sessions, tickers, features), NaN = unknown.
        window: Shape (sessions, tickers, features), right after the reference.
        names: The features.

    Returns:
        None where fewer than two features are left, the reference holds too few such stretches or mostly
        unknown values, or the window fewer than a hundred rows in which every feature is known. Features that
        are constant, stuck or infinite are left out (`unfit`).

    Raises:
        ValueError: When the shapes do not fit.
    """
    if reference.ndim != 3 or reference.shape[1:] != window.shape[1:] or window.shape[2] != len(names):
        raise ValueError(f"reference {reference.shape} and window {window.shape} for {len(names)} features")
    kept = np.array([reason is None for reason in unfit_of(reference, window)], dtype=np.bool_)
    if kept.sum() < LEAST_FEATURES:
        return None
    names = tuple(name for name, used in zip(names, kept.tolist(), strict=True) if used)
    reference, window = finite(reference[:, :, kept]), finite(window[:, :, kept])
    length, sessions = window.shape[0], reference.shape[0] + window.shape[0]
    starts = np.arange(0, reference.shape[0] - length + 1)
    if length < FOLDS or starts.size < LEAST_RUNS:
        return None
    stride = -(-starts.size // MOST_RUNS)
    starts = starts[::stride]
    if np.count_nonzero(np.isfinite(window).all(axis=2)) < LEAST_ROWS or np.isfinite(reference).mean() < 0.5:
        return None
    values = thinned(np.concatenate([reference, window]), MOST_ROWS // sessions)
    scores = normal_scores(values.reshape(-1, values.shape[2])).reshape(values.shape)
    scores = apart_from_session(scores)
    first, second = strongest_pairs(scores, MOST_PAIRS)
    terms, labels = raw_products(scores, first, second), pair_names(names, first, second)
    terms -= terms.mean(axis=0)
    session = np.repeat(np.arange(sessions), values.shape[1])
    runs = np.concatenate([[reference.shape[0]], starts])
    areas, weights = told_apart(terms, session, runs, length)
    others = areas[1:][~np.isnan(areas[1:])]
    if math.isnan(areas[0]) or others.size < LEAST_RUNS:
        return None
    p = tail_p(float(areas[0]), others, others.size * stride / length)
    return DomainShift(float(areas[0]), p, terms.shape[0], others.size, leading(weights, labels))


def unfit_of(reference: FloatArray, window: FloatArray) -> tuple[NoData | None, ...]:
    """`unfit` against a reference as it is, both of shape (sessions, tickers, features)."""
    return unfit(window, *nature(reference))


def nature(reference: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Which features are constant in a reference, and which stand still there at times."""
    columns = np.moveaxis(reference, 2, 0)
    return (
        np.array([_one_value(column) for column in columns], dtype=np.bool_),
        np.array([most_repeated(column) >= STUCK for column in columns], dtype=np.bool_),
    )


def unfit(window: FloatArray, constant: BoolArray, slow: BoolArray) -> tuple[NoData | None, ...]:
    """Why each feature's products can tell nothing: it is constant, stuck or infinite; None where it is fit.

    Args:
        window: Shape (sessions, tickers, features).
        constant: Features of one value in the reference, shape (features,).
        slow: Features that may stand still, as they did so in the reference, shape (features,).
    """
    columns = np.moveaxis(window, 2, 0)
    found: list[NoData | None] = []
    for column, share, steady, still in zip(columns, repeated_shares(columns), constant, slow, strict=True):
        reasons = {
            NoData.INFINITE: np.count_nonzero(np.isinf(column)) > INFINITE_MOST * column.size,
            NoData.CONSTANT: steady or (_one_value(column) and not still),
            NoData.STUCK: share >= STUCK and not still,
        }
        found.append(next((reason for reason, holds in reasons.items() if holds), None))
    return tuple(found)


def unfit_words(names: tuple[str, ...], reasons: tuple[NoData | None, ...]) -> tuple[str, ...]:
    """The features left out and why, as `volume (stuck)`."""
    return tuple(f"{name} ({why.value})" for name, why in zip(names, reasons, strict=True) if why is not None)


def infinite_words(
    names: tuple[str, ...], window: FloatArray, reasons: tuple[NoData | None, ...]
) -> tuple[str, ...]:
    """Features used although a few of their values are infinite, as `volume (3 infinite)`.

    Args:
        names: The features.
        window: Shape (sessions, tickers, features).
        reasons: As of `unfit`; what is left out is not named again.
    """
    counts = np.count_nonzero(np.isinf(window), axis=(0, 1)).tolist()
    rows = zip(names, counts, reasons, strict=True)
    return tuple(f"{name} ({count} infinite)" for name, count, why in rows if count and why is None)


def left_out_words(left_out: Iterable[str], infinite: Iterable[str]) -> str:
    """The clause of a reading that says what it did not look at; "" where it looked at everything."""
    clauses = (("left out", tuple(left_out)), ("values left out", tuple(infinite)))
    return "".join(f"; {what}: {', '.join(words)}" for what, words in clauses if words)


def why_unknown(reasons: tuple[NoData | None, ...]) -> NoData:
    """Why a window cannot be judged: what most of the features left out suffer from, else too few rows."""
    out = [reason for reason in reasons if reason is not None]
    return max(out, key=out.count) if out and len(reasons) - len(out) < LEAST_FEATURES else NoData.TOO_FEW


def finite(values: FloatArray) -> FloatArray:
    """The values with NaN for what is infinite."""
    return np.where(np.isinf(values), np.nan, values)


def _one_value(column: FloatArray) -> bool:
    known = column[np.isfinite(column)]
    return known.size > 1 and bool((known == known[0]).all())


def leading(weights: FloatArray, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The three products that weigh most."""
    return tuple(labels[i] for i in np.argsort(-np.abs(weights), kind="stable")[:3].tolist())


def domain_reading(
    session: date,
    reference: FloatArray,
    window: FloatArray,
    names: tuple[str, ...],
    limits: WatchSettings,
) -> Reading:
    """The AUC as a reading; effect (0.6) and evidence together are a breach, evidence alone a warning."""
    subject = Subject(session, "drift", "domain_auc", "features", AUC_LIMIT)
    shift = domain_shift(reference, window, names)
    reasons = unfit_of(reference, window)
    out = left_out_words(unfit_words(names, reasons), infinite_words(names, window, reasons))
    if shift is None:
        why = why_unknown(reasons)
        few = "too few sessions or known rows to compare stretches"
        return subject.unknown(why, 0, (few if why is NoData.TOO_FEW else "too few features are left") + out)
    detail = (
        f"leading: {', '.join(shift.leading)}; {shift.runs} other stretches of {window.shape[0]} sessions"
    )
    detail += out
    evidence = Evidence("session_runs", p_value=shift.p_value)
    return subject.judged(shift.auc, shift.rows, state_of(shift, limits), evidence, detail)


def state_of(shift: DomainShift, limits: WatchSettings) -> State:
    """Effect and evidence together are a breach, evidence alone a warning."""
    if shift.p_value > limits.drift_p:
        return State.OK
    return State.BREACH if shift.auc > AUC_LIMIT else State.WARN


def auc(scores: FloatArray, positive: BoolArray, negative: BoolArray) -> FloatArray:
    """Area under the ROC curve of each column (Mann, Whitney 1947), ties counted half.

    Args:
        scores: Shape (rows, columns).
        positive: Which rows count as positive, shape (rows, columns).
        negative: Which count as negative; rows that are neither are passed over.

    Returns:
        Shape (columns,); NaN where one of the classes is empty.

    Example:
        >>> hit = np.array([[False], [False], [True], [True]])
        >>> auc(np.array([[0.1], [0.4], [0.35], [0.8]]), hit, ~hit).tolist()
        [0.75]
    """
    order = np.argsort(scores, axis=0, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=0)
    hits = np.take_along_axis(positive, order, axis=0)
    passed = np.zeros((scores.shape[0] + 1, scores.shape[1]))
    np.cumsum(np.take_along_axis(negative, order, axis=0), axis=0, out=passed[1:])
    below = passed[:-1].copy()
    for column in (ordered[1:] == ordered[:-1]).any(axis=0).nonzero()[0].tolist():
        places, counts = ordered[:, column], passed[:, column]
        edges = places.searchsorted(places, "left"), places.searchsorted(places, "right")
        below[:, column] = (counts[edges[0]] + counts[edges[1]]) / 2
    pairs = hits.sum(axis=0) * passed[-1]
    return np.where(pairs > 0, (below * hits).sum(axis=0) / np.maximum(pairs, 1), math.nan)


def tail_p(value: float, others: FloatArray, disjoint: float) -> float:
    """How often another stretch can be told as well, the greater of two estimates.

    The rank among those seen; as they overlap, the greatest of them is soon exceeded. And the tail of
    Student's law for one more draw beside as many normal ones as there are stretches side by side.
    """
    at_least = int((others >= value).sum())
    rank = (1 + at_least) / (1 + others.size)
    degrees = max(disjoint - 1, 1.0)
    spread = float(others.std()) * math.sqrt((1 + 1 / disjoint) * disjoint / degrees)
    if spread == 0:
        return rank
    tail = max(LEAST_P, float(stdtr(degrees, (float(others.mean()) - value) / spread)))
    return tail if at_least == 0 else max(rank, tail)


def thinned(values: FloatArray, most: int) -> FloatArray:
    """At most so many evenly spread tickers, one at the least, others in each session in turn."""
    sessions, tickers, _ = values.shape
    kept = max(1, min(tickers, most))
    if kept == tickers:
        return values
    places = (np.arange(kept) * tickers // kept + np.arange(sessions)[:, None]) % tickers
    return np.asarray(np.take_along_axis(values, places[:, :, None], axis=1))


def normal_scores(rows: FloatArray) -> FloatArray:
    """Normal scores of each column over all rows, unknown values 0: no bad tick, no unit, no margin."""
    out = np.zeros(rows.shape)
    for column, values in zip(out.T, rows.T, strict=True):
        known = ~np.isnan(values)
        present = values[known]
        if present.size:
            ordered = np.sort(present)
            middle = (ordered.searchsorted(present, "left") + ordered.searchsorted(present, "right")) / 2
            column[known] = ndtri((middle + 0.5) / (present.size + 1))
    return out


def apart_from_session(scores: FloatArray) -> FloatArray:
    """Scores less the mean over a session's tickers, where there are enough of them, same shape.

    A common shock moves every product of its session.
    """
    return scores - scores.mean(axis=1, keepdims=True) if scores.shape[1] >= LEAST_TICKERS else scores


def strongest_pairs(scores: FloatArray, most: int) -> tuple[IntArray, IntArray]:
    """Pairs of features, of very many the most correlated; chosen without looking at what is new and old."""
    features = scores.shape[2]
    first, second = np.triu_indices(features, 1)
    if first.size > most:
        rows = scores.reshape(-1, features)
        strength = np.abs(rows.T @ rows)[first, second]
        kept = np.sort(np.argsort(-strength, kind="stable")[:most])
        first, second = first[kept], second[kept]
    return first, second


def pair_names(names: tuple[str, ...], first: IntArray, second: IntArray) -> tuple[str, ...]:
    """The products' names, as `momentum x volatility`."""
    return tuple(f"{names[i]} x {names[j]}" for i, j in zip(first.tolist(), second.tolist(), strict=True))


def raw_products(scores: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """Products of scores, shape (sessions * tickers, pairs)."""
    rows = scores.reshape(-1, scores.shape[2])
    return rows[:, first] * rows[:, second]


def folds(session: IntArray, length: int) -> IntArray:
    """The fold of each session: runs of a quarter of a stretch in turn, so each stretch holds every fold."""
    return session * FOLDS // max(length, 1) % FOLDS


def ridge_of(scatter: FloatArray) -> FloatArray:
    """What is added to a scatter matrix so that twin features, or none that varies, do no harm."""
    size = RIDGE * float(np.trace(scatter)) / max(len(scatter), 1)
    return max(size, LEAST_RIDGE) * np.eye(len(scatter))


def told_apart(
    terms: FloatArray, session: IntArray, starts: IntArray, length: int
) -> tuple[FloatArray, FloatArray]:
    """How well stretches of sessions can be told from the others but their neighbours, by cross-validation.

    Args:
        terms: Centred, shape (rows, terms).
        session: Of each row, from 0 and rising, shape (rows,).
        starts: First session of each stretch, shape (runs,).
        length: Sessions in a stretch.

    Returns:
        AUC of every stretch, NaN where nothing is left to tell it from, shape (runs,); and the weight of each
        term under the first.
    """
    sessions = int(session[-1]) + 1
    number = np.arange(sessions)[:, None]
    fold_of = folds(np.arange(sessions), length)
    inside = (number >= starts) & (number < starts + length)
    # neighbours resemble the stretch; the newest has them on one side only, so all do without
    apart_from = (number < starts - length) | (number >= starts + 2 * length)
    sums = np.zeros((sessions, terms.shape[1]))
    np.add.at(sums, session, terms)
    per_session = np.bincount(session, minlength=sessions).astype(np.float64)
    whole = terms.T @ terms
    ridge = ridge_of(whole)
    area, pairs, weights = np.zeros(starts.size), np.zeros(starts.size), np.zeros(terms.shape[1])
    for fold in range(FOLDS):
        test = fold_of[session] == fold
        held = terms[test]
        train = inside & (fold_of != fold)[:, None]
        other = apart_from & (fold_of != fold)[:, None]
        own, others = per_session @ train, per_session @ other
        apart = sums.T @ (train / np.maximum(own, 1) - other / np.maximum(others, 1))
        direction = np.linalg.solve(whole - held.T @ held + ridge, apart)
        positive, negative = inside[session[test]], apart_from[session[test]]
        weight = positive.sum(axis=0) * negative.sum(axis=0) * ((own > 0) & (others > 0))
        found = auc(held @ direction, positive, negative)
        area += np.where(weight > 0, np.nan_to_num(found) * weight, 0.0)
        pairs += weight
        weights += direction[:, 0]
    return np.where(pairs > 0, area / np.maximum(pairs, 1), np.nan), weights * terms.std(axis=0)
