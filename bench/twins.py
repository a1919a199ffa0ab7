"""The twins: drift numbers as one would write them with numpy or scipy alone, nothing shared with ours."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr
from scipy.stats import binned_statistic

from monitors.arrays import FloatArray

BINS = 10
FAR = 1e12


def quantile_edges(reference: FloatArray) -> FloatArray:
    """Bin edges of one reference: its deciles, open at both ends; a bin includes its upper decile."""
    inner = np.quantile(reference, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return np.concatenate([[-np.inf], np.nextafter(inner, np.inf), [np.inf]])


def stability(held: FloatArray, seen: FloatArray) -> float:
    """PSI of two histograms, half a count in each bin."""
    p = (held + 0.5) / (held.sum() + 0.5 * held.size)
    q = (seen + 0.5) / (seen.sum() + 0.5 * seen.size)
    return float(np.sum((p - q) * np.log(p / q)))


def numpy_psi(reference: FloatArray, current: FloatArray) -> FloatArray:
    """PSI of every feature with nothing prepared; arguments of shape (features, values)."""
    found = []
    for old, new in zip(reference, current, strict=True):
        edges = quantile_edges(old)
        found.append(stability(np.histogram(old, edges)[0], np.histogram(new, edges)[0]))
    return np.array(found)


def prepared_numpy_psi(edges: FloatArray, counts: FloatArray, current: FloatArray) -> FloatArray:
    """PSI of every feature, the reference's edges and counts being known."""
    return np.array(
        [
            stability(held, np.histogram(new, places)[0])
            for places, held, new in zip(edges, counts, current, strict=True)
        ]
    )


def prepared_scipy_psi(edges: FloatArray, counts: FloatArray, current: FloatArray) -> FloatArray:
    """The same by `scipy.stats.binned_statistic` and `scipy.special.rel_entr`."""
    found = []
    for places, held, new in zip(edges, counts, current, strict=True):
        inside = np.clip(places, -FAR, FAR)  # binned_statistic takes no infinite edge
        seen = binned_statistic(new, new, "count", bins=inside).statistic
        p = (held + 0.5) / (held.sum() + 0.5 * held.size)
        q = (seen + 0.5) / (seen.sum() + 0.5 * seen.size)
        found.append(float((rel_entr(p, q) + rel_entr(q, p)).sum()))
    return np.array(found)
