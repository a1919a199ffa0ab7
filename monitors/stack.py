"""The stack: the prepared references of many features side by side, so that one pass judges them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import fdtrc, fdtri

from monitors.arrays import BoolArray, FloatArray, IntArray
from monitors.cells import Cells
from monitors.psi import HALF_COUNT
from monitors.window_law import LEAST_P, WindowLaw

if TYPE_CHECKING:
    from monitors.drift import FeatureReference

LEAST_WITH_NULL = 20  # fewest values in a window that is held against the reference's own
EVERY = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Laws:
    """One `WindowLaw` a feature, as arrays; a feature without one has `known` False.

    Attributes:
        scores: Scores of the windows, padded with -inf, shape (features, windows).
        sizes: How many of them are scores, shape (features,).
        mean: Shape (features,), 1 where there is no law.
        degrees: Shape (features,).
        disjoint: Shape (features,).
        known: Shape (features,).
    """

    scores: FloatArray
    sizes: IntArray
    mean: FloatArray
    degrees: FloatArray
    disjoint: FloatArray
    known: BoolArray

    @classmethod
    def of(cls, laws: Sequence[WindowLaw | None]) -> Laws:
        """The laws side by side."""
        widest = max((law.ordered.size for law in laws if law is not None), default=0)
        scores = np.full((len(laws), widest), -np.inf)
        for row, law in zip(scores, laws, strict=True):
            if law is not None:
                row[: law.ordered.size] = law.ordered
        return cls(
            scores,
            np.array([0 if law is None else law.ordered.size for law in laws], dtype=np.int64),
            np.array([1.0 if law is None else law.mean for law in laws]),
            np.array([0.0 if law is None else law.degrees for law in laws]),
            np.array([1.0 if law is None else law.disjoint for law in laws]),
            np.array([law is not None for law in laws], dtype=np.bool_),
        )

    def p(self, values: FloatArray, of: slice | IntArray = EVERY) -> FloatArray:
        """`WindowLaw.p` of the value of every feature, or of those asked for; shape as `values`."""
        at_least = np.count_nonzero(self.scores[of] >= values[:, None], axis=1)
        rank = (1 + at_least) / (1 + self.sizes[of])
        varies = self.degrees[of] > 0
        degrees = np.where(varies, self.degrees[of], 1.0)
        mean = np.where(varies, self.mean[of], 1.0)
        tail = np.maximum(LEAST_P, fdtrc(degrees, degrees * self.disjoint[of], values / mean))
        return np.where(varies, np.where(at_least == 0, tail, np.maximum(rank, tail)), rank)

    def critical(self, level: float) -> FloatArray:
        """The score of every feature below which `p` is above a level, to rounding; infinite without a law.

        Args:
            level: In (0, 1).
        """
        features = np.arange(self.sizes.size)
        allowed = np.maximum(np.floor(level * (1 + self.sizes) * (1 + 1e-12)) - 1, -1).astype(np.int64)
        varies = self.degrees > 0
        allowed[varies] = np.maximum(allowed[varies], 0)  # beyond all scores the tail alone speaks
        place = self.sizes - 1 - allowed  # the greatest score that so many may reach
        scores = np.pad(self.scores, ((0, 0), (1, 1)), constant_values=(-np.inf, np.inf))
        by_rank = scores[features, np.clip(place + 1, 0, self.sizes + 1)]
        by_rank = np.where(allowed < 0, np.inf, by_rank)
        degrees = np.where(varies, self.degrees, 1.0)
        by_tail = np.where(varies, self.mean, 0.0) * fdtri(degrees, degrees * self.disjoint, 1 - level)
        least = np.where(level >= LEAST_P, np.maximum(by_rank, np.where(varies, by_tail, by_rank)), np.inf)
        return np.where(self.known, least, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """What `FeatureReference` holds of each feature, padded to rectangles.

    A padded knot is +inf, where the reference's share is 1 and so is that of every window.

    Attributes:
        cells: The knots, ready to count values between them.
        shares: Share of the reference <= each knot, shape (features, knots).
        coarse: Where the coarse knots stand among the knots, padded with the last, shape (features, coarse).
        coarse_knots: The coarse knots themselves.
        coarse_shares: Share of the reference <= each of them.
        edges: PSI edges, padded with +inf, shape (features, bins - 1).
        edge_at: Index of the edges among the coarse knots; one past the last where padded.
        counts: Reference values in each bin, 0 where padded, shape (features, bins).
        bins: True where a bin is not padding, shape (features, bins).
        n: Reference values, shape (features,).
        unusable: True where the reference itself cannot be compared with, shape (features,).
        null_n: Values in a window of the null, shape (features,); meaningless where there is none.
        psi_laws: Null of the PSI.
        ks_laws: Null of the squared coarse KS distance.
    """

    cells: Cells
    shares: FloatArray
    coarse: IntArray
    coarse_knots: FloatArray
    coarse_shares: FloatArray
    edges: FloatArray
    edge_at: IntArray
    counts: IntArray
    bins: BoolArray
    n: IntArray
    unusable: BoolArray
    null_n: IntArray
    psi_laws: Laws
    ks_laws: Laws

    @classmethod
    def of(cls, features: Sequence[FeatureReference]) -> Stack:
        """Put features side by side; one that cannot be compared is all padding."""
        most = max((feature.grid.knots.size for feature in features), default=0) or 1
        knots = _padded([feature.grid.knots for feature in features], np.inf, most)
        shares = _padded([feature.grid.below / max(feature.n, 1) for feature in features], 1.0, most)
        width = max((feature.coarse.size for feature in features), default=0) or 1
        coarse = np.zeros((len(features), width), dtype=np.int64)
        for row, feature in zip(coarse, features, strict=True):
            if feature.coarse.size:
                row[:] = feature.coarse[-1]
                row[: feature.coarse.size] = feature.coarse
        edge_at = [feature.coarse.searchsorted(feature.edges) for feature in features]
        counts = _padded([feature.counts for feature in features], 0).astype(np.int64)
        filled = np.array([feature.counts.size for feature in features])
        return cls(
            Cells.of(knots),
            shares,
            coarse,
            np.take_along_axis(knots, coarse, axis=1),
            np.take_along_axis(shares, coarse, axis=1),
            _padded([f.grid.knots[f.edges] for f in features], np.inf, counts.shape[1] - 1),
            _padded(edge_at, width, counts.shape[1] - 1).astype(np.int64),
            counts,
            np.arange(counts.shape[1]) < filled[:, None],
            np.array([feature.n for feature in features], dtype=np.int64),
            np.array([feature.reason is not None for feature in features], dtype=np.bool_),
            np.array([0 if f.null is None else f.null.n for f in features], dtype=np.int64),
            Laws.of([f.null.psi if f.null is not None else None for f in features]),
            Laws.of([f.null.ks if f.null is not None else None for f in features]),
        )

    def has_null(self, n: IntArray, of: slice | IntArray = EVERY) -> BoolArray:
        """Where a window of n values can be held against the reference's own; shape as n."""
        return np.asarray(self.psi_laws.known[of] & (n >= LEAST_WITH_NULL) & (2 * n >= self.null_n[of]))

    def below(self, values: FloatArray) -> tuple[IntArray, IntArray]:
        """How many of each feature's values are <= each knot, and how many are not NaN.

        Args:
            values: Shape (features, values).

        Returns:
            Counts of shape (features, knots) and of shape (features,).
        """
        counts = self.cells.counts(values)
        below = np.cumsum(counts[:, : self.shares.shape[1]], axis=1)
        return below, values.shape[1] - counts[:, -1]

    def coarse_below(self, below: IntArray) -> IntArray:
        """The same at the coarse knots, shape (features, coarse)."""
        return np.take_along_axis(below, self.coarse, axis=1)

    def psi(self, binned: IntArray) -> FloatArray:
        """PSI of windows binned on these edges, shape (features, bins) -> (features,); see `monitors.psi`."""
        smooth = HALF_COUNT * np.maximum(self.bins.sum(axis=1, keepdims=True), 1)
        p = (self.counts + HALF_COUNT) / (self.n[:, None] + smooth)
        q = (binned + HALF_COUNT) / (binned.sum(axis=1, keepdims=True) + smooth)
        return np.asarray(((p - q) * np.log(p / q)).sum(axis=1, where=self.bins), dtype=np.float64)

    def binned(self, coarse_below: IntArray, n: IntArray) -> IntArray:
        """Counts per PSI bin from counts below the coarse knots, shape (features, bins)."""
        reached = np.take_along_axis(np.concatenate([coarse_below, n[:, None]], axis=1), self.edge_at, axis=1)
        return np.diff(reached, axis=1, prepend=0, append=n[:, None])

    def distance(self, below: IntArray, n: IntArray) -> FloatArray:
        """KS distance at all knots, shape (features,)."""
        return greatest_gap(below, n, self.shares)

    def coarse_distance(self, coarse_below: IntArray, n: IntArray) -> FloatArray:
        """KS distance at the coarse knots, shape (features,)."""
        return greatest_gap(coarse_below, n, self.coarse_shares)


def greatest_gap(below: IntArray, n: IntArray, shares: FloatArray) -> FloatArray:
    """Greatest distance between shares <= each knot, of n values and of the reference, shape (features,).

    Args:
        below: How many values are <= each knot, shape (features, knots).
        n: How many there are, shape (features,).
        shares: Those of the reference, shape (features, knots).
    """
    gap = below / np.maximum(n, 1)[:, None]
    gap -= shares
    return np.asarray(np.abs(gap, out=gap).max(axis=1, initial=0.0))


def prepared_psi(values: FloatArray, stack: Stack) -> FloatArray:
    """PSI of every feature without sorting: as many comparisons a value as there are edges.

    Args:
        values: Shape (features, values); NaN is left out, infinities fall into the outer bins.
        stack: The prepared references.

    Returns:
        Shape (features,); the PSI of a window without values compares smoothing alone and says nothing.
    """
    n = values.shape[1] - np.count_nonzero(np.isnan(values), axis=1)
    held = np.empty(values.shape, dtype=np.bool_)
    below = np.empty((stack.edges.shape[1], values.shape[0]), dtype=np.int64)
    for row, edge in zip(below, stack.edges.T, strict=True):
        np.less_equal(values, edge[:, None], out=held)
        row[:] = np.count_nonzero(held, axis=1)
    return stack.psi(np.diff(below.T, axis=1, prepend=0, append=n[:, None]))


def _padded(rows: Sequence[FloatArray | IntArray], fill: float, width: int | None = None) -> FloatArray:
    if width is None:
        width = max((row.size for row in rows), default=0)
    out = np.full((len(rows), max(width, 0)), fill, dtype=np.float64)
    for place, row in zip(out, rows, strict=True):
        place[: row.size] = row
    return out
