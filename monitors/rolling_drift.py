"""Rolling drift: one row of features in at a time, PSI and KS of the newest rows out at any moment."""

from __future__ import annotations

import math

import numpy as np

from monitors.arrays import BoolArray, FloatArray, IntArray
from monitors.drift import DriftReference
from monitors.psi import HALF_COUNT
from monitors.stack import EVERY, greatest_gap


class RollingDrift:
    """Counts of the newest rows on the reference's bins and coarse knots, kept up to date row by row.

    An update costs a few comparisons a feature whatever the window; memory is fixed from the start. Nothing
    is approximated: after any number of rows the counts are those of the newest `rows` rows, so PSI equals
    the batch's and KS the batch's on the coarse knots, whose null the reference holds. A feature without a
    usable reference, or without a value in the window, reads NaN. NaN is left out and counted as missing,
    infinities fall into the outer bins.

    Of thousands of features read the PSI after every row, and KS and p-values, which take some fifteen and
    fifty times as long, with `ks_of` and `p_of` where the PSI gives reason to.

    Args:
        reference: Prepared; of each feature the PSI edges and coarse knots are used.
        rows: Length of the window in rows; by default the reference's.

    Example:
        >>> from monitors.drift import prepare_reference
        >>> rng = np.random.default_rng(1)
        >>> reference = prepare_reference(rng.standard_normal((600, 1, 2)), ("a", "b"), window=50)
        >>> rolling = RollingDrift(reference)
        >>> for row in rng.standard_normal((80, 2)) + np.array([0.0, 2.0]):
        ...     rolling.update(row)
        >>> rolling.n.tolist(), bool(rolling.psi[0] < 0.5), bool(rolling.psi[1] > 2.0)
        ([50, 50], True, True)
    """

    def __init__(self, reference: DriftReference, rows: int | None = None) -> None:
        stack = reference.stack
        self._stack = stack
        features, knots = stack.coarse_knots.shape
        self._rows = reference.window if rows is None else rows
        if self._rows < 1:
            raise ValueError(f"window of {self._rows} rows: at least 1 is needed")
        side = 8 * math.ceil(math.sqrt(knots + 1) / 8)  # whole words: bools are counted by the word
        table = np.full((features, side * side), np.inf)
        table[:, :knots] = stack.coarse_knots
        self._side, self._knots = side, knots
        self._table = table.reshape(features * side, side)
        self._heads = np.ascontiguousarray(table.reshape(features, side, side)[:, :, -1].T[:-1])
        self._first_block = np.arange(features, dtype=np.intp) * side
        self._cells = side * side + 1  # the last one for the unknown
        self._base = np.arange(features, dtype=np.intp) * self._cells
        self._counts = np.zeros(features * self._cells, dtype=np.min_scalar_type(self._rows))
        self._bin_of, self._bin_base, self._bins = self._binning(features, knots)
        self._binned = np.zeros(features * self._bins, dtype=np.int32)
        self._codes = np.full((self._rows, features), self._cells - 1, dtype=np.uint16)
        self._seen = 0
        self._half = HALF_COUNT * stack.bins  # nothing where a bin is padding
        self._smooth = HALF_COUNT * np.maximum(stack.bins.sum(axis=1, keepdims=True), 1)
        self._share = (stack.counts + self._half) / (stack.n[:, None] + self._smooth)
        self._log_share = np.log(np.where(stack.bins, self._share, 1.0))
        self._logs = np.log(np.arange(self._rows + 1) + HALF_COUNT)  # of every count there can be

    def _binning(self, features: int, knots: int) -> tuple[IntArray, IntArray, int]:
        """Which PSI bin each cell lies in, where each feature's bins start, and how many there are."""
        bins = self._stack.counts.shape[1] + 1  # the last one for the unknown
        cells = np.minimum(np.arange(self._cells - 1), knots)
        of = (self._stack.edge_at[:, None, :] < cells[None, :, None]).sum(axis=2)
        of = np.concatenate([of, np.full((features, 1), bins - 1)], axis=1)
        base = np.arange(features, dtype=np.intp) * bins
        return of.astype(np.min_scalar_type(bins)).ravel(), base, bins

    def update(self, row: FloatArray) -> None:
        """Take in one row, shape (features,); the oldest leaves once the window is full."""
        block = (self._heads < row).sum(axis=0, dtype=np.uint8)
        held = self._table.take(self._first_block + block, axis=0) < row[:, None]
        words = np.ascontiguousarray(np.bitwise_count(held.view(np.uint64)).T)  # adds rows, not pairs
        within = words.sum(axis=0, dtype=np.uint8)
        code = block * np.uint16(self._side) + within
        code[np.isnan(row)] = self._cells - 1
        place = self._seen % self._rows
        new = self._base + code
        if self._seen >= self._rows:
            old = self._base + self._codes[place]
            self._counts[old] -= 1
            self._binned[self._bin_base + self._bin_of.take(old)] -= 1
        self._counts[new] += 1
        self._binned[self._bin_base + self._bin_of.take(new)] += 1
        self._codes[place] = code
        self._seen += 1

    @property
    def rows(self) -> int:
        """Rows in the window so far."""
        return min(self._seen, self._rows)

    @property
    def n(self) -> IntArray:
        """Values present in the window, shape (features,)."""
        return self._n(EVERY)

    @property
    def missing(self) -> FloatArray:
        """Share of the window unknown, shape (features,); NaN before the first row."""
        return 1.0 - self.n / self.rows if self.rows else np.full(self._base.size, np.nan)

    @property
    def psi(self) -> FloatArray:
        """PSI of the window, shape (features,); as `Stack.psi` with the logarithms looked up."""
        return self._psi(EVERY, self.n)

    @property
    def ks(self) -> FloatArray:
        """KS distance of the window at the reference's coarse knots, shape (features,)."""
        return self._ks(EVERY, self.n)

    @property
    def p(self) -> FloatArray:
        """p-value of PSI and KS together from the reference's own windows, shape (features,).

        NaN where the reference is too short for windows of its own or the window holds much less than they.
        """
        return self._p(EVERY)

    def ks_of(self, features: IntArray) -> FloatArray:
        """`ks` of some features, shape (features asked for,)."""
        return self._ks(features, self._n(features))

    def p_of(self, features: IntArray) -> FloatArray:
        """`p` of some features, shape (features asked for,)."""
        return self._p(features)

    def _n(self, of: slice | IntArray) -> IntArray:
        return self.rows - self._counts[self._base[of] + self._cells - 1].astype(np.int64)

    def _psi(self, of: slice | IntArray, n: IntArray) -> FloatArray:
        binned = self._binned.reshape(-1, self._bins)[of, :-1]
        total = n[:, None] + self._smooth[of]
        ratio = self._log_share[of] + np.log(total)
        ratio -= self._logs.take(binned)
        share = binned + self._half[of]
        share /= total
        np.subtract(self._share[of], share, out=share)
        value = np.einsum("fb,fb->f", share, ratio)
        return np.where(self._silent(of, n), np.nan, np.maximum(value, 0.0))

    def _ks(self, of: slice | IntArray, n: IntArray) -> FloatArray:
        cells = self._counts.reshape(-1, self._cells)[of, : self._knots]
        gap = greatest_gap(np.cumsum(cells, axis=1, dtype=np.int64), n, self._stack.coarse_shares[of])
        return np.where(self._silent(of, n), np.nan, gap)

    def _p(self, of: slice | IntArray) -> FloatArray:
        stack, n = self._stack, self._n(of)
        by_psi = stack.psi_laws.p(self._psi(of, n), of)
        by_ks = stack.ks_laws.p(self._ks(of, n) ** 2, of)
        told = stack.has_null(n, of) & ~self._silent(of, n)
        return np.where(told, np.minimum(1.0, 2 * np.minimum(by_psi, by_ks)), np.nan)

    def _silent(self, of: slice | IntArray, n: IntArray) -> BoolArray:
        return np.asarray(self._stack.unusable[of] | (n == 0))
