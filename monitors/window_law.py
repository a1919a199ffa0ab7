"""The law of a score over windows of the reference, learnt from few and overlapping windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import fdtrc

from monitors.arrays import FloatArray

LEAST_P = 1e-12  # an extrapolated tail says nothing below
LEAST_SPREAD = 1e-12  # relative variance below which scores do not vary


@dataclass(frozen=True, slots=True, eq=False)
class WindowLaw:
    """How a non-negative score varies from window to window while nothing changes.

    Two estimates of its tail, the greater counts. The first is the rank among the windows seen; as they
    overlap, the greatest of a few hundred is soon exceeded. The second takes the score as proportional to a
    chi-square law with v = 2 mean^2 / variance degrees (Satterthwaite 1946) and its mean as known from d
    disjoint windows only: score / mean follows Fisher's F law with (v, v d) degrees. Beyond all windows seen
    only the second can speak.

    Attributes:
        ordered: The scores of the windows, sorted, shape (windows,).
        mean: Their mean.
        degrees: v, or 0 where the scores do not vary and only ranks speak.
        disjoint: d, how many windows of that length the reference holds side by side.
    """

    ordered: FloatArray
    mean: float
    degrees: float
    disjoint: float

    @classmethod
    def of(cls, scores: FloatArray, disjoint: float) -> WindowLaw:
        """The law of these scores, shape (windows,), at least one."""
        mean = float(scores.mean())
        degrees = _degrees(np.array(mean), np.array(scores.var()), np.array(disjoint))
        return cls(np.sort(scores), mean, float(degrees), disjoint)

    def p(self, value: float) -> float:
        """How often a new window scores at least `value`, in (0, 1]."""
        at_least = self.ordered.size - int(self.ordered.searchsorted(value, "left"))
        rank = (1 + at_least) / (1 + self.ordered.size)
        if self.degrees == 0:
            return rank
        tail = max(LEAST_P, float(fdtrc(self.degrees, self.degrees * self.disjoint, value / self.mean)))
        return tail if at_least == 0 else max(rank, tail)


def left_out(scores: FloatArray, *, length: int, stride: int) -> FloatArray:
    """p-value of each window by the law of those it does not overlap: what it would have been told when new.

    Args:
        scores: In order of time, `stride` sessions apart, NaN = unknown, shape (windows,).
        length: Sessions in a window.
        stride: Sessions from the start of one to the next.

    Returns:
        In (0, 1], shape (windows,); NaN where the score is unknown, 1 where hardly any window is apart.
    """
    reach = -(-length // stride) - 1  # so many on either side overlap
    near = sliding_window_view(np.pad(scores, reach, constant_values=np.nan), 2 * reach + 1)
    known = ~np.isnan(scores)
    ordered, total = np.sort(scores[known]), float(scores[known].sum())
    at_least = ordered.size - ordered.searchsorted(scores, "left") - (near >= scores[:, None]).sum(axis=1)
    others = ordered.size - (~np.isnan(near)).sum(axis=1)
    count = np.maximum(others, 1)
    mean = (total - np.nansum(near, axis=1)) / count
    variance = (float((ordered**2).sum()) - np.nansum(near**2, axis=1)) / count - mean**2
    disjoint = np.maximum(others * stride / length, 1.0)
    degrees = np.where(others > 1, _degrees(mean, np.maximum(variance, 0.0), disjoint), 0.0)
    # below, a mean is what subtraction left over
    degrees[mean <= LEAST_SPREAD * float(ordered.max(initial=0.0))] = 0.0
    p = (1 + at_least) / (1 + others)
    varies = known & (degrees > 0)
    tail = fdtrc(degrees[varies], (degrees * disjoint)[varies], scores[varies] / mean[varies])
    p[varies] = np.where(at_least[varies] == 0, np.maximum(tail, LEAST_P), np.maximum(p[varies], tail))
    p[~known] = np.nan
    return np.asarray(p)


def _degrees(mean: FloatArray, variance: FloatArray, disjoint: FloatArray) -> FloatArray:
    """2 mean^2 / variance, the variance enlarged as overlapping windows of one stretch vary too little."""
    enlarged = variance * disjoint / np.maximum(disjoint - 1, 1.0)
    varies = enlarged > LEAST_SPREAD * mean**2
    return np.asarray(np.divide(2 * mean**2, enlarged, out=np.zeros(mean.shape), where=varies))
