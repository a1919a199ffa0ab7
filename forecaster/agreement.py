"""Agreement: log-odds of several signals added up, less what they only repeat.

l - l0 = coverage x sqrt(n_eff / n) x sum of w_i (logit p_i - l0)

over the n signals that speak, with n_eff = (sum w)^2 / (w' R w) for the correlation R of their log-odds: two
signals that say the same count for less than two that agree by chance. Coverage is the share of the weights
that speaks: what is missing pulls towards the base rate l0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.panel import FloatArray

COVERAGE_FLOOR: Final = 0.5
"""Below this share of the weights there is no call."""


def agreed(
    leans: FloatArray, weights: FloatArray, speaks: NDArray[np.bool_], correlation: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what each signal adds, and the coverage.

    Args:
        leans: logit p_i - l0 of each signal, shape (..., signals); anything where it is silent.
        weights: Of each signal, shape (..., signals), not negative.
        speaks: Where a signal is heard, shape (..., signals).
        correlation: Of the signals' log-odds, shape (signals, signals).

    Returns:
        Log-odds added by each signal, shape (..., signals), 0 where it is silent; and the share of the
        weights that speaks, in [0, 1], shape (...).
    """
    heard = np.where(speaks, weights, 0.0)
    total, all_ = heard.sum(axis=-1), weights.sum(axis=-1)
    repeated = ((heard @ correlation) * heard).sum(axis=-1)
    n = speaks.sum(axis=-1)
    coverage = np.divide(total, all_, out=np.zeros(total.shape), where=all_ > 0)
    effective = np.divide(total * total, repeated, out=np.zeros(total.shape), where=repeated > 0)
    independent = np.divide(np.minimum(effective, n), n, out=np.zeros(total.shape), where=n > 0)
    factor = coverage * np.sqrt(independent)
    return np.where(speaks, heard * leans * factor[..., None], 0.0), coverage


def correlations(coefficients: FloatArray, gram: FloatArray) -> FloatArray:
    """Return how the log-odds of signals go together.

    Args:
        coefficients: Of each signal on every feature, shape (features, signals).
        gram: Sum of x x' over training rows, x being centred ranks, shape (features, features).

    Returns:
        Shape (signals, signals), 1 on the diagonal; a signal that never speaks goes with no other.
    """
    products = coefficients.T @ gram @ coefficients
    scale = np.sqrt(np.maximum(np.diag(products), 0.0))
    both = np.outer(scale, scale)
    out = np.divide(products, both, out=np.zeros(products.shape), where=both > 0)
    np.fill_diagonal(out, 1.0)
    return np.asarray(np.clip(out, -1.0, 1.0))
