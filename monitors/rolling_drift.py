"""Rolling drift: one row of features in at a time, PSI and KS of the newest rows out at any moment."""

from __future__ import annotations

import math

import numpy as np

from monitors.arrays import BoolArray, FloatArray, IntArray
from monitors.drift import DriftReference
from monitors.psi import HALF_COUNT
from monitors.stack import EVERY, greatest_gap

NEARLY = 1 - 1e-9  # of a critical score: what lies so close to it is measured


class RollingDrift:
    """Counts of the newest rows on the reference's bins and coarse knots, kept up to date row by row.

    An update costs a few comparisons a feature whatever the window; memory is fixed from the start. Nothing
    is approximated: after any number of rows the counts are those of the newest `rows` rows, so PSI equals
    the batch's and KS the batch's on the coarse knots, whose null the reference holds. A feature without a
    usable reference, or without a value in the window, reads NaN. NaN is left out and counted as missing,
    infinities fall into the outer bins.

    Of thousands of features read the PSI and `unusual` after every row. The latter knows whose p-value is low
    without computing the others': a p-value never rises with its score, so that a score below a critical one
    settles it, and one row more moves a KS distance by one over the number of values at most, so that a
    distance far below its critical one need not be measured again for many rows.

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
        self._codes = np.full((self._rows, features), self._cells - 1, dtype=np.uint16)
        self._seen = 0
        # of every bin, the one for the unknown included; PSI = sum (p - q)(ln P - ln Q), and as the shares p
        # and q add up to one, P and Q need not be divided by their totals
        padding = ((0, 0), (0, self._bins - stack.counts.shape[1]))
        real = np.pad(stack.bins, padding)
        self._smooth = HALF_COUNT * np.maximum(stack.bins.sum(axis=1), 1)
        share = np.pad(stack.counts, padding) + HALF_COUNT * real
        self._share = share / (stack.n + self._smooth)[:, None]
        self._log = np.log(np.where(real, share, 1.0)).ravel()
        self._logs = np.log(np.arange(self._rows + 1) + HALF_COUNT)  # of every count there can be
        self._held = HALF_COUNT * real  # values in each bin, smoothed
        self._gap = np.where(real.ravel(), self._log - self._logs[0], 0.0).reshape(real.shape)  # ln P - ln Q
        self._ks_seen = np.zeros(features)  # a KS distance measured some rows ago ...
        self._slack = np.full(features, np.inf)  # ... and by how much it can have moved since
        self._critical: tuple[float, FloatArray, FloatArray] | None = None

    def _binning(self, features: int, knots: int) -> tuple[IntArray, IntArray, int]:
        """Which PSI bin each cell lies in, where each feature's bins start, and how many there are."""
        bins = max(self._stack.counts.shape[1], 1) + 1  # the last one for the unknown
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
            self._move(self._bin_base + self._bin_of.take(old), -1.0)
        self._counts[new] += 1
        self._move(self._bin_base + self._bin_of.take(new), 1.0)
        self._gap[:, -1] = 0.0
        self._codes[place] = code
        self._seen += 1
        self._slack += 1.0 / np.maximum(self.rows - self._held[:, -1], 1.0)

    def _move(self, bins: IntArray, by: float) -> None:
        """Add to one bin of each feature and renew its logarithm."""
        held = self._held.ravel()
        now = held.take(bins)
        now += by
        held[bins] = now
        self._gap.ravel()[bins] = self._log.take(bins) - self._logs.take(now.astype(np.intp))

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
        n = self.n
        return self._p(EVERY, n, self._psi(EVERY, n), self._ks(EVERY, n))

    def unusual(self, level: float) -> tuple[IntArray, FloatArray]:
        """Which features' `p` is at or below a level, and their p.

        Exactly those that `p` shows, in less time: the others' is not computed.

        Args:
            level: In (0, 1).

        Returns:
            Places, rising, and their p-values.
        """
        if self._critical is None or self._critical[0] != level:
            laws = self._stack.psi_laws, self._stack.ks_laws
            by_psi, by_ks = (law.critical(level / 2) for law in laws)
            self._critical = level, by_psi * NEARLY, np.sqrt(by_ks) * NEARLY
        _, least_psi, least_ks = self._critical
        n = self.n
        psi = self._psi(EVERY, n)
        far = self._ks_seen + self._slack >= least_ks
        self._measure(far.nonzero()[0], n)
        far &= self._ks_seen >= least_ks
        far |= psi >= least_psi
        places = far.nonzero()[0]
        self._measure(places[self._slack[places] > 0], n)
        p = self._p(places, n[places], psi[places], self._ks_seen[places])
        low = p <= level
        return places[low], p[low]

    def _measure(self, places: IntArray, n: IntArray) -> None:
        """Measure the KS distance of some features."""
        if places.size:
            self._ks_seen[places] = np.nan_to_num(self._ks(places, n[places]))
            self._slack[places] = 0.0

    def _n(self, of: slice | IntArray) -> IntArray:
        return self.rows - self._held[of, -1].astype(np.int64)

    def _psi(self, of: slice | IntArray, n: IntArray) -> FloatArray:
        gap, total = self._gap[of], n + self._smooth[of]
        value = np.einsum("fb,fb->f", self._share[of], gap)
        value -= np.einsum("fb,fb->f", self._held[of], gap) / total
        value[self._silent(of, n)] = np.nan
        return np.asarray(np.maximum(value, 0.0, out=value))

    def _ks(self, of: slice | IntArray, n: IntArray) -> FloatArray:
        cells = self._counts.reshape(-1, self._cells)[of, : self._knots]
        below = np.cumsum(cells, axis=1, dtype=cells.dtype)  # no more than there are rows
        gap = greatest_gap(below, n, self._stack.coarse_shares[of])
        return np.where(self._silent(of, n), np.nan, gap)

    def _p(self, of: slice | IntArray, n: IntArray, psi: FloatArray, ks: FloatArray) -> FloatArray:
        by_psi, by_ks = self._stack.psi_laws.p(psi, of), self._stack.ks_laws.p(ks**2, of)
        told = self._stack.has_null(n, of) & ~self._silent(of, n)
        return np.where(told, np.minimum(1.0, 2 * np.minimum(by_psi, by_ks)), np.nan)

    def _silent(self, of: slice | IntArray, n: IntArray) -> BoolArray:
        return np.asarray(self._stack.unusable[of] | (n == 0))
