"""Logistic regression with a normal prior, for many groups at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from market.panel import FloatArray

STEPS: Final = 100
HALVINGS: Final = 40
CLOSE: Final = 1e-10  # squared length of a step, in standard errors, after which one more is enough


def fit_logistic(
    design: FloatArray,
    outcome: FloatArray,
    weight: FloatArray,
    group: NDArray[np.int64],
    prior: FloatArray,
    sd: float | tuple[float, ...],
    held: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Find each group's most probable parameters: P(y = 1) = 1 / (1 + exp(-design @ parameters)).

    Newton's method, each step halved until the loss falls; the prior makes the loss strictly convex, so there
    is one answer for any data, for one class only and for none at all (the prior's mean).

    Args:
        design: Shape (n, k).
        outcome: 0 or 1, shape (n,).
        weight: Independent outcomes that each row counts for, shape (n,).
        group: Of each row, from 0, shape (n,).
        prior: Mean of the parameters, shape (groups, k).
        sd: Their standard deviation, one for all or one for each of the k.
        held: Parameters that are 0 whatever the data say, shape (groups, k).

    Returns:
        Shape (groups, k).
    """
    groups, k = prior.shape
    free = np.ones(prior.shape, np.bool_) if held is None else ~held
    precision = np.broadcast_to(np.asarray(sd, np.float64) ** -2, k)

    def sums(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(group, values, groups), np.float64)

    def loss(theta: FloatArray) -> FloatArray:
        stated = (design * theta[group]).sum(axis=1)
        told = sums(weight * (np.logaddexp(0.0, stated) - outcome * stated))
        return np.asarray(told + 0.5 * (precision * (theta - prior) ** 2).sum(axis=1))

    theta = np.where(free, prior, 0.0)
    now = loss(theta)
    for _ in range(STEPS):
        stated = expit((design * theta[group]).sum(axis=1))
        miss, spread = weight * (stated - outcome), weight * stated * (1 - stated)
        slope = np.stack([sums(design[:, i] * miss) for i in range(k)], axis=1) + precision * (theta - prior)
        slope *= free
        bend = np.empty((groups, k, k))
        for i in range(k):
            for j in range(i, k):
                bend[:, i, j] = sums(design[:, i] * design[:, j] * spread) * free[:, i] * free[:, j]
                bend[:, j, i] = bend[:, i, j]
        bend += precision * np.eye(k)
        move = np.linalg.solve(bend, slope[..., None])[..., 0]
        gain = (slope * move).sum(axis=1)
        scale = np.ones((groups, 1))
        for _ in range(HALVINGS):
            then = loss(theta - scale * move)
            worse = then > now + 1e-12 * np.abs(now)
            if not worse.any():
                break
            scale[worse] /= 2
        theta, now = theta - scale * move, then
        if gain.max(initial=0.0) < CLOSE:
            break
    return theta
