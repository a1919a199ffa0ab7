"""Pooling: how much a sample really tells about its groups, before any of them is given a line of its own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from market.panel import FloatArray

IntArray = NDArray[np.int64]


def repeats(
    design: FloatArray, outcome: FloatArray, group: IntArray, session: IntArray, prior: FloatArray
) -> float:
    """Return how many rows tell what one independent row would, at least 1.

    Outcomes of one session move together, and more so within a sector. Taken as independent they would drown
    the prior. The score's covariance J is summed over whole sessions of a group; against H, what independence
    would make of it, the likelihood counts for k / trace(J / H) (Pauli, Racugno, Ventura 2011). Only what
    sessions add enters: where no two rows of a group share one, the answer is 1.

    Args:
        design: Shape (n, k).
        outcome: 0 or 1, shape (n,).
        group: Of each row, from 0, shape (n,).
        session: Of each row, shape (n,).
        prior: Parameters that the groups are held against, shape (groups, k).
    """
    score, variance = _score(design, outcome, group, prior)
    first, last = (int(f(session, initial=0)) for f in (np.min, np.max))
    _, place = np.unique(group * (last - first + 1) + (session - first), return_inverse=True)
    sums = _sums(score, place, int(place.max(initial=-1)) + 1)
    shared = sums.T @ sums - score.T @ score
    alone = (design * variance[:, None]).T @ design
    inverse = np.linalg.pinv(alone, hermitian=True)
    k = float(np.trace(inverse @ alone))  # fewer than the columns where one of them never changes
    return max(1.0, 1.0 + float(np.trace(inverse @ shared)) / k) if k > 0.5 else 1.0


def spread(
    design: FloatArray, outcome: FloatArray, weight: FloatArray, group: IntArray, prior: FloatArray
) -> float:
    """Return the standard deviation by which groups' parameters are seen to differ from the prior's.

    A moment estimate from the scores u and their information H at the prior: u' u / H is expected to be k a
    group by chance, and t^2 trace H more if parameters differ by t (le Cessie, van Houwelingen 1995).

    Args:
        design: Shape (n, k).
        outcome: 0 or 1, shape (n,).
        weight: Independent outcomes that each row counts for, shape (n,).
        group: Of each row, from 0, shape (n,).
        prior: Parameters that the groups are held against, shape (groups, k).

    Returns:
        0 where they differ by no more than chance.
    """
    score, variance = _score(design, outcome, group, prior)
    groups, k = prior.shape
    sums = _sums(score * weight[:, None], group, groups)
    products = design[:, :, None] * design[:, None, :] * (weight * variance)[:, None, None]
    information = _sums(products.reshape(-1, k * k), group, groups).reshape(groups, k, k)
    inverse = np.linalg.pinv(information, hermitian=True)
    seen = float(np.einsum("gi,gij,gj->", sums, inverse, sums))
    chance = float(np.einsum("gij,gji->", inverse, information))
    whole = float(np.trace(information, axis1=1, axis2=2).sum())
    return math.sqrt(max(0.0, seen - chance) / whole) if whole > 0 else 0.0


def _score(
    design: FloatArray, outcome: FloatArray, group: IntArray, prior: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Each row's score at the prior, shape (n, k), and the variance of its outcome, shape (n,)."""
    stated = expit((design * prior[group]).sum(axis=1))
    return design * (outcome - stated)[:, None], np.asarray(stated * (1.0 - stated))


def _sums(values: FloatArray, place: IntArray, n: int) -> FloatArray:
    out = np.zeros((n, values.shape[1]))
    np.add.at(out, place, values)
    return out
