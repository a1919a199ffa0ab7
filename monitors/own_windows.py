"""The null of drift: what the reference's own sliding windows would have scored against the rest of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitors.arrays import FloatArray, IntArray
from monitors.ks import RankGrid
from monitors.psi import psi
from monitors.window_law import WindowLaw, left_out

LEAST_DISJOINT = 10  # a reference of fewer windows' length says too little about its own variation
MOST_WINDOWS = 800  # of very long references every few windows only
CHUNKS_PER_WINDOW = 20  # windows start at most this finely, so that long windows stay affordable


@dataclass(frozen=True, slots=True, eq=False)
class OwnWindows:
    """How PSI and KS of one feature vary between windows of the reference although nothing changed.

    Each window is held against the reference *without* that window: inside its own reference it would look
    closer than a new window does.

    Attributes:
        psi: The law of the windows' PSI.
        ks: The law of their squared KS distance on the coarse knots.
        p_values: p-value of each window by both, told by the others, in order of time; NaN where too little
            of a window was known, shape (all windows,).
        n: Median number of values in a window.
    """

    psi: WindowLaw
    ks: WindowLaw
    p_values: FloatArray
    n: int

    def p_psi(self, value: float) -> float:
        """How often a window of the reference has a PSI of at least `value`."""
        return self.psi.p(value)

    def p_ks(self, coarse: float) -> float:
        """The same for a KS distance measured on the coarse knots."""
        return self.ks.p(coarse * coarse)


def own_windows(
    values: FloatArray, grid: RankGrid, edges: FloatArray, *, window: int, least: int
) -> OwnWindows | None:
    """Score every sliding window of a reference against the rest of it.

    Args:
        values: The reference, shape (sessions, tickers), NaN = unknown.
        grid: Coarse grid of the same values; its knots include `edges`.
        edges: PSI edges, shape (bins - 1,).
        window: Length of a window in sessions.
        least: Fewest values a window must hold to count.

    Returns:
        None where the reference is shorter than ten windows or too many of its windows are nearly empty.
    """
    stride = window_stride(window)
    if values.shape[0] < LEAST_DISJOINT * window:
        return None
    below, sizes = window_counts(values, grid.knots, window=window, stride=stride)
    thinning = -(-sizes.size // MOST_WINDOWS)
    below, sizes, stride = below[::-thinning][::-1], sizes[::-thinning][::-1], stride * thinning
    kept = sizes >= max(least, 0.5 * float(np.median(sizes)))
    disjoint = int(kept.sum()) * stride / window
    if disjoint < LEAST_DISJOINT - 1:
        return None
    below, sizes = below[kept], sizes[kept]
    if (sizes >= grid.n).any():
        return None
    scores_psi, scores_ks = window_scores(below, sizes, grid, edges)
    told = []
    for scores in (scores_psi, scores_ks):
        placed = np.full(kept.size, np.nan)
        placed[kept] = scores
        told.append(left_out(placed, length=window, stride=stride))
    p_values = _single(np.minimum(1.0, 2 * np.minimum(*told)))
    laws = WindowLaw.of(scores_psi, disjoint), WindowLaw.of(scores_ks, disjoint)
    return OwnWindows(*laws, p_values, int(np.median(sizes)))


def window_scores(
    below: IntArray, sizes: IntArray, grid: RankGrid, edges: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """PSI and squared KS distance of each window against the reference without it.

    Args:
        below: Values <= each knot in each window, shape (windows, knots).
        sizes: Values in each window, shape (windows,).
        grid: The same of the whole reference; its knots include `edges`.
        edges: PSI edges, shape (bins - 1,).

    Returns:
        Two arrays of shape (windows,).
    """
    rest, rest_size = grid.below - below, grid.n - sizes
    at = grid.knots.searchsorted(edges)
    stability = psi(counts_between(rest[:, at], rest_size), counts_between(below[:, at], sizes))
    distance = np.abs(below / sizes[:, None] - rest / rest_size[:, None]).max(axis=1)
    return _single(stability), _single(distance**2)


def _single(scores: FloatArray) -> FloatArray:
    """Scores at single precision, which is how they are stored."""
    return scores.astype(np.float32).astype(np.float64)


def window_counts(
    values: FloatArray, knots: FloatArray, *, window: int, stride: int
) -> tuple[IntArray, IntArray]:
    """Values <= each knot, and values present, in every window ending a multiple of `stride` before the end.

    Args:
        values: Shape (sessions, tickers), NaN and infinities are left out.
        knots: Strictly increasing, shape (knots,).
        window: Sessions per window, a multiple of `stride`.
        stride: Sessions between the starts of two windows.

    Returns:
        Counts of shape (windows, knots) and sizes of shape (windows,).
    """
    chunks = values.shape[0] // stride
    # each row sorted first: searching with rising needles takes less than half the time
    used = np.sort(values[values.shape[0] - chunks * stride :].reshape(chunks, -1), axis=1)
    cells = knots.size + 2  # one above the last knot, one for the unknown
    codes = knots.searchsorted(used.ravel(), "left")
    codes[~np.isfinite(used.ravel())] = cells - 1
    codes += np.repeat(np.arange(chunks) * cells, used.shape[1])
    counts = np.bincount(codes, minlength=chunks * cells).reshape(chunks, cells)[:, :-1]
    running = np.zeros((chunks + 1, cells - 1), dtype=np.int64)
    np.cumsum(counts, axis=0, out=running[1:])
    length = window // stride
    below = np.cumsum(running[length:] - running[:-length], axis=1)
    return below[:, :-1], below[:, -1]


def window_stride(window: int) -> int:
    """The largest divisor of `window` that still starts about twenty windows within one window's length."""
    coarsest = max(1, window // CHUNKS_PER_WINDOW)
    return max(step for step in range(1, coarsest + 1) if window % step == 0)


def counts_between(below: IntArray, size: IntArray | int) -> IntArray:
    """Counts per bin from counts below each edge (last axis) and the sample sizes."""
    total = np.asarray(size, dtype=np.int64)[..., None]
    return np.diff(below, axis=-1, prepend=0, append=total)
